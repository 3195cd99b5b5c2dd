/*
 * What the STOMP frames of a client do (STOMP 1.2, and 1.1 and 1.0 as they differ), save SEND,
 * whose meaning is the commands'.
 */
#include "realtime/session_parts.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>

enum {
    TRANSACTION_FRAMES = 100,
    TRANSACTION_BYTES = 1024 * 1024,
    SUBSCRIPTION_ID_MAX = 1024, /* bytes, as it was sent: each event repeats it */
};

static Str header(const struct stomp_frame *f, const char *name)
{
    Str value;
    return stomp_header(f, str_of(name), &value) ? value : S("");
}

static Str keep(Str s)
{
    char *p = mem_resize(NULL, s.n + 1);
    memcpy(p, s.p, s.n);
    return str_from(p, s.n);
}

void session_drop(Str *s)
{
    mem_free((char *)(uintptr_t)s->p);
    *s = (Str){0};
}

static uint32_t agreed(uint32_t theirs, int64_t ours)
{
    return theirs && ours ? (theirs > ours ? theirs : (uint32_t)ours) : 0;
}

static void say_connected(struct session *s)
{
    struct buf *f = &s->all->frame;
    char user[ID_TEXT], id[ID_TEXT];
    id_format(s->actor.user_id, user);
    id_format(id_new(clock_now()), id);
    buf_clear(f);
    buf_fmt(f,
            "CONNECTED\nversion:" STR_FMT "\nheart-beat:%lld,%lld\nsession:%.36s\nserver:whispd\n"
            "user-name:%.36s\nwhisp-protocol:1\n\n",
            STR_ARG(stomp_version_text(s->version)),
            (long long)s->all->config.limits->heart_beat_ms,
            (long long)s->all->config.limits->heart_beat_ms, id, user);
    buf_add(f, S("\0"));
    session_control(s, buf_str(f));
}

/* Its CONNECT is good. */
static void enter(struct session *s)
{
    const struct sessions_config *c = &s->all->config;
    Err err = s->close_at ? ERR_AUTH_INVALID_TOKEN /* revoked since its ticket was spent */
                          : online_enter(c->online, s->actor.app, s->actor.user, s->actor.user_id,
                                         s->entrance->users, c->limits->sessions_per_user);
    s->online = !err;
    if (err) {
        session_fail(s, WS_NOT_ALLOWED, S(""), err_text(err).p);
        return;
    }
    mem_free(s->entrance);
    s->connected = true;
    s->throttle = NULL;
    say_connected(s);
    session_resume_early(s);
    hub_subscribe(s->all->hub, &s->member);
    session_schedule(s);
}

void session_claimed(struct session *s, Err err)
{
    s->claiming = false;
    if (!s->closing && err)
        session_fail(s, WS_NOT_ALLOWED, S(""), err_text(err).p);
    else if (!s->closing)
        enter(s);
    session_job_done(s);
}

static void on_connect(struct session *s, const struct stomp_frame *f)
{
    const struct sessions_config *c = &s->all->config;
    const char *why = NULL;
    uint32_t out = 0, in = 0;
    Str token = header(f, "Authorization");
    if (!token.n)
        token = header(f, "authorization");
    if (s->connected) {
        session_fail(s, WS_PROTOCOL_ERROR, S(""), "The session is connected already.");
        return;
    }
    enum stomp_version version = s->version;
    if (!stomp_negotiate(header(f, "accept-version"), &version)) {
        s->refused_version = true;
        session_fail(s, WS_PROTOCOL_ERROR, S(""), "Supported versions are 1.0, 1.1 and 1.2.");
        return;
    }
    s->version = (uint8_t)version;
    Str beat = header(f, "heart-beat");
    if (beat.n && !stomp_heart_beat(beat, &out, &in)) {
        session_fail(s, WS_PROTOCOL_ERROR, S(""), "The heart-beat header is not two numbers.");
        return;
    }
    Err err = c->ops->connect(s, &s->entrance->ticket, token, &why);
    if (err) {
        session_fail(s, WS_NOT_ALLOWED, S(""), why ? why : err_text(err).p);
        return;
    }
    s->beat_in = agreed(out, c->limits->heart_beat_ms);
    s->beat_out = agreed(in, c->limits->heart_beat_ms);
    if (!s->wire) {
        enter(s);
        return;
    }
    s->claiming = true;
    err = s->wire->ops->claim(s->wire, s);
    if (err)
        session_fail(s, WS_TOO_SLOW, S(""), err_text(err).p);
}

static bool own_destination(const struct session *s, Str destination)
{
    static const Str user = {"/user/", 6}, queue = {"/queue/messages", 15};
    Id id;
    if (str_eq(destination, S("/user/queue/messages")))
        return true;
    return destination.n == user.n + ID_TEXT + queue.n && str_starts(destination, user) &&
           str_eq(str_skip(destination, user.n + ID_TEXT), queue) &&
           id_parse(str_from(destination.p + user.n, ID_TEXT), &id) && id_eq(id, s->actor.user_id);
}

