/*
 * struct wire: what a SockJS session has instead of a plain WebSocket, or between itself and one.
 * Frames go out as elements of SockJS arrays (codec/sockjs.h). Over a WebSocket the session does
 * the framing and the tcp is its own; otherwise the wire brings elements to whatever requests the
 * client makes. It knows nothing of STOMP.
 *
 * api/ makes and frees wires; a session borrows one from session_open until `ended`. All on the
 * session's loop; no function may call back into the session, save where it says so.
 */
#ifndef REALTIME_WIRE_H
#define REALTIME_WIRE_H

#include "base/buf.h"
#include "base/err.h"

struct session;
struct wire;

struct wire_ops {
    /* Of a session without a tcp: */

    /* Nobody is there to take output; session_wire_ready when somebody is again. */
    bool (*busy)(const struct wire *w);
    /* The elements of one array; only when not busy. */
    void (*send)(struct wire *w, Str elements);
    /* Input is wanted again, after session_wire_input has said otherwise. */
    void (*resume)(struct wire *w);
    /* The session is closing; elements: what it still has to say. session_wire_end must follow,
     * but not in here. */
    void (*close)(struct wire *w, Str elements, int code, Str reason);

    /* Of all: */

    /* A good CONNECT has come: may this session be the ticket's? Begins a job (session_submit),
     * which ends with session_claimed. */
    Err (*claim)(struct wire *w, struct session *s);
    /* The session has no more use for it. */
    void (*ended)(struct wire *w);
};

struct wire {
    const struct wire_ops *ops;
    struct buf message; /* over a WebSocket: the parts of one so far. The session's own */
    uint64_t in, out;   /* without one: bytes of STOMP that came and went. The session's own */
};

#endif
