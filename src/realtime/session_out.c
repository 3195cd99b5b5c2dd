/*
 * Output: events are queued as references to frames that all recipients share and rendered for one
 * session after another into one scratch buffer, straight before its write; a session's own frames
 * (receipts, CONNECTED, ERROR, heart-beats, WebSocket control) go before them.
 *
 * Each MESSAGE has a cursor: who comes back with it misses nothing. All go through session_push,
 * and this is why each cursor is safe when it is pushed:
 *
 * - a stored event, live (hub_deliver, hub_load, hub_hole): publications come in the order of
 *   commits, which is that of positions, and every session gets each of its events in that order.
 *   No event of one process is ever missing, so hub_hole has nothing to wait for; a bus that loses
 *   some needs a mark below which nothing is missing, for an event of another chat passes the hole;
 * - READ_MSG, live (hub_marks): held back, it has the position of its commit, which is lower than
 *   what was pushed meanwhile, so that it repeats; what overtakes it is at most REPLAY_LATE_MS
 *   younger, and a replay begins so much earlier with marks;
 * - TYPING: the position of its commit; all that is below it came before it;
 * - PRESENCE and notes (hub_presence, session_tell): hub_position, what this loop has pushed to its
 *   subscribed sessions; none is pushed to one that is being resumed but RESYNC, which claims
 * nothing;
 * - a replay (session_resume): events and marks of all chats in the order of positions, and nothing
 *   else until it is over: live events are held, TYPING and PRESENCE dropped; SEND and COMMIT wait,
 *   so that neither a retry's first event nor an ERROR comes between;
 * - the first event again, of a retry (stomp_commands): its position is below what its session has,
 *   for a commit's events come before the answers to its jobs.
 */
#include "realtime/session_parts.h"

#include "base/log.h"
#include "base/mem.h"
#include "realtime/render.h"

enum {
    WRITE_AT = 64 * 1024, /* written once there is this much */
    LINGER_MS = 2000,     /* for the peer to answer a close frame */
    CLOSE_MS = 10000,     /* for a stalled peer to take the close frame */
    FRAME_HEADS = 256,    /* of output accounting: what stands around an event's frame */
};

void session_dirty(struct session *s)
{
    if (s->dirty)
        return;
    s->dirty = true;
    s->next_dirty = s->all->dirty;
    s->all->dirty = s;
}

void session_not_dirty(struct session *s)
{
    struct session **at = &s->all->dirty;
    while (s->dirty && *at != s)
        at = &(*at)->next_dirty;
    if (s->dirty)
        *at = s->next_dirty;
    s->dirty = false;
}

/* Each subscription gets each event. */
static size_t queued(const struct session *s)
{
    return (size_t)s->out_bytes * s->n_subscriptions;
}

/* What is under way is counted by the connection. */
static size_t held(const struct session *s)
{
    if (s->closing)
        return 0;
    size_t n = queued(s) + s->control.n;
    return s->paused ? n + s->in.n + s->stomp_in.n : n;
}

/* The count is shared by all loops, and touched only by those that lag. */
void session_account(struct session *s)
{
    size_t n = session_gone(s) ? 0 : held(s);
    uint32_t bytes = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    if (bytes > s->accounted)
        atomic_fetch_add(s->all->config.buffered, bytes - s->accounted);
    else if (bytes < s->accounted)
        atomic_fetch_sub(s->all->config.buffered, s->accounted - bytes);
    s->accounted = bytes;
}

void session_start_output(struct session *s)
{
    s->out = &s->only;
    s->out_cap = 1;
}

/* An owned array begins with a slot that says how many references were dropped before the first. */
static struct blob **output_memory(const struct session *s)
{
    return s->out - 1 - (uintptr_t)s->out[-1];
}

static void free_output(struct session *s)
{
    if (s->out != &s->only)
        mem_free(output_memory(s));
    session_start_output(s);
}

