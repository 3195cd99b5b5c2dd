#include "api/server.h"

#include "api/conn.h"
#include "api/sockjs_server.h"
#include "api/stomp_commands.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <sodium.h>
#include <unistd.h>

enum { REFUSED_LOG_US = 10 * 1000 * 1000 }; /* between two lines of the log */

struct handed_over {
    struct loop_msg msg;
    struct server *server;
    enum surface surface;
    int fd;
};

struct server *server_new(const struct server_config *config)
{
    struct server *s = mem_alloc(sizeof *s);
    s->config = *config;
    s->rate = rate_new();
    s->sockets[SURFACE_API] = sockets_new(config->connections, config->address_connections);
    s->sockets[SURFACE_MANAGEMENT] = sockets_new(config->management_sockets + SERVER_PROBES, 0);
    s->unsent = unsent_new(config->user_output, config->address_output, &s->buffered);
    s->sockjs = sockjs_registry_new();
    s->sessions = mem_alloc(config->n_loops * sizeof(struct sessions *));
    s->conns = mem_alloc(config->n_loops * sizeof(struct conn *));
    return s;
}

static bool close_largest(void *server, struct loop *loop, size_t more_than)
{
    return conn_close_largest(server, loop, more_than);
}

void server_start(struct server *s, struct jobs *jobs, const Str url[SURFACES])
{
    s->jobs = jobs;
    for (int i = 0; i < SURFACES; i++)
        s->url[i] = url[i];
    for (size_t i = 0; i < s->config.n_loops; i++) {
        loop_count_output(s->config.loops[i], &s->buffered);
        s->sessions[i] = sessions_new(&(struct sessions_config){.loop = s->config.loops[i],
                                                                .jobs = jobs,
                                                                .online = s->config.online,
                                                                .limits = &s->config.session,
                                                                .ops = &stomp_commands,
                                                                .context = s,
                                                                .buffered = &s->buffered,
                                                                .budget = s->config.buffer_budget,
                                                                .shed = close_largest});
    }
}

void server_deliver(void *arg, struct loop *loop, struct publication *p)
{
    struct server *s = arg;
    hub_deliver(sessions_hub(s->sessions[loop_index(loop)]), p);
}

struct presence_news {
    struct loop_msg msg;
    struct server *server;
    size_t n;
    struct online_change changes[];
};

static void hear_presence(struct loop *loop, struct loop_msg *msg)
{
    struct presence_news *news = (struct presence_news *)msg;
    hub_presence(sessions_hub(news->server->sessions[loop_index(loop)]), news->changes, news->n);
    mem_free(news);
}

void server_tell_presence(struct server *s, const struct online_change *changes, size_t n)
{
    for (size_t i = 0; i < s->config.n_loops; i++) {
        struct presence_news *news = mem_resize(NULL, sizeof *news + n * sizeof *changes);
        news->msg.run = hear_presence;
        news->server = s;
        news->n = n;
        memcpy(news->changes, changes, n * sizeof *changes);
        loop_post(s->config.loops[i], &news->msg);
    }
}

void server_free(struct server **at)
{
    struct server *s = *at;
    if (!s)
        return;
    for (size_t i = 0; i < s->config.n_loops; i++)
        sessions_free(&s->sessions[i]);
    mem_free(s->sessions);
    mem_free(s->conns);
    rate_free(&s->rate);
    for (int i = 0; i < SURFACES; i++)
        sockets_free(&s->sockets[i]);
    unsent_free(&s->unsent);
    sockjs_registry_free(&s->sockjs);
    mem_free(s);
    *at = NULL;
}

/* ----- sockets ----- */

static void take_socket(struct loop *loop, struct loop_msg *msg)
{
    struct handed_over *h = (struct handed_over *)msg;
    atomic_fetch_sub(loop_load(loop), 1); /* counted when it was handed over; tcp_open counts too */
    conn_open(h->server, loop, h->surface, h->fd);
    mem_free(h);
}

static struct loop *least_loaded(const struct server *s)
{
    struct loop *best = s->config.loops[0];
    for (size_t i = 1; i < s->config.n_loops; i++)
        if (atomic_load(loop_load(s->config.loops[i])) < atomic_load(loop_load(best)))
            best = s->config.loops[i];
    return best;
}

static void log_refused(struct server *s, enum surface surface)
{
    static const Str names[SURFACES] = {{"api", 3}, {"management", 10}};
    int64_t now = clock_mono();
    s->sockets_refused++;
    if (s->refused_at && now - s->refused_at < REFUSED_LOG_US)
        return;
    log_event(LOG_WARN, "sockets refused", log_s("on", names[surface]),
              log_n("open", (int64_t)sockets_max(s->sockets[surface])),
              log_n("refused", (int64_t)s->sockets_refused));
    s->sockets_refused = 0;
    s->refused_at = now;
}

static void accepted(struct server *s, enum surface surface, int fd)
{
    if (!sockets_begin(s->sockets[surface])) {
        close(fd);
        log_refused(s, surface);
        return;
    }
    struct handed_over *h = mem_alloc(sizeof *h);
    *h = (struct handed_over){
        .msg = {.run = take_socket}, .server = s, .surface = surface, .fd = fd};
    struct loop *loop = least_loaded(s);
    atomic_fetch_add(loop_load(loop), 1);
    loop_post(loop, &h->msg);
}

static void accepted_api(void *arg, int fd)
{
    accepted(arg, SURFACE_API, fd);
}

static void accepted_management(void *arg, int fd)
{
    accepted(arg, SURFACE_MANAGEMENT, fd);
}

Err server_listen(struct server *s, enum surface surface, Str host, uint16_t port, const char **why)
{
    return listener_open(s->config.loops[0], host, port,
                         surface == SURFACE_API ? accepted_api : accepted_management, s,
                         &s->listeners[surface], why);
}

uint16_t server_port(const struct server *s, enum surface surface)
{
    return listener_port(s->listeners[surface]);
}

/* ----- the end ----- */

struct closing {
    struct loop_msg msg;
    struct server *server;
    int64_t spread_ms;
};

static void close_sessions(struct loop *loop, struct loop_msg *msg)
{
    struct closing *c = (struct closing *)msg;
    conn_close_idle(c->server, loop);
    sessions_restart(c->server->sessions[loop_index(loop)], c->spread_ms);
    atomic_fetch_add(&c->server->closed, 1);
    mem_free(c);
}

bool server_closed(const struct server *s)
{
    return atomic_load(&s->closed) == s->config.n_loops;
}

void server_drain(struct server *s)
{
    atomic_store(&s->draining, true);
}

void server_close(struct server *s, int64_t spread_ms)
{
    for (int i = 0; i < SURFACES; i++)
        listener_close(&s->listeners[i]);
    for (size_t i = 0; i < s->config.n_loops; i++) {
        struct closing *c = mem_alloc(sizeof *c);
        *c = (struct closing){.msg = {.run = close_sessions}, .server = s, .spread_ms = spread_ms};
        loop_post(s->config.loops[i], &c->msg);
    }
}

/* ----- passwords ----- */

bool server_hash_password(const struct server_config *config, Str password, char out[SERVER_HASH])
{
    _Static_assert(crypto_pwhash_STRBYTES <= SERVER_HASH, "a hash fits");
    return crypto_pwhash_str(out, password.p, password.n, config->hash_passes,
                             config->hash_memory) == 0;
}
