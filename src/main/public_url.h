/*
 * The URL that clients call a listener by, when no option says so: made of the address it listens
 * on. "0.0.0.0" and "::" are no addresses that a client could call; this machine's own stands for
 * them.
 */
#ifndef MAIN_PUBLIC_URL_H
#define MAIN_PUBLIC_URL_H

#include "main/config.h"

enum { PUBLIC_URL_MAX = 512 };

/* Does the listener take connections to all addresses of this machine? */
bool public_url_listens_on_all(Str host);

/* scheme: "http" or "https". */
void public_url_make(const char *scheme, struct host_port at, char out[PUBLIC_URL_MAX]);

#endif