static void grow_output(struct session *s)
{
    uint32_t cap = s->out_n * 4;
    struct blob **memory = mem_resize(NULL, ((size_t)cap + 1) * sizeof(*memory));
    memory[0] = NULL;
    memcpy(memory + 1, s->out, s->out_n * sizeof(*memory));
    free_output(s);
    s->out = memory + 1;
    s->out_cap = cap;
}

void session_drop_output(struct session *s, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        s->out_bytes -= s->out[i]->n + FRAME_HEADS;
        blob_unref(&s->out[i]);
    }
    s->out_n -= n;
    if (!s->out_n) {
        free_output(s);
        return;
    }
    uintptr_t dropped = n + (uintptr_t)s->out[-1]; /* more than one: the array is owned */
    s->out += n;
    s->out_cap -= n;
    s->out[-1] = (struct blob *)dropped;
}

static const Str head = {RENDER_HEAD, sizeof RENDER_HEAD - 1};
static const Str middle = {RENDER_MIDDLE, sizeof RENDER_MIDDLE - 1};
static const Str ack_name = {"\nack:", 5};

/* The event's id, which stands at the start of what all share. */
static Str ack_of(const struct subscription *to, const struct blob *b)
{
    if (!to->acks)
        return S("");
    Str rest = str_skip(blob_str(b), sizeof RENDER_ID - 1);
    return str_cut(&rest, '\n');
}

static inline size_t head_size(Str user, const struct subscription *to, Str ack)
{
    return head.n + user.n + middle.n + to->n + (ack.n ? ack_name.n + ack.n : 0);
}

static inline char *put_head(char *at, Str user, const struct subscription *to, Str ack)
{
    at = session_put(at, head);
    at = session_put(at, user);
    at = session_put(at, middle);
    at = session_put(at, str_from(to->id, to->n));
    return ack.n ? session_put(session_put(at, ack_name), ack) : at;
}

/* That, and the shared rest with the recipient's id patched in. */
static inline char *put_frame(char *at, Str user, const struct subscription *to, Str ack,
                              const struct blob *b)
{
    at = put_head(at, user, to, ack);
    if (b->mark)
        memcpy(session_put(at, str_from(b->p, b->mark)), user.p, user.n);
    size_t rest = b->mark ? b->mark + user.n : 0;
    memcpy(at + rest, b->p + rest, b->n - rest);
    return at + b->n;
}

size_t session_head_size(Str user, const struct subscription *to, const struct blob *b)
{
    return head_size(user, to, ack_of(to, b));
}

char *session_put_head(char *at, Str user, const struct subscription *to, const struct blob *b)
{
    return put_head(at, user, to, ack_of(to, b));
}

char *session_put_frame(char *at, Str user, const struct subscription *to, const struct blob *b)
{
    return put_frame(at, user, to, ack_of(to, b), b);
}

/* One event for one subscription: WebSocket header, STOMP frame. */
static char *put_event(struct session *s, char *at, Str user, const struct subscription *to,
                       struct blob *b)
{
    if (session_compresses(s, b))
        return session_put_compressed(s, at, user, to, b);
    Str ack = ack_of(to, b);
    size_t n = head_size(user, to, ack) + b->n;
    at += ws_encode_header(at, WS_TEXT, WS_FIN, n);
    return put_frame(at, user, to, ack, b);
}

static void send_bytes(struct session *s, Str bytes)
{
    if (!bytes.n)
        return;
    tcp_send(s->tcp, bytes);
    s->last_out = loop_now(s->all->config.loop);
    if (tcp_busy(s->tcp))
        tcp_read_stop(s->tcp);
}

void session_even_out(struct session *s)
{
    for (struct subscription *to = s->subscriptions; to; to = to->next)
        to->ahead = false;
}

void session_put_ahead(struct session *s, const struct subscription *last)
{
    for (struct subscription *to = s->subscriptions; to != last->next; to = to->next)
        to->ahead = true;
}

/* Puts the event for each subscription behind *at, and writes once that is much. False: the peer
 * took no more before the last one; those before it are marked. */
