/*
 * What a session missed. From CONNECTED on live events are held, so that its first SUBSCRIBE gets
 * them; when they are too many, the log since CONNECTED is read instead, as for one that comes
 * back.
 *
 * A session that comes back with the last event id it saw: from its SUBSCRIBE on live events are
 * held; then one snapshot says what it missed, in which chats and up to which seq; that is read and
 * sent page by page, as fast as the peer takes it; then what was held and is above those seqs; then
 * RESUMED. The snapshot begins after the hub follows the user's chats, so that nothing falls
 * between the two; what both have is told apart by seq.
 *
 * When more comes live than may be held, all that is known is dropped, and the session is told to
 * fetch its chats anew, in the same way: a new snapshot says which, and what comes after it is held
 * until it is told.
 *
 * The session's SENDs wait until it is over: what an action brings back (the first event again of a
 * retry, an ERROR) has a cursor, which must not be ahead of what has been replayed.
 *
 * A loop gives turns to so many resumes at once, since each holds a plan and a page. Whoever does
 * not read what it is sent loses its turn with its connection.
 */
#include "realtime/session_parts.h"

#include "base/log.h"
#include "base/mem.h"
#include "codec/json.h"
#include "realtime/cursor.h"
#include "realtime/render.h"

enum {
    PLAN_MAX = 64 * 1024 * 1024,
    PAGE_EVENTS = 100,
    PAGE_BYTES = 512 * 1024,
    HELD_MAX = 4096, /* live events; past that the session fetches its chats anew */
    EARLY_MAX = 256, /* held before a session's first SUBSCRIBE; past that the log is read */
    EARLY_BYTES = 64 * 1024,
    OUTPUT = 128 * 1024, /* queued for the peer before the rest waits */
    STALLED_MS = 30000,  /* how long the peer may take nothing */
    RESYNC_CHATS = 1000, /* named in one RESYNC */
    NOTE_MAX = 64 * 1024,
};

struct held {
    struct blob *frame;
    int64_t chat, seq;
};

enum stage {
    EARLY,   /* CONNECTED, and no SUBSCRIBE has come yet */
    BEFORE,  /* the hub does not follow the user's chats yet */
    WAITING, /* for a turn */
    READING, /* a job is under way: the plan, or a page */
    SENDING, /* the peer has to take what is queued */
};

struct session_resume {
    struct job job;          /* first */
    struct session *session; /* NULL: nobody waits for it any more */
    struct sessions *all;
    struct session_resume *next; /* that waits for a turn */
    struct timer stalled;
    int64_t user;
    struct replay_cursor from;
    enum stage stage;
    bool again;   /* too much came: start over */
    bool missed;  /* EARLY: not all that came is held */
    bool waiting; /* for the peer, until the timer */

    struct arena arena; /* of the plan */
    struct replay plan;
    size_t read, told; /* entries of it that were read; chats to fetch anew that were told of */
    bool named;        /* a RESYNC was told */
    bool pruned;       /* what is left of the plan is no longer in the log; the job's */
    struct event_list page;
    size_t sent; /* of it */

    struct held *held; /* owned array */
    size_t n_held, cap_held, held_bytes;
};

/* ----- what comes live ----- */

static void drop_held(struct session_resume *r)
{
    for (size_t i = 0; i < r->n_held; i++)
        blob_unref(&r->held[i].frame);
    atomic_fetch_sub(r->all->config.buffered, r->held_bytes);
    mem_free(r->held);
    r->held = NULL;
    r->n_held = r->cap_held = r->held_bytes = 0;
}

void session_resume_missed(struct session_resume *r)
{
    if (r->stage != EARLY)
        return; /* the plan, which is still to be made, has it */
    drop_held(r);
    r->missed = true;
}

/* What comes until the new plan is begun is in it. */
static void start_over(struct session_resume *r)
{
    drop_held(r);
    r->again = true;
}

void session_resume_hold(struct session_resume *r, struct blob *frame, const struct event *e)
{
    bool early = r->stage == EARLY;
    size_t most = early ? EARLY_BYTES : r->all->config.limits->output / 2;
    if (r->again || r->missed || e->type == EVENT_TYPING || e->type == EVENT_PRESENCE ||
        r->session->closing)
        return;
    if (r->n_held == (early ? EARLY_MAX : HELD_MAX) || r->held_bytes + frame->n > most) {
        if (early)
            session_resume_missed(r);
        else
            start_over(r);
        return;
    }
    if (r->n_held == r->cap_held) {
        r->cap_held = r->cap_held ? r->cap_held * 2 : 8;
        r->held = mem_resize(r->held, r->cap_held * sizeof *r->held);
    }
    r->held[r->n_held++] = (struct held){blob_ref(frame), e->chat, e->seq};
    r->held_bytes += frame->n;
    atomic_fetch_add(r->all->config.buffered, frame->n);
}