/* Where it hangs, or where a new one would. */
static struct subscription **find_subscription(struct session *s, Str id)
{
    struct subscription **at = &s->subscriptions;
    while (*at && !str_eq(str_from((*at)->id, (*at)->n), id))
        at = &(*at)->next;
    return at;
}

static void subscribe(struct session *s, const struct stomp_frame *f, Str id)
{
    Str ack = header(f, "ack");
    struct subscription *new = mem_resize(NULL, sizeof *new + id.n);
    *new = (struct subscription){.n = id.n,
                                 .presence = str_eq(header(f, "presence"), S("true")),
                                 .acks = ack.n && !str_eq(ack, S("auto"))};
    memcpy(new->id, id.p, id.n);
    *find_subscription(s, id) = new;
    s->n_subscriptions++;
}

void session_unsubscribe(struct session *s, Str id)
{
    struct subscription **at = find_subscription(s, id), *found = *at;
    if (!found)
        return;
    *at = found->next;
    mem_free(found);
    s->n_subscriptions--;
}

static bool wants_presence(const struct session *s)
{
    for (const struct subscription *to = s->subscriptions; to; to = to->next)
        if (to->presence)
            return true;
    return false;
}

static void on_subscribe(struct session *s, const struct stomp_frame *f)
{
    Str id = header(f, "id"), receipt = header(f, "receipt");
    if (!id.n && s->version == STOMP_10)
        id = S("0");
    const char *why = NULL;
    if (!own_destination(s, header(f, "destination")))
        why = "Subscribe to /user/queue/messages or to your own queue.";
    else if (!id.n)
        why = "SUBSCRIBE needs an id header.";
    else if (id.n > SUBSCRIPTION_ID_MAX)
        why = "A subscription id has at most 1,024 bytes.";
    else if (*find_subscription(s, id))
        why = "This subscription id is in use.";
    else if (s->n_subscriptions >= s->all->config.limits->subscriptions)
        why = "The session has as many subscriptions as it can.";
    if (why) {
        session_fail(s, WS_PROTOCOL_ERROR, receipt, why);
        return;
    }
    subscribe(s, f, id);
    s->loading = true;
    s->jobs++;
    s->waiting_receipt = keep(receipt);
    Str cursor;
    if (stomp_header(f, S("last-event-id"), &cursor))
        session_resume_begin(s, cursor);
    hub_subscribe(s->all->hub, &s->member);
}

void session_subscribed(struct hub_member *m, Err err)
{
    struct session *s = (struct session *)m;
    if (!s->loading) {
        if (err) /* of CONNECTED; the first SUBSCRIBE tries again */
            session_missed(m);
        return;
    }
    s->loading = false;
    if (err)
        session_close(s, WS_TOO_SLOW, err_text(err));
    session_receipt(s, s->waiting_receipt);
    session_drop(&s->waiting_receipt);
    if (!err && wants_presence(s)) /* of what came while it is resumed it is told again */
        hub_watch(s->all->hub, m);
    if (s->resume && !err)
        session_resume_go(s->resume);
    session_job_done(s);
}

void session_missed(struct hub_member *m)
{
    struct session *s = (struct session *)m;
    if (s->resume)
        session_resume_missed(s->resume);
}

static void on_unsubscribe(struct session *s, const struct stomp_frame *f)
{
    Str id = header(f, "id");
    if (!id.n && s->version != STOMP_10) {
        session_fail(s, WS_PROTOCOL_ERROR, header(f, "receipt"), "UNSUBSCRIBE needs an id header.");
        return;
    }
    session_write(s); /* what came before still goes to it */
    session_unsubscribe(s, id.n ? id : S("0"));
    if (!wants_presence(s))
        hub_unwatch(s->all->hub, &s->member);
    if (!s->n_subscriptions) {
        session_resume_cancel(s);
        hub_unsubscribe(s->all->hub, &s->member);
        session_drop_output(s, s->out_n);
    }
    session_receipt(s, header(f, "receipt"));
}

/* ----- SEND, and transactions: their SENDs are applied at COMMIT, in order ----- */

/* The frame's transaction, which must be the open one; else the session fails. */
static struct transaction *transaction_of(struct session *s, const struct stomp_frame *f)
{
    if (s->transaction && str_eq(s->transaction->name, header(f, "transaction")))
        return s->transaction;
    session_fail(s, WS_PROTOCOL_ERROR, header(f, "receipt"), "There is no such transaction.");
    return NULL;
}

