#include "main/open_files.h"

#include "api/server.h"

#include <sys/resource.h>

enum {
    FILES_RESERVED = 64,
    FILES_DEFAULT = 1024,      /* when the limit cannot be read */
    FILES_MAX = 10000000,      /* when there is none */
    MANAGEMENT_SOCKETS = 1024, /* open on the management API at once */
};

static size_t raise_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return FILES_DEFAULT;
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0 && getrlimit(RLIMIT_NOFILE, &files) != 0)
        return FILES_DEFAULT;
    return files.rlim_cur < FILES_MAX ? (size_t)files.rlim_cur : FILES_MAX;
}

struct open_files open_files_divide(size_t asked)
{
    size_t all = raise_limit();
    struct open_files out = {0};
    out.management = all / 8 < MANAGEMENT_SOCKETS ? all / 8 : MANAGEMENT_SOCKETS;
    size_t reserved = FILES_RESERVED + SERVER_PROBES + out.management;
    out.connections = all > 2 * reserved ? all - reserved : all / 2;
    if (asked && asked < out.connections)
        out.connections = asked;
    return out;
}