static bool write_event(struct session *s, Str user, struct blob *b, char **at)
{
    char *start = s->all->scratch;
    bool broken = false;
    for (struct subscription *to = s->subscriptions; to; to = to->next) {
        if (to->ahead) {
            broken = true;
            continue;
        }
        *at = put_event(s, *at, user, to, b);
        if (*at - start < WRITE_AT)
            continue;
        send_bytes(s, str_from(start, (size_t)(*at - start)));
        *at = start;
        if (to->next && tcp_busy(s->tcp)) {
            session_put_ahead(s, to);
            return false;
        }
    }
    if (broken)
        session_even_out(s);
    return true;
}

/* Writes what is queued, as far as the peer takes it. */
void session_write(struct session *s)
{
    if (s->wire) {
        session_wire_write(s);
        return;
    }
    if (!s->tcp || tcp_busy(s->tcp))
        return;
    char user[ID_TEXT], *start = s->all->scratch, *at = start;
    id_format(s->actor.user_id, user);
    if (s->control.n <= WRITE_AT)
        at = session_put(at, buf_str(&s->control));
    else
        send_bytes(s, buf_str(&s->control));
    buf_free(&s->control);
    uint32_t done = 0;
    while (done < s->out_n && !tcp_busy(s->tcp) &&
           write_event(s, str_from(user, sizeof user), s->out[done], &at))
        done++;
    if (!tcp_busy(s->tcp))
        send_bytes(s, str_from(start, (size_t)(at - start)));
    if (done)
        session_drop_output(s, done);
    session_account(s);
}

/* Bytes that wait for its peer. */
static size_t waiting(const struct session *s)
{
    return s->accounted + (s->tcp ? tcp_pending(s->tcp) : 0);
}

static void close_largest(struct sessions *all)
{
    struct session *largest = NULL;
    size_t at = 0, most = 0;
    for (struct hub_member *m = NULL; (m = hub_next(all->hub, &at, m));) {
        struct session *s = (struct session *)m;
        if (s->closing || waiting(s) <= most)
            continue;
        largest = s;
        most = waiting(s);
    }
    if (all->config.shed && all->config.shed(all->config.context, all->config.loop, most))
        return;
    if (largest)
        session_close(largest, WS_TOO_SLOW, S("the server's buffers are full"));
}

/* Once in a millisecond at most, since the largest is looked for among all. */
static void keep_budget(struct sessions *all)
{
    size_t buffered = atomic_load_explicit(all->config.buffered, memory_order_relaxed);
    int64_t now = loop_now(all->config.loop);
    if (buffered <= all->config.budget / 5 * 4 || now == all->shed_at)
        return;
    all->shed_at = now;
    close_largest(all);
}

void session_leave(struct session *s)
{
    session_resume_cancel(s);
    if (!s->removed) {
        hub_remove(s->all->hub, &s->member);
        online_close(s->all->config.online, s->actor.app);
    }
    s->removed = true;
    if (s->online)
        online_leave(s->all->config.online, s->actor.app, s->actor.user);
    s->online = false;
}

static void flush(struct session *s)
{
    session_write(s);
    if (!s->closing || !s->tcp || tcp_busy(s->tcp))
        return;
    session_write(s); /* the close frame, when something else was in its way */
    if (!tcp_busy(s->tcp) && !s->control.n)
        tcp_finish(s->tcp, LINGER_MS);
}

void sessions_flush(void *arg)
{
    struct sessions *all = arg;
    all->inflated = 0;
    while (all->dirty) {
        struct session *s = all->dirty;
        all->dirty = s->next_dirty;
        s->dirty = false;
        flush(s);
        if (s->closing)
            session_leave(s);
    }
    keep_budget(all);
}

void session_control(struct session *s, Str stomp)
{
    uint32_t before = s->control.n;
    if (s->wire)
        session_wire_control(s, stomp);
    else
        ws_encode(&s->control, WS_TEXT, WS_FIN, stomp);
    session_check_control(s, before);
}