/* False: it comes too early, and has to come again. */
static bool on_send(struct session *s, const struct stomp_frame *f, Str raw)
{
    const struct session_ops *ops = s->all->config.ops;
    struct transaction *t = NULL;
    Str name;
    if (!str_eq(header(f, "destination"), S("/api/chat"))) {
        session_fail(s, WS_PROTOCOL_ERROR, header(f, "receipt"), "Send to /api/chat.");
        return true;
    }
    bool within = stomp_header(f, S("transaction"), &name);
    if (within && !(t = transaction_of(s, f)))
        return true;
    int64_t wait = ops->admit(s, f);
    if (wait > 0) {
        session_throttle(s, wait);
        return false;
    }
    if (wait == SESSION_DROP)
        return true;
    if (!t) {
        ops->command(s, f);
        return true;
    }
    buf_add(&t->frames, raw);
    if (++t->n > TRANSACTION_FRAMES || t->frames.overflow)
        session_fail(s, WS_PROTOCOL_ERROR, header(f, "receipt"), "The transaction is too large.");
    return true;
}

static void on_begin(struct session *s, const struct stomp_frame *f)
{
    Str name = header(f, "transaction");
    if (!name.n || s->transaction) {
        session_fail(s, WS_PROTOCOL_ERROR, header(f, "receipt"),
                     name.n ? "A session has one open transaction at most."
                            : "BEGIN needs a transaction header.");
        return;
    }
    s->transaction = mem_alloc(sizeof *s->transaction);
    s->transaction->name = keep(name);
    s->transaction->frames = BUF(TRANSACTION_BYTES);
    session_receipt(s, header(f, "receipt"));
}

void session_end_transaction(struct session *s)
{
    if (!s->transaction)
        return;
    session_drop(&s->transaction->name);
    buf_free(&s->transaction->frames);
    mem_free(s->transaction);
    s->transaction = NULL;
}

/* Its receipt follows those of its SENDs: see session_idle. */
static void on_commit(struct session *s, const struct stomp_frame *f)
{
    struct transaction *t = transaction_of(s, f);
    if (!t)
        return;
    struct stomp_limits limits = s->all->config.limits->stomp;
    limits.version = s->version;
    s->committing = true;
    s->waiting_receipt = keep(header(f, "receipt"));
    for (Str rest = buf_str(&t->frames); rest.n && !s->closing;) {
        struct stomp_frame send;
        const char *why;
        long used = stomp_decode(rest, &limits, &send, &why);
        must(used > 0); /* it was decoded before */
        s->all->config.ops->command(s, &send);
        rest = str_skip(rest, (size_t)used);
    }
    session_end_transaction(s);
    if (!s->jobs)
        session_idle(s);
}

static void on_abort(struct session *s, const struct stomp_frame *f)
{
    if (!transaction_of(s, f))
        return;
    session_end_transaction(s);
    session_receipt(s, header(f, "receipt"));
}

void session_idle(struct session *s)
{
    if (!s->committing)
        return;
    s->committing = false;
    session_receipt(s, s->waiting_receipt);
    session_drop(&s->waiting_receipt);
}

static void on_disconnect(struct session *s, const struct stomp_frame *f)
{
    session_receipt(s, header(f, "receipt"));
    session_close(s, WS_NORMAL, S(""));
}

static void on_ack(struct session *s, const struct stomp_frame *f)
{
    session_receipt(s, header(f, "receipt"));
}

bool session_frame(struct session *s, const struct stomp_frame *f, Str raw)
{
    bool connecting = f->command == STOMP_CONNECT || f->command == STOMP_STOMP;
    if (!s->connected && !connecting) {
        session_fail(s, WS_PROTOCOL_ERROR, header(f, "receipt"),
                     "The first frame must be CONNECT.");
        return true;
    }
    switch (f->command) {
    case STOMP_CONNECT:
    case STOMP_STOMP:
        on_connect(s, f);
        break;
    case STOMP_SEND:
        return on_send(s, f, raw);
    case STOMP_BEGIN:
        on_begin(s, f);
        break;
    case STOMP_COMMIT:
        on_commit(s, f);
        break;
    case STOMP_ABORT:
        on_abort(s, f);
        break;
    case STOMP_SUBSCRIBE:
        on_subscribe(s, f);
        break;
    case STOMP_UNSUBSCRIBE:
        on_unsubscribe(s, f);
        break;
    case STOMP_DISCONNECT:
        on_disconnect(s, f);
        break;
    case STOMP_ACK:
    case STOMP_NACK:
        on_ack(s, f);
        break;
    default:
        session_fail(s, WS_PROTOCOL_ERROR, header(f, "receipt"),
                     "This command is not for clients to send.");
    }
    return true;
}

bool session_must_wait(const struct session *s, enum stomp_command command)
{
    if (command == STOMP_SEND)
        return s->loading || s->committing || s->claiming || session_resume_under_way(s) ||
               s->jobs >= s->all->config.limits->jobs;
    bool after_resume =
        command == STOMP_SUBSCRIBE || command == STOMP_COMMIT; /* it applies SENDs */
    return s->jobs > 0 || (after_resume && session_resume_under_way(s));
}
