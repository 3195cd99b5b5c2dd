#include "realtime/online.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "realtime/presence.h"

#include <pthread.h>

struct online_app {
    int64_t app;
    Id id;            /* nil: no session has been opened yet */
    int64_t users;    /* distinct, now */
    int64_t sessions; /* now */
    int64_t open;     /* sessions that have not ended, CONNECTed or not */
    int64_t peak;     /* of users since the last take */
    int64_t ms;       /* connection milliseconds since the last take */
    int64_t calls;    /* since the last take */
};

enum {
    AWAY_MAX = 100000, /* users whose going is not news yet; past that the first ones' is */
    STATES = 256,      /* looked up under one taking of the lock */
};

struct online_user {
    struct presence_user presence; /* first */
    int64_t app, user;
    Id id;
    int64_t sessions;
};

struct online {
    pthread_mutex_t lock;
    struct map apps;
    struct map users; /* connected, or news */
    struct presence presence;
    int64_t taken_at;
};

struct online *online_new(int64_t away_ms, int64_t interval_ms)
{
    struct online *o = mem_alloc(sizeof *o);
    o->presence =
        (struct presence){.away_ms = away_ms, .interval_ms = interval_ms, .away_max = AWAY_MAX};
    must(pthread_mutex_init(&o->lock, NULL) == 0);
    return o;
}

void online_free(struct online **at)
{
    struct online *o = *at;
    if (!o)
        return;
    void *p;
    for (size_t i = 0; (p = map_next(&o->apps, &i));)
        mem_free(p);
    for (size_t i = 0; (p = map_next(&o->users, &i));)
        mem_free(p);
    map_free(&o->apps);
    map_free(&o->users);
    presence_free(&o->presence);
    pthread_mutex_destroy(&o->lock);
    mem_free(o);
    *at = NULL;
}

static MapKey app_key(int64_t app)
{
    return (MapKey){(uint64_t)app, 0};
}

static MapKey user_key(int64_t app, int64_t user)
{
    return (MapKey){(uint64_t)app, (uint64_t)user};
}

static Err check(const struct online_app *a, const struct online_user *u, int64_t users,
                 int64_t sessions)
{
    bool connected = u && u->sessions;
    if (!connected && users && a && a->users >= users)
        return ERR_CONCURRENT_USER_LIMIT;
    if (connected && u->sessions >= sessions)
        return ERR_RATE_LIMITED;
    return ERR_OK;
}

static bool full(const struct online_app *a, int64_t open)
{
    return open && a && a->open >= open;
}

Err online_check(struct online *o, int64_t app, int64_t user, int64_t users, int64_t sessions,
                 int64_t open)
{
    pthread_mutex_lock(&o->lock);
    const struct online_app *a = map_get(&o->apps, app_key(app));
    Err err = full(a, open) ? ERR_APP_CONNECTION_LIMIT
                            : check(a, map_get(&o->users, user_key(app, user)), users, sessions);
    pthread_mutex_unlock(&o->lock);
    return err;
}

static struct online_app *app_of(struct online *o, int64_t app)
{
    struct online_app *a = map_get(&o->apps, app_key(app));
    if (!a) {
        a = mem_alloc(sizeof *a);
        a->app = app;
        map_put(&o->apps, app_key(app), a);
    }
    return a;
}

Err online_open(struct online *o, int64_t app, Id id, int64_t open)
{
    pthread_mutex_lock(&o->lock);
    struct online_app *a = app_of(o, app);
    a->id = id;
    Err err = full(a, open) ? ERR_APP_CONNECTION_LIMIT : ERR_OK;
    if (!err)
        a->open++;
    pthread_mutex_unlock(&o->lock);
    return err;
}

void online_close(struct online *o, int64_t app)
{
    pthread_mutex_lock(&o->lock);
    struct online_app *a = app_of(o, app);
    must(a->open > 0);
    a->open--;
    pthread_mutex_unlock(&o->lock);
}

Id online_app_id(struct online *o, int64_t app)
{
    pthread_mutex_lock(&o->lock);
    const struct online_app *a = map_get(&o->apps, app_key(app));
    Id id = a ? a->id : (Id){0};
    pthread_mutex_unlock(&o->lock);
    return id;
}

/* Milliseconds that never go back. */
static int64_t mono(void)
{
    return clock_mono() / 1000;
}

static void drop_if_over(struct online *o, struct online_user *u)
{
    if (!presence_over(&u->presence))
        return;
    map_remove(&o->users, user_key(u->app, u->user));
    mem_free(u);
}

