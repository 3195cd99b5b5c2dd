/*
 * A TCP connection on a loop, and the listener that accepts them. Bytes in, bytes out: it knows
 * nothing of HTTP or sessions. One write at a time: what the kernel does not take at once moves
 * into an owned buffer, and until that is gone (tcp_busy) nothing else may be sent; the owner keeps
 * what it has in its own, cheaper form meanwhile.
 *
 * With TLS the bytes of on_data and tcp_send are the plain ones, and nothing else differs for the
 * owner. What TLS says by itself waits like any output, and while it waits nothing is read.
 *
 * What waits for the peer is counted where the loop has it counted (loop_count_output).
 *
 * tcp_open makes it; it frees itself after tcp_close or the end of the connection. Callbacks fire
 * on the loop's thread only, never inside tcp_open or tcp_send; on_close fires exactly once,
 * whoever closed, and the tcp must not be used after it.
 */
#ifndef IO_TCP_H
#define IO_TCP_H

#include "base/err.h"
#include "base/str.h"
#include "io/loop.h"
#include "io/tls.h"

struct tcp;

struct tcp_ops {
    /* bytes are borrowed for the call and may be written to (unmasking in place). */
    void (*on_data)(struct tcp *tcp, char *bytes, size_t n);
    /* The peer sends no more; what is on its way out may still be sent. */
    void (*on_end)(struct tcp *tcp);
    /* tcp_busy has ended. */
    void (*on_drain)(struct tcp *tcp);
    void (*on_close)(struct tcp *tcp);
    /* Or NULL. Inside tcp_close, whoever called it, tcp_send too: the last moment at which
     * tcp_traffic knows anything. May do nothing else to the connection. */
    void (*on_closing)(struct tcp *tcp);
};

/* fd is moved. Reading starts at once. context: NULL for no TLS. */
struct tcp *tcp_open(struct loop *loop, int fd, struct tls_context *context,
                     const struct tcp_ops *ops, void *owner);

/* Calls fn once after on_close, whoever is the owner then: for what is counted by socket. A later
 * call replaces an earlier one. */
void tcp_at_end(struct tcp *tcp, void (*fn)(void *arg), void *arg);

/* Another owner takes over: from the next callback on. */
void tcp_hand_over(struct tcp *tcp, const struct tcp_ops *ops, void *owner);
void *tcp_owner(const struct tcp *tcp);
struct loop *tcp_loop(const struct tcp *tcp);

void tcp_read_start(struct tcp *tcp);
void tcp_read_stop(struct tcp *tcp);

/* Only when not busy, TCP_SEND_MAX bytes at most. Bytes are borrowed for the call. A dead peer
 * shows in on_close later. */
enum { TCP_SEND_MAX = TLS_WRITE_MAX };
void tcp_send(struct tcp *tcp, Str bytes);
bool tcp_busy(const struct tcp *tcp);
size_t tcp_pending(const struct tcp *tcp);
/* Those, and what the kernel has that the peer has not acknowledged: it shrinks while a slow peer
 * takes something, long before there is room to write. */
size_t tcp_unacknowledged(const struct tcp *tcp);

/* Bytes that have come and gone over it since it was accepted, as the kernel counts them: with TLS
 * the encrypted ones. False, with neither set, once it is closed or when the kernel does not say.
 */
bool tcp_traffic(const struct tcp *tcp, uint64_t *in, uint64_t *out) must_check;

/* At once; what is pending is lost. on_close follows later in the loop. */
void tcp_close(struct tcp *tcp);

/*
 * After what is pending, even if the peer has already ended its side: shuts the sending side, reads
 * and drops what still comes so that the peer sees our last bytes and not a reset, and closes when
 * the peer does or after linger_ms. No on_data, on_end or on_drain any more; on_close follows.
 */
void tcp_finish(struct tcp *tcp, int64_t linger_ms);

/* Writes "host:port" of the peer (no name look-up); text is NUL-terminated. */
void tcp_peer(const struct tcp *tcp, char *out, size_t size);

/* ----- listener ----- */

struct listener;

/*
 * Accepts on the loop, at most 64 a tick, and gives each socket (non-blocking, moved) to on_socket.
 * When the process has no file descriptors left it pauses for 100 ms and says so. port 0: a free
 * one. *why says what failed.
 */
Err listener_open(struct loop *loop, Str host, uint16_t port, void (*on_socket)(void *arg, int fd),
                  void *arg, struct listener **out, const char **why) must_check;
uint16_t listener_port(const struct listener *listener);
/* Stops accepting; frees itself. On the loop's thread. */
void listener_close(struct listener **listener);

#endif