/* The chats of the plan are in the order of their row numbers; of one that is there twice the later
 * time of membership comes last. */
static bool replayed(const struct replay *plan, const struct held *h)
{
    size_t low = 0, high = plan->n_chats;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (plan->chats[middle].chat <= h->chat)
            low = middle + 1;
        else
            high = middle;
    }
    return low && plan->chats[low - 1].chat == h->chat && h->seq &&
           h->seq <= plan->chats[low - 1].last_seq;
}

static void send_held(struct session_resume *r)
{
    for (size_t i = 0; i < r->n_held; i++)
        if (!replayed(&r->plan, &r->held[i]))
            session_push(r->session, r->held[i].frame);
    drop_held(r);
}

/* ----- its life ----- */

static void resume_free(struct session_resume *r)
{
    drop_held(r);
    event_list_free(&r->page);
    arena_free(&r->arena);
    mem_free(r);
}

static void stop_waiting(struct session_resume *r)
{
    struct sessions *all = r->all;
    struct session_resume **at = &all->first_resume, *before = NULL;
    for (; *at != r; at = &(*at)->next)
        before = *at;
    *at = r->next;
    if (all->last_resume == r)
        all->last_resume = before;
}

static void plan(struct session_resume *r);

static void take_turns(struct sessions *all)
{
    while (all->first_resume && all->resuming < all->config.limits->resumes) {
        struct session_resume *r = all->first_resume;
        stop_waiting(r);
        all->resuming++;
        plan(r);
    }
}

void session_resume_cancel(struct session *s)
{
    struct session_resume *r = s->resume;
    if (!r)
        return;
    struct sessions *all = r->all;
    s->resume = NULL;
    r->session = NULL;
    loop_timer_clear(&r->stalled);
    if (r->stage == WAITING)
        stop_waiting(r);
    if (r->stage == READING) {
        drop_held(r); /* the job's end frees the rest and gives the turn away */
        return;
    }
    if (r->stage == SENDING)
        all->resuming--;
    resume_free(r);
    take_turns(all);
}

/* ----- reading ----- */

static void proceed(struct session_resume *r);

static void submit(struct session_resume *r, Err (*run)(struct job *job, struct tx *tx))
{
    r->stage = READING;
    r->job = (struct job){.item = {.tenant = r->plan.app, .lane = r->user, .bytes = sizeof *r},
                          .loop = r->all->config.loop,
                          .pool = JOB_RESUME,
                          .run = run,
                          .done = r->job.done,
                          .arena = &r->arena};
    Err err = jobs_submit(r->all->config.jobs, &r->job); /* once queued, it is the worker's */
    if (!err)
        return;
    r->stage = SENDING;
    session_close(r->session, WS_TOO_SLOW, err_text(err)); /* it may come back and resume */
}

static Err read_plan(struct job *job, struct tx *tx)
{
    struct session_resume *r = (struct session_resume *)job;
    return replay_plan(tx, r->plan.app, r->user, &r->from, &r->plan);
}

static Err read_page(struct job *job, struct tx *tx)
{
    struct session_resume *r = (struct session_resume *)job;
    return replay_page(tx, &r->plan, &r->read, PAGE_EVENTS, PAGE_BYTES, &r->page, &r->pruned);
}

static void log_failure(const struct session *s, Err err)
{
    struct session_who who;
    struct log_field f[SESSION_LOG_WHO];
    session_log_who(s, &who, f);
    log_event(LOG_WARN, "resume failed", f[0], f[1], log_s("reason", err_code(err)));
}

static void was_read(struct job *job)
{
    struct session_resume *r = (struct session_resume *)job;
    struct session *s = r->session;
    if (!s) {
        struct sessions *all = r->all;
        all->resuming--;
        resume_free(r);
        take_turns(all);
        return;
    }
    r->stage = SENDING;
    if (job->err) {
        log_failure(s, job->err);
        session_close(s, WS_TOO_SLOW, err_text(job->err));
    } else if (r->again || r->pruned) {
        start_over(r);
        plan(r);
    } else {
        proceed(r);
    }
}