static struct online_user *user_of(struct online *o, int64_t app, int64_t user, Id id)
{
    struct online_user *u = map_get(&o->users, user_key(app, user));
    if (!u) {
        u = mem_alloc(sizeof *u);
        *u = (struct online_user){.app = app, .user = user, .id = id};
        map_put(&o->users, user_key(app, user), u);
    }
    return u;
}

Err online_enter(struct online *o, int64_t app, int64_t user, Id id, int64_t users,
                 int64_t sessions)
{
    pthread_mutex_lock(&o->lock);
    struct online_app *a = app_of(o, app);
    Err err = check(a, map_get(&o->users, user_key(app, user)), users, sessions);
    if (!err) {
        struct online_user *u = user_of(o, app, user, id);
        if (u->sessions++ == 0) {
            a->users++;
            presence_came(&o->presence, &u->presence);
        }
        a->sessions++;
        if (a->users > a->peak)
            a->peak = a->users;
    }
    pthread_mutex_unlock(&o->lock);
    return err;
}

void online_leave(struct online *o, int64_t app, int64_t user)
{
    pthread_mutex_lock(&o->lock);
    struct online_app *a = app_of(o, app);
    struct online_user *u = map_get(&o->users, user_key(app, user));
    must(u != NULL);
    a->sessions--;
    if (--u->sessions == 0) {
        presence_left(&o->presence, &u->presence, mono(), clock_now());
        a->users--;
    }
    pthread_mutex_unlock(&o->lock);
}

size_t online_take_changes(struct online *o, struct online_change *out, size_t max)
{
    struct presence_user *p;
    size_t n = 0;
    pthread_mutex_lock(&o->lock);
    int64_t now = mono();
    for (size_t i = 0; i < 2 * max && (p = presence_step(&o->presence, now)); i++)
        drop_if_over(o, (struct online_user *)p);
    while (n < max && (p = presence_next(&o->presence))) {
        const struct online_user *u = (struct online_user *)p;
        out[n++] = (struct online_change){u->app, u->user, u->id, p->shown, p->gone_at};
    }
    pthread_mutex_unlock(&o->lock);
    return n;
}

void online_told(struct online *o, const struct online_change *changes, size_t n)
{
    pthread_mutex_lock(&o->lock);
    int64_t now = mono();
    for (size_t i = 0; i < n; i++) {
        struct online_user *u = map_get(&o->users, user_key(changes[i].app, changes[i].user));
        presence_told(&o->presence, &u->presence, now);
        drop_if_over(o, u);
    }
    pthread_mutex_unlock(&o->lock);
}

void online_hurry(struct online *o)
{
    pthread_mutex_lock(&o->lock);
    presence_hurry(&o->presence);
    pthread_mutex_unlock(&o->lock);
}

void online_states(struct online *o, int64_t app, const int64_t *users, size_t n,
                   struct online_state *out)
{
    for (size_t i = 0; i < n;) {
        size_t end = n - i < STATES ? n : i + STATES;
        pthread_mutex_lock(&o->lock);
        for (; i < end; i++) {
            const struct online_user *u = map_get(&o->users, user_key(app, users[i]));
            out[i] =
                u ? (struct online_state){u->sessions > 0, u->presence.shown, u->presence.gone_at}
                  : (struct online_state){0};
        }
        pthread_mutex_unlock(&o->lock);
    }
}

void online_count_call(struct online *o, int64_t app)
{
    pthread_mutex_lock(&o->lock);
    app_of(o, app)->calls++;
    pthread_mutex_unlock(&o->lock);
}

struct online_usage *online_take_usage(struct online *o, int64_t now, size_t *n)
{
    struct online_usage *out;
    struct online_app *a;
    *n = 0;
    pthread_mutex_lock(&o->lock);
    int64_t elapsed = o->taken_at ? now - o->taken_at : 0;
    o->taken_at = now;
    out = mem_alloc((o->apps.count + 1) * sizeof *out);
    for (size_t i = 0; (a = map_next(&o->apps, &i));) {
        a->ms += a->sessions * elapsed;
        if (a->peak || a->ms >= 1000 || a->calls)
            out[(*n)++] = (struct online_usage){a->app, a->peak, a->ms / 1000, a->calls};
        a->ms %= 1000;
        a->calls = 0;
        a->peak = a->users;
    }
    pthread_mutex_unlock(&o->lock);
    return out;
}