/* Input that makes output waits while the peer does not take that. */
void session_check_control(struct session *s, uint32_t before)
{
    session_dirty(s);
    if (s->control.n > SESSION_CONTROL_HIGH && !s->closing) {
        session_write(s);
        if (s->control.n > SESSION_CONTROL_HIGH)
            session_pause(s);
    }
    if (s->control.overflow || s->control.n > SESSION_CONTROL_MAX) {
        s->control.n = before;
        s->control.overflow = false;
        session_close(s, WS_TOO_SLOW, S("too slow"));
    }
}

static bool is_over(const struct session *s)
{
    return queued(s) > s->all->config.limits->output;
}

void session_push(struct session *s, struct blob *frame)
{
    if (s->closing || !s->n_subscriptions)
        return;
    if (is_over(s)) {
        session_write(s);
        if (s->closing || is_over(s)) {
            session_close(s, WS_TOO_SLOW, S("too slow"));
            return;
        }
    }
    if (s->out_n == s->out_cap)
        grow_output(s);
    s->out[s->out_n++] = blob_ref(frame);
    s->out_bytes += frame->n + FRAME_HEADS;
    if (session_busy(s))
        session_account(s);
    session_dirty(s);
}

/* What the session has got of the log. */
static int64_t session_position(const struct session *s)
{
    int64_t live = s->member.user && !s->resume ? hub_position(&s->member) : 0;
    return live > s->position ? live : s->position;
}

void session_tell(struct session *s, Str json)
{
    struct blob *frame = render_note(json, session_position(s));
    session_push(s, frame);
    blob_unref(&frame);
}

void session_receipt(struct session *s, Str receipt)
{
    if (!receipt.n || s->closing)
        return;
    struct buf *f = &s->all->frame;
    buf_clear(f);
    buf_add(f, S("RECEIPT\nreceipt-id:"));
    buf_add(f, receipt); /* as it was sent, so still escaped */
    buf_add(f, S("\n\n\0"));
    session_control(s, buf_str(f));
}

static void log_slow(const struct session *s)
{
    struct session_who who;
    struct log_field f[SESSION_LOG_WHO];
    session_log_who(s, &who, f);
    log_event(LOG_INFO, "session too slow", f[0], f[1], log_n("queued", (int64_t)queued(s)));
}

void session_close(struct session *s, int code, Str reason)
{
    if (s->closing || session_gone(s))
        return;
    if (code == WS_TOO_SLOW)
        log_slow(s);
    s->closing = true;
    session_write(s);
    session_log_end(s, code, reason);
    if (s->out_n)
        session_drop_output(s, s->out_n);
    buf_free(&s->in);
    buf_free(&s->stomp_in);
    session_drop_parts(s);
    session_account(s);
    if (s->wire)
        session_wire_close(s, code, reason);
    else
        ws_encode_close(&s->control, code, reason);
    s->close_at = loop_now(s->all->config.loop) + CLOSE_MS;
    if (s->tcp)
        tcp_read_stop(s->tcp);
    session_dirty(s);
    session_schedule(s);
}

void session_fail(struct session *s, int code, Str receipt, const char *why)
{
    if (s->closing)
        return;
    struct buf *f = &s->all->frame;
    session_write(s); /* nothing comes behind an ERROR frame */
    buf_clear(f);
    stomp_frame_begin(f, STOMP_ERROR);
    stomp_header_add(f, s->version, S("message"), str_of(why));
    if (receipt.n) {
        buf_add(f, S("receipt-id:"));
        buf_add(f, receipt); /* as it was sent, so still escaped */
        buf_byte(f, '\n');
    }
    if (s->refused_version) /* "Protocol Negotiation": the versions that are spoken */
        stomp_header_add(f, s->version, S("version"), S("1.0,1.1,1.2"));
    stomp_header_add(f, s->version, S("content-type"), S("text/plain"));
    stomp_frame_end(f, str_of(why));
    session_control(s, buf_str(f));
    session_close(s, code, str_of(why));
}
