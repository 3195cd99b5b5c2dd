/*
 * TLS of the server's side, by OpenSSL: bytes of the peer in, plain bytes out, and the other way.
 * It knows nothing of sockets: tcp.c moves the bytes. TLS 1.2 and 1.3, ALPN http/1.1; a peer that
 * asks for a renegotiation is told that there is none, and that is the end.
 *
 * A context is shared by all loops and outlives its connections; a struct tls belongs to one
 * connection and its loop. Neither keeps a buffer while nothing is under way.
 */
#ifndef IO_TLS_H
#define IO_TLS_H

#include "base/buf.h"
#include "base/err.h"

struct tls_context;
struct tls;

/* PEM files: the chain with the server's own certificate first, and its key. ERR_INVALID_FIELD with
 * *why (good until the next call): one cannot be read, or they do not belong together. */
Err tls_context_new(const char *cert_file, const char *key_file, struct tls_context **out,
                    const char **why) must_check;
/* Reads the files again, for connections to come. An error changes nothing. Any thread. */
Err tls_context_reload(struct tls_context *context, const char **why) must_check;
void tls_context_free(struct tls_context **context);

struct tls *tls_new(struct tls_context *context);
void tls_free(struct tls **tls);

/* What the peer has sent. Borrowed until tls_read has returned TLS_MORE or worse. */
void tls_feed(struct tls *tls, Str bytes);

enum { TLS_MORE = 0, TLS_ENDED = -1, TLS_BROKEN = -2 };

/* Decrypts into to; returns how many bytes, or one of the above. The handshake happens in here. */
int tls_read(struct tls *tls, char *to, int room);

/* Encrypts behind what waits in tls_output, TLS_WRITE_MAX bytes at most. False: there is no
 * connection to write to. */
enum { TLS_WRITE_MAX = 1024 * 1024 };
bool tls_write(struct tls *tls, Str bytes);
/* Says to the peer that nothing follows. */
void tls_end(struct tls *tls);

/* What has to go to the peer; the caller frees it (buf_free) once it is on its way. */
struct buf *tls_output(struct tls *tls);

#endif
