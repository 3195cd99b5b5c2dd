#include "io/traffic.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

bool traffic_read(int fd, uint64_t *in, uint64_t *out)
{
    struct tcp_info info;
    socklen_t n = sizeof info;
    const size_t needed = offsetof(struct tcp_info, tcpi_bytes_retrans) + sizeof(uint64_t);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0 || n < needed)
        return false;
    *in = info.tcpi_bytes_received;
    *out = info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
    return true;
}
