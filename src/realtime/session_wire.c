/*
 * The session on a wire: frames become elements of SockJS arrays, as many in one as there are to be
 * written. Over a WebSocket `control` holds whole WebSocket frames, as without SockJS; without one,
 * elements.
 */
#include "realtime/session_parts.h"

#include "base/mem.h"
#include "codec/sockjs.h"

enum {
    WRITE_AT = 64 * 1024,          /* of elements in one array */
    ARRAY_MAX = 16 * 1024 * 1024,  /* that, and any one event once, escaped */
    MESSAGE_MAX = 2 * 1024 * 1024, /* more than any WebSocket message */
    BROKEN_FRAMING = 3000,
};

/* A SockJS frame in a WebSocket message. */
void session_wire_frame(struct session *s, Str frame)
{
    ws_encode(&s->control, WS_TEXT, WS_FIN, frame);
    session_dirty(s);
}

static void array_message(struct buf *out, Str elements)
{
    struct buf array = BUF(ARRAY_MAX + 8);
    sockjs_array(&array, elements);
    ws_encode(out, WS_TEXT, WS_FIN, buf_str(&array));
    buf_free(&array);
}

void session_wire_control(struct session *s, Str stomp)
{
    if (!s->tcp) {
        sockjs_element(&s->control, stomp);
        return;
    }
    struct buf element = BUF(ARRAY_MAX);
    sockjs_element(&element, stomp);
    array_message(&s->control, buf_str(&element));
    buf_free(&element);
}

/* ----- output ----- */

static void send_tcp(struct session *s, Str bytes)
{
    if (!bytes.n)
        return;
    tcp_send(s->tcp, bytes);
    if (tcp_busy(s->tcp))
        tcp_read_stop(s->tcp);
}

/* Sends the elements and clears them. */
static void send_elements(struct session *s, struct buf *elements)
{
    must(!elements->overflow);
    if (!elements->n)
        return;
    s->last_out = loop_now(s->all->config.loop);
    if (s->tcp) {
        struct buf message = BUF(ARRAY_MAX + 64);
        array_message(&message, buf_str(elements));
        send_tcp(s, buf_str(&message));
        buf_free(&message);
    } else {
        s->wire->out += elements->n;
        s->wire->ops->send(s->wire, buf_str(elements));
    }
    buf_clear(elements);
}

/* The event for each subscription, sent once there is much. False: the peer took no more before the
 * last one; those before it are marked. */
static bool write_event(struct session *s, Str user, const struct blob *event, struct buf *elements)
{
    char *frame = s->all->scratch;
    bool broken = false;
    for (struct subscription *to = s->subscriptions; to; to = to->next) {
        if (to->ahead) {
            broken = true;
            continue;
        }
        char *end = session_put_frame(frame, user, to, event);
        sockjs_element(elements, str_from(frame, (size_t)(end - frame)));
        if (elements->n < WRITE_AT)
            continue;
        send_elements(s, elements);
        if (to->next && session_busy(s)) {
            session_put_ahead(s, to);
            return false;
        }
    }
    if (broken)
        session_even_out(s);
    return true;
}

void session_wire_write(struct session *s)
{
    if (session_gone(s) || session_busy(s))
        return;
    char user[ID_TEXT];
    struct buf control = s->control, elements = BUF(ARRAY_MAX);
    id_format(s->actor.user_id, user);
    s->control = BUF(control.max);
    if (s->tcp)
        send_tcp(s, buf_str(&control));
    else
        buf_add(&elements, buf_str(&control));
    buf_free(&control);
    uint32_t done = 0;
    while (done < s->out_n && !session_busy(s) &&
           write_event(s, str_from(user, sizeof user), s->out[done], &elements))
        done++;
    send_elements(s, &elements);
    buf_free(&elements);
    if (done)
        session_drop_output(s, done);
    session_account(s);
}

/* After session_write, with the session closing. */
void session_wire_close(struct session *s, int code, Str reason)
{
    if (code == WS_NORMAL && !reason.n)
        reason = S("Normal closure");
    if (!s->tcp) {
        struct buf left = s->control;
        s->control = BUF(left.max);
        s->wire->ops->close(s->wire, buf_str(&left), code, reason);
        buf_free(&left);
        return;
    }
    if (!s->ws.closed && code != BROKEN_FRAMING) {
        struct buf frame = BUF(4096);
        sockjs_close(&frame, code, reason);
        session_wire_frame(s, buf_str(&frame));
        buf_free(&frame);
    }
    ws_encode_close(&s->control, code, reason);
}

/* ----- input over a WebSocket ----- */

static void take_message(struct session *s, Str text)
{
    struct buf messages = BUF(MESSAGE_MAX);
    if (!text.n)
        return;
    switch (sockjs_decode(text, &messages)) {
    case SOCKJS_MESSAGES:
    case SOCKJS_MESSAGE:
        if (messages.n)
            session_payload(s, buf_str(&messages));
        break;
    default:
        session_close(s, BROKEN_FRAMING, S("Broken framing."));
    }
    buf_free(&messages);
}

void session_wire_message(struct session *s, const struct ws_event *e)
{
    struct buf *b = &s->wire->message;
    b->max = MESSAGE_MAX;
    if (e->kind == WS_GOT_MESSAGE) {
        take_message(s, e->payload);
        return;
    }
    buf_add(b, e->payload);
    if (e->kind != WS_GOT_END)
        return;
    struct buf whole = *b;
    *b = BUF(MESSAGE_MAX);
    take_message(s, buf_str(&whole));
    buf_free(&whole);
}

/* ----- input otherwise, and the end ----- */

bool session_wire_input(struct session *s, Str stomp)
{
    s->wire->in += stomp.n;
    if (s->connected)
        s->last_in = loop_now(s->all->config.loop);
    if (stomp.n && !s->closing)
        session_payload(s, stomp);
    return !s->paused || s->closing;
}

void session_wire_ready(struct session *s)
{
    session_drained(s);
}

void session_wire_end(struct session *s)
{
    must(!s->tcp);
    session_end(s);
}