/* From here on what is held is above, or told apart from, what the plan says. */
static void plan(struct session_resume *r)
{
    event_list_free(&r->page);
    arena_free(&r->arena);
    if (r->again)
        r->from = (struct replay_cursor){.kind = REPLAY_UNKNOWN};
    r->again = r->pruned = false;
    r->read = r->told = r->sent = 0;
    r->named = false;
    r->job.done = was_read;
    submit(r, read_plan);
}

static struct session_resume *resume_new(struct session *s)
{
    struct session_resume *r = mem_alloc(sizeof *r);
    *r = (struct session_resume){.session = s,
                                 .all = s->all,
                                 .user = s->actor.user,
                                 .arena = ARENA(PLAN_MAX),
                                 .plan = {.app = s->actor.app},
                                 .page = {.arena = ARENA(PAGE_BYTES + REPLAY_SPARE)}};
    return r;
}

void session_resume_early(struct session *s)
{
    s->resume = resume_new(s);
    s->resume->from = cursor_at(hub_position(&s->member));
}

void session_resume_begin(struct session *s, Str cursor)
{
    struct session_resume *r = s->resume ? s->resume : resume_new(s);
    drop_held(r); /* the plan is made later, so that it has these */
    r->missed = false;
    r->from = cursor_read(cursor);
    r->stage = BEFORE;
    s->position = 0; /* what is told meanwhile claims nothing */
    s->resume = r;
}

bool session_resume_under_way(const struct session *s)
{
    return s->resume && s->resume->stage != EARLY;
}

void session_resume_go(struct session_resume *r)
{
    struct sessions *all = r->all;
    if (r->stage == EARLY && !r->missed) {
        send_held(r);
        session_resume_cancel(r->session);
        return;
    }
    r->missed = false;
    r->stage = WAITING;
    r->next = NULL;
    *(all->last_resume ? &all->last_resume->next : &all->first_resume) = r;
    all->last_resume = r;
    take_turns(all);
}

/* ----- sending ----- */

static void stalled(struct timer *timer)
{
    struct session_resume *r =
        (struct session_resume *)((char *)timer - offsetof(struct session_resume, stalled));
    session_close(r->session, WS_TOO_SLOW, S("too slow"));
}

/* False: the peer must take what is queued first, and session_resume_drained follows. */
static bool may_send(struct session_resume *r)
{
    struct session *s = r->session;
    size_t limit = s->all->config.limits->output / 4;
    if (s->out_bytes >= (limit < OUTPUT ? limit : OUTPUT))
        session_write(s);
    if (s->closing || !session_busy(s))
        return !s->closing;
    if (!r->waiting)
        loop_timer_set(r->all->config.loop, &r->stalled, STALLED_MS, stalled);
    r->waiting = true;
    return false;
}

static void tell_resync(struct session_resume *r)
{
    struct buf note = BUF(NOTE_MAX);
    size_t n = r->plan.n_resync - r->told;
    if (n > RESYNC_CHATS)
        n = RESYNC_CHATS;
    render_resync(&note, n ? r->plan.resync + r->told : NULL, n);
    session_tell(r->session, buf_str(&note));
    r->told += n;
    r->named = true;
    buf_free(&note);
}

static void finish(struct session_resume *r)
{
    struct session *s = r->session;
    bool complete = r->plan.complete;
    send_held(r);
    s->position = r->plan.position;
    session_resume_cancel(s);
    session_tell(s, complete ? S("{\"type\":\"RESUMED\",\"complete\":true}")
                             : S("{\"type\":\"RESUMED\",\"complete\":false}"));
    session_go_on(s);
}

/* Begins to read the next page, if there is one. */
static void next_page(struct session_resume *r)
{
    event_list_free(&r->page);
    r->sent = 0;
    if (r->read < r->plan.n_entries)
        submit(r, read_page);
}

static void proceed(struct session_resume *r)
{
    struct session *s = r->session;
    while (may_send(r)) {
        if (!r->plan.complete && (!r->named || r->told < r->plan.n_resync)) {
            tell_resync(r);
        } else if (r->sent < r->page.n) {
            struct blob *frame = render_event(&r->page.items[r->sent++]);
            session_push(s, frame);
            blob_unref(&frame);
        } else {
            next_page(r);
            if (r->stage == SENDING)
                finish(r);
            return;
        }
    }
}

void session_resume_drained(struct session_resume *r)
{
    loop_timer_clear(&r->stalled);
    r->waiting = false;
    if (r->stage == SENDING && r->again)
        plan(r);
    else if (r->stage == SENDING)
        proceed(r);
}
