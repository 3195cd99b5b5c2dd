#include "main/public_url.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

/* By value, not by text: "0", "::0" and "0.0.0.0" are all of it. */
bool public_url_listens_on_all(Str host)
{
    char name[256];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    snprintf(name, sizeof name, STR_FMT, STR_ARG(host));
    if (getaddrinfo(name, NULL, &hints, &found))
        return false;
    bool all = false;
    if (found->ai_family == AF_INET)
        all = ((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr.s_addr ==
              INADDR_ANY;
    else if (found->ai_family == AF_INET6)
        all = IN6_IS_ADDR_UNSPECIFIED(
            &((const struct sockaddr_in6 *)(const void *)found->ai_addr)->sin6_addr);
    freeaddrinfo(found);
    return all;
}

/* The first IPv4 address of an interface that is up and is not the loopback one; 127.0.0.1 on a
 * machine that has none. IPv6 ones change more often, and a listener on "::" takes IPv4 too. */
static void find_own_address(char out[NI_MAXHOST])
{
    struct ifaddrs *all = NULL;
    snprintf(out, NI_MAXHOST, "127.0.0.1");
    if (getifaddrs(&all))
        return;
    for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
        bool usable = i->ifa_addr && i->ifa_addr->sa_family == AF_INET && i->ifa_flags & IFF_UP &&
                      !(i->ifa_flags & IFF_LOOPBACK);
        if (usable && getnameinfo(i->ifa_addr, sizeof(struct sockaddr_in), out, NI_MAXHOST, NULL, 0,
                                  NI_NUMERICHOST) == 0)
            break;
    }
    freeifaddrs(all);
}

void public_url_make(const char *scheme, struct host_port at, char out[PUBLIC_URL_MAX])
{
    char own[NI_MAXHOST];
    Str host = at.host;
    if (public_url_listens_on_all(host)) {
        find_own_address(own);
        host = str_of(own);
    }
    const char *form = str_find(host, ':') >= 0 ? "%s://[" STR_FMT "]:%u" : "%s://" STR_FMT ":%u";
    snprintf(out, PUBLIC_URL_MAX, form, scheme, STR_ARG(host), at.port);
}
