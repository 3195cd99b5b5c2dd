/*
 * Compressed messages, of sessions that have agreed on permessage-deflate. Neither side takes over
 * context, so the loop has one ws_deflate for all its sessions, and a session keeps nothing.
 *
 * Out: what all recipients of an event share is compressed when the first of them is written to,
 * and stays with the event's blob, so as long as that is queued somewhere. Around it each recipient
 * has stored pieces: its head, and its id at the mark.
 *
 * In: the parts of a fragmented message are kept as they came, and inflated as a whole. A few bytes
 * can become many, so a loop that has inflated its turn of a tick holds back whoever sends more
 * until the next one. An inflater for each open message would need no parts, but is larger.
 */
#include "realtime/session_parts.h"

#include "base/mem.h"
#include "codec/ws_deflate.h"

enum {
    EVENT_MAX = 2 * 1024 * 1024, /* more than any event's frame */
    INFLATE_TURN = 1024 * 1024,  /* bytes inflated for a loop's sessions in one tick */
};

static struct ws_deflate *deflate(struct sessions *all)
{
    if (!all->deflate)
        all->deflate = ws_deflate_new();
    return all->deflate;
}

/* ----- out ----- */

/* The event's shared part; its mark is where the recipient's id goes, 0: nowhere. */
static const struct blob *compressed(struct sessions *all, struct blob *b)
{
    if (b->other)
        return b->other;
    struct buf out = BUF(EVENT_MAX);
    if (b->mark)
        ws_deflate_compress(deflate(all), str_from(b->p, b->mark), &out);
    size_t mark = out.n, behind = b->mark ? b->mark + ID_TEXT : 0;
    ws_deflate_compress(deflate(all), str_skip(blob_str(b), behind), &out);
    must(!out.overflow);
    out.n -= WS_DEFLATE_TAIL;
    b->other = blob_new(buf_str(&out), (uint32_t)mark);
    buf_free(&out);
    return b->other;
}

char *session_put_compressed(struct session *s, char *at, Str user, const struct subscription *to,
                             struct blob *b)
{
    const struct blob *shared = compressed(s->all, b);
    size_t head = session_head_size(user, to, b);
    size_t id = shared->mark ? WS_DEFLATE_STORED + user.n : 0;
    at +=
        ws_encode_header(at, WS_TEXT, WS_FIN | WS_RSV1, WS_DEFLATE_STORED + head + id + shared->n);
    at = ws_deflate_store(at, head);
    at = session_put_head(at, user, to, b);
    if (id) {
        at = session_put(at, str_from(shared->p, shared->mark));
        at = ws_deflate_store(at, user.n);
        at = session_put(at, user);
    }
    return session_put(at, str_skip(blob_str(shared), shared->mark));
}

/* ----- in ----- */

void session_drop_parts(struct session *s)
{
    if (s->parts)
        buf_free(s->parts);
    mem_free(s->parts);
    s->parts = NULL;
}

struct turn {
    struct loop_msg msg;
    struct session *session;
};

static void next_turn(struct loop *loop, struct loop_msg *msg)
{
    struct turn *t = (struct turn *)msg;
    struct session *s = t->session;
    (void)loop;
    mem_free(t);
    session_job_done(s);
}

/* Goes on in the next tick. Counted like a job, so that the session stays until then. */
static void wait_for_turn(struct session *s)
{
    struct turn *t = mem_alloc(sizeof *t);
    *t = (struct turn){{.run = next_turn}, s};
    s->jobs++;
    session_pause(s);
    loop_post(s->all->config.loop, &t->msg);
}

static void take_whole(struct session *s, enum ws_opcode opcode, Str payload)
{
    struct buf plain = BUF(s->all->config.limits->message);
    const char *why = NULL;
    int code = ws_deflate_inflate(deflate(s->all), payload, &plain, &why);
    s->all->inflated += plain.n;
    if (!code && opcode == WS_TEXT && !utf8_valid(buf_str(&plain))) {
        code = -WS_BAD_TEXT;
        why = "a text message is not UTF-8";
    }
    if (code) {
        session_close(s, -code, str_of(why));
    } else {
        struct ws_event whole = {WS_GOT_MESSAGE, opcode, .payload = buf_str(&plain)};
        session_message(s, &whole);
    }
    buf_free(&plain);
    if (s->all->inflated > INFLATE_TURN && !s->closing)
        wait_for_turn(s);
}

void session_inflate(struct session *s, const struct ws_event *e)
{
    if (e->kind == WS_GOT_MESSAGE) {
        take_whole(s, e->opcode, e->payload);
        return;
    }
    if (!s->parts) {
        s->parts = mem_alloc(sizeof *s->parts);
        *s->parts = BUF(s->all->config.limits->message); /* the stream has the same limit */
    }
    buf_add(s->parts, e->payload);
    if (e->kind != WS_GOT_END)
        return;
    struct buf *parts = s->parts;
    s->parts = NULL; /* a close meanwhile frees what the session keeps */
    take_whole(s, e->opcode, buf_str(parts));
    buf_free(parts);
    mem_free(parts);
}
