/*
 * Signals are blocked in every thread and awaited by the main one, so no handler ever runs. The
 * end, in order: /readyz fails; after the drain delay the listeners close, requests in flight are
 * answered, sessions are closed over the spread; what is queued is committed; the loops stop.
 */
#include "main/serve.h"

#include "api/chores.h"
#include "api/server.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "codec/json.h"
#include "domain/app.h"
#include "domain/replay.h"
#include "domain/seen.h"
#include "main/keys.h"
#include "main/open_files.h"
#include "main/public_url.h"
#include "realtime/cursor.h"
#include "store/apps.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LOOPS_MAX = 256,
    POLL_MS = 20,
    SEEN_AT_ONCE = 500,
    BODY = 64 * 1024,
    SOCKJS_BODY = 256 * 1024
};

struct process {
    const struct config *config;
    int lock; /* on the data directory */
    struct db_lock *store_lock;
    struct token_keys *keys;
    struct tls_context *tls; /* NULL: plain HTTP */
    struct rules rules;
    char decoy[SERVER_HASH];
    struct loop *loops[LOOPS_MAX];
    pthread_t threads[LOOPS_MAX];
    size_t n_loops;
    struct open_files files;
    struct online *online;
    struct jobs *jobs;
    struct server *server;
    struct chores *chores;
    char data[3072], store_url[3200];
    char bound[SURFACES][PUBLIC_URL_MAX]; /* where it can be called on this machine */
    Str urls[SURFACES];                   /* what clients call it */
};

static int fail(const char *what, const char *why)
{
    log_event(LOG_ERROR, "cannot start", log_s("what", str_of(what)), log_s("why", str_of(why)));
    return 1;
}

/* ----- the data directory ----- */

static const char *open_data(struct process *p)
{
    char path[3200];
    snprintf(p->data, sizeof p->data, STR_FMT, STR_ARG(p->config->data));
    if (mkdir(p->data, 0700) < 0 && errno != EEXIST)
        return strerror(errno);
    snprintf(path, sizeof path, "%s/lock", p->data);
    p->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (p->lock < 0)
        return strerror(errno);
    if (flock(p->lock, LOCK_EX | LOCK_NB) < 0)
        return "another server is using this data directory; stop it, or choose another --data";
    if (p->config->store.n)
        snprintf(p->store_url, sizeof p->store_url, STR_FMT, STR_ARG(p->config->store));
    else
        snprintf(p->store_url, sizeof p->store_url, "sqlite:%s/whisp.db", p->data);
    return NULL;
}

/* True once a server has begun to use the store: it writes its cluster down after it has keys. */
static const char *find_cluster(struct process *p, bool *found)
{
    struct db *db = NULL;
    const char *why = NULL;
    struct apps_cluster cluster;
    if (db_open(str_of(p->store_url), DB_WRITER, &db, &why))
        return why;
    db_begin(db);
    struct db_rows *rows = apps_clusters(db);
    *found = apps_clusters_next(rows, &cluster);
    if (db_failed(db))
        why = "the clusters cannot be read; see the log";
    db_rollback(db);
    db_close(&db);
    return why;
}

/*
 * Locks the store and opens the keys, which belong together: one without the other was lost, and a
 * server that made it anew would look empty, or refuse everyone. The store's schema is committed
 * before the first key is made and the cluster after the last, so a start that was cut can go on.
 */
static const char *open_store(struct process *p)
{
    static char complaint[sizeof p->store_url + sizeof p->data + 256];
    const char *why = NULL;
    bool used = false;
    if (db_lock(str_of(p->store_url), &p->store_lock, &why))
        return why;
    if (db_lock_empty(p->store_lock) && keys_present(p->data)) {
        snprintf(complaint, sizeof complaint,
                 "%s is empty, but %s/keys has the keys of a server; put the database back from a "
                 "backup, or move keys/ away to begin anew",
                 p->store_url, p->data);
        return complaint;
    }
    if ((why = find_cluster(p, &used)))
        return why;
    bool make = !used || str_eq(p->config->missing_keys, S("make"));
    return keys_open(p->data, make ? KEYS_MAKE : KEYS_REFUSE, &p->keys, &why) ? why : NULL;
}

/* ----- configuration of the parts ----- */

static struct rules rules_of(const struct config *c)
{
    return (struct rules){.message_length = c->message_length,
                          .chat_members = c->chat_members,
                          .user_chats = c->user_chats,
                          .unread_most = c->unread_most,
                          .registration = str_eq(c->registration, S("closed")) ? REGISTRATION_CLOSED
                                                                               : REGISTRATION_OPEN,
                          .account_tiers = c->account_tiers,
                          .demo_apps = c->demo_apps,
                          .account_apps = c->account_apps,
                          .user_logins = c->user_logins,
                          .usage_retention = c->usage_retention,
                          .audit_retention = c->audit_retention,
                          .app_keys = c->app_keys,
                          .user_token_ttl = c->user_token_ttl,
                          .refresh_ttl = c->refresh_ttl,
                          .ticket_ttl = c->ticket_ttl,
                          .account_token_ttl = c->account_token_ttl,
                          .account_refresh_ttl = c->account_refresh_ttl,
                          .log_retention = c->retention,
                          .replay_events = c->resume_events,
                          .client_id_ttl = 24 * 3600 * 1000};
}

static void divide_files(struct process *p)
{
    size_t asked = (size_t)p->config->connections;
    p->files = open_files_divide(asked);
    if (asked > p->files.connections)
        log_event(LOG_WARN, "fewer connections than asked for", log_n("asked", (int64_t)asked),
                  log_n("connections", (int64_t)p->files.connections),
                  log_s("why", S(OPEN_FILES_TOO_FEW)));
}

static struct server_config server_config_of(struct process *p)
{
    const struct config *c = p->config;
    return (struct server_config){
        .loops = p->loops,
        .n_loops = p->n_loops,
        .online = p->online,
        .rules = &p->rules,
        .keys = p->keys,
        .cluster = c->cluster,
        .origins = {[SURFACE_API] = c->origins, [SURFACE_MANAGEMENT] = c->management_origins},
        .trusted_proxies = c->trusted_proxies,
        .http = {.head = 16 * 1024, .body = SOCKJS_BODY, .more = 4096},
        .body = BODY,
        .tls = p->tls,
        .sockjs_url = c->sockjs_url,
        .session = {.connect_ms = c->connect_timeout,
                    .heart_beat_ms = c->heart_beat,
                    .ping_ms = c->ping_interval,
                    .over_rate_ms = c->message_patience,
                    .jobs = (size_t)c->session_jobs,
                    .output = (size_t)c->session_output,
                    .subscriptions = (size_t)c->subscriptions,
                    .resumes = (size_t)c->resumes,
                    .message = 256 * 1024,
                    .compress_above = (size_t)c->compress_above,
                    .stomp = STOMP_LIMITS(STOMP_12),
                    .sessions_per_user = c->sessions_per_user,
                    .presence_members = c->presence_members},
        .buffer_budget = (size_t)c->buffer_budget,
        .user_output = (size_t)c->user_output,
        .address_output = (size_t)c->address_output,
        .demo_users = c->demo_users,
        .message_rate = c->message_rate,
        .request_rate = c->request_rate,
        .key_rate = c->key_rate,
        .failures = c->signin_failures,
        .management_rate = c->management_rate,
        .account_rate = c->account_rate,
        .register_rate = c->register_rate,
        .new_key_rate = c->new_key_rate,
        .typing_ms = c->typing_interval,
        .idle_ms = c->idle_timeout,
        .request_ms = c->request_timeout,
        .connections = p->files.connections,
        .management_sockets = p->files.management,
        .address_connections = (size_t)c->address_connections,
        .app_connections = c->app_connections,
        .hash_memory = c->hash_cost.memory,
        .hash_passes = c->hash_cost.passes,
    };
}

static struct jobs_config jobs_config_of(struct process *p)
{
    const struct config *c = p->config;
    struct work_limits store = {(size_t)c->queue_jobs, (size_t)c->queue_bytes,
                                (size_t)c->app_queue_jobs};
    struct work_limits hash = {256, (size_t)c->queue_bytes, 128};
    return (struct jobs_config){
        .store_url = str_of(p->store_url),
        .rules = &p->rules,
        .loops = p->loops,
        .n_loops = p->n_loops,
        .readers = (size_t)c->readers,
        .resume_readers = (size_t)c->resume_readers,
        .hashers = (size_t)c->hashers,
        .limits =
            {[JOB_READ] = store, [JOB_RESUME] = store, [JOB_WRITE] = store, [JOB_HASH] = hash},
        .batch_jobs = (size_t)c->batch_jobs,
        .batch_us = c->batch_time * 1000,
        .deliver = server_deliver,
        .arg = p->server};
}

/* ----- start ----- */

static const char *listen_on(struct process *p, enum surface surface, struct host_port at, Str url)
{
    static char complaint[512];
    const char *why = NULL;
    if (server_listen(p->server, surface, at.host, at.port, &why)) {
        const char *form = str_find(at.host, ':') >= 0 ? "[" STR_FMT "]:%u: %s" : STR_FMT ":%u: %s";
        snprintf(complaint, sizeof complaint, form, STR_ARG(at.host), at.port, why);
        return complaint;
    }
    at.port = server_port(p->server, surface);
    public_url_make(p->tls ? "https" : "http", at, p->bound[surface]);
    p->urls[surface] = url.n ? url : str_of(p->bound[surface]);
    return NULL;
}

/* It is a guess which of this machine's addresses clients can reach. */
static void warn_of_guess(const struct process *p)
{
    const struct config *c = p->config;
    if (!c->public_url.n && public_url_listens_on_all(c->listen.host))
        log_event(LOG_WARN, "public URL guessed", log_s("public", p->urls[SURFACE_API]),
                  log_s("why", S("--listen is every address; say with --public-url what clients "
                                 "call, like https://chat.example.com")));
}

/* Those whom the last run left connected are not any more. */
static Err mend_seen(struct tx *tx)
{
    bool more = true;
    Err err = ERR_OK;
    while (more && !err) {
        db_begin(tx->db);
        err = seen_mend(tx, S(NODE), &more);
        if (!err)
            err = db_commit(tx->db);
    }
    return err;
}

/* Opens the store once by itself: makes or migrates the schema, writes the cluster down. */
static const char *prepare_store(struct process *p)
{
    struct db *db = NULL;
    const char *why = NULL;
    struct arena arena = ARENA(1024 * 1024);
    if (db_open(str_of(p->store_url), DB_WRITER, &db, &why))
        return why ? why : "the store cannot be opened";
    struct tx tx = {.db = db, .now = clock_now(), .arena = &arena, .rules = &p->rules};
    db_begin(db);
    Err err = app_cluster_ensure(&tx, p->config->cluster, p->urls[SURFACE_API],
                                 p->config->cluster_tiers, &p->rules.cluster);
    struct replay_epoch *epochs;
    size_t n;
    if (!err)
        err = replay_begin_epoch(&tx, (uint32_t)random_u64() | 1, &epochs, &n);
    if (!err)
        cursor_setup(epochs, n);
    if (!err)
        err = db_commit(db);
    if (err)
        why = "the cluster cannot be written down; see the log";
    else if (mend_seen(&tx))
        why = "users' last connections cannot be written down; see the log";
    db_close(&db);
    arena_free(&arena);
    return why;
}

static const char *open_tls(struct process *p)
{
    const struct config *c = p->config;
    char cert[3200], key[3200];
    const char *why = NULL;
    if (!c->tls_cert.n)
        return NULL;
    snprintf(cert, sizeof cert, STR_FMT, STR_ARG(c->tls_cert));
    snprintf(key, sizeof key, STR_FMT, STR_ARG(c->tls_key));
    return tls_context_new(cert, key, &p->tls, &why) ? why : NULL;
}

static void *run_loop(void *loop)
{
    loop_run(loop);
    return NULL;
}

static bool make_decoy(struct process *p, const struct server_config *config)
{
    char secret[32];
    random_bytes(secret, sizeof secret);
    p->rules.decoy_hash = str_of(p->decoy);
    return server_hash_password(config, str_from(secret, sizeof secret), p->decoy);
}

static int start(struct process *p)
{
    const struct config *c = p->config;
    const char *why = open_data(p);
    if (why)
        return fail(p->data, why);
    if ((why = open_store(p)))
        return fail("store and keys", why);
    if ((why = open_tls(p)))
        return fail("--tls-cert, --tls-key", why);
    p->rules = rules_of(c);
    keys_fingerprint(p->keys, p->rules.fingerprint_key);
    p->n_loops = c->threads ? (size_t)c->threads : (size_t)sysconf(_SC_NPROCESSORS_ONLN);
    for (size_t i = 0; i < p->n_loops; i++)
        p->loops[i] = loop_new((unsigned)i);
    p->online = online_new(c->presence_away, c->presence_interval);
    divide_files(p);
    struct server_config config = server_config_of(p);
    if (!make_decoy(p, &config))
        return fail("--hash-cost", "there is no memory for one hash; lower its memory");
    p->server = server_new(&config);
    if ((why = listen_on(p, SURFACE_API, c->listen, c->public_url)))
        return fail("--listen", why);
    if ((why = listen_on(p, SURFACE_MANAGEMENT, c->management_listen, c->management_url)))
        return fail("--management-listen", why);
    if ((why = prepare_store(p)))
        return fail("store", why);
    struct jobs_config jobs = jobs_config_of(p);
    if (jobs_start(&jobs, &p->jobs, &why))
        return fail("store", why);
    server_start(p->server, p->jobs, p->urls);
    p->chores = chores_start(p->server, p->loops[0]);
    for (size_t i = 0; i < p->n_loops; i++)
        must(pthread_create(&p->threads[i], NULL, run_loop, p->loops[i]) == 0);
    warn_of_guess(p);
    log_event(LOG_INFO, "ready", log_s("api", str_of(p->bound[SURFACE_API])),
              log_s("management", str_of(p->bound[SURFACE_MANAGEMENT])),
              log_s("public", p->urls[SURFACE_API]), log_s("data", str_of(p->data)),
              log_n("connections", (int64_t)p->files.connections), log_n("pid", getpid()));
    return 0;
}

/* ----- end ----- */

static bool signalled(const sigset_t *signals, int64_t ms)
{
    struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
    return sigtimedwait(signals, NULL, &wait) > 0;
}

static unsigned open_connections(const struct process *p)
{
    unsigned n = 0;
    for (size_t i = 0; i < p->n_loops; i++)
        n += atomic_load(loop_load(p->loops[i]));
    return n;
}

struct ending {
    struct loop_msg msg;
    struct process *process;
};

static void begin_end(struct loop *loop, struct loop_msg *msg)
{
    struct ending *e = (struct ending *)msg;
    (void)loop;
    chores_stop(e->process->chores);
    server_close(e->process->server, e->process->config->drain_spread);
    mem_free(e);
}

static void reload(struct process *p)
{
    const char *why = NULL;
    if (tls_context_reload(p->tls, &why))
        log_event(LOG_ERROR, "certificate not read", log_s("reason", str_of(why)));
    else
        log_event(LOG_INFO, "certificate read", log_s("file", p->config->tls_cert));
}

/* When users were last connected, of those whose going no one has been told. */
static void write_seen(struct process *p)
{
    static struct online_change changes[SEEN_AT_ONCE];
    struct db *db = NULL;
    const char *why;
    if (db_open(str_of(p->store_url), DB_WRITER, &db, &why))
        return; /* the next start puts it down as far as it is known */
    struct arena arena = ARENA(1024 * 1024);
    struct tx tx = {.db = db, .now = clock_now(), .arena = &arena, .rules = &p->rules};
    Err err = ERR_OK;
    online_hurry(p->online);
    for (size_t n; !err && (n = online_take_changes(p->online, changes, SEEN_AT_ONCE));) {
        db_begin(db);
        err = chores_write_presence(&tx, changes, n);
        if (!err)
            err = db_commit(db);
        online_told(p->online, changes, n);
    }
    db_close(&db);
    arena_free(&arena);
}

static int drain(struct process *p, const sigset_t *signals)
{
    const struct config *c = p->config;
    log_event(LOG_INFO, "draining", log_n("connections", open_connections(p)));
    server_drain(p->server);
    bool hurry = signalled(signals, c->drain_delay);
    struct ending *e = mem_alloc(sizeof *e);
    *e = (struct ending){{.run = begin_end}, p};
    loop_post(p->loops[0], &e->msg);
    int64_t until = clock_mono() + c->drain_timeout * 1000;
    do
        hurry = signalled(signals, POLL_MS) || hurry;
    while ((!server_closed(p->server) || open_connections(p)) && !hurry && clock_mono() < until);
    unsigned left = open_connections(p);
    bool orderly = left == 0 && server_closed(p->server);
    jobs_stop(p->jobs);
    write_seen(p);
    struct jobs_stats stats = jobs_stats(p->jobs);
    log_event(LOG_INFO, "stopped", log_n("connections_cut", left), log_n("commits", stats.commits),
              log_n("writes", stats.writes));
    if (!orderly) { /* what is open cannot be taken down in order */
        log_stop();
        _exit(hurry ? 1 : 0);
    }
    return 0;
}

static void settle_loops(struct process *p)
{
    for (bool any = true; any;) {
        any = false;
        for (size_t i = 0; i < p->n_loops; i++)
            any = loop_settle(p->loops[i]) || any;
    }
}

static void release(struct process *p)
{
    for (size_t i = 0; i < p->n_loops; i++)
        loop_stop(p->loops[i]);
    for (size_t i = 0; i < p->n_loops; i++)
        must(pthread_join(p->threads[i], NULL) == 0);
    settle_loops(p);
    chores_free(&p->chores);
    server_free(&p->server);
    for (size_t i = 0; i < p->n_loops; i++)
        loop_free(&p->loops[i]);
    jobs_free(&p->jobs);
    online_free(&p->online);
    tls_context_free(&p->tls);
    token_keys_free(&p->keys);
    db_unlock(&p->store_lock);
    close(p->lock);
}

int serve_run(const struct config *config)
{
    static struct process p;
    sigset_t signals;
    p.config = config;
    log_setup(str_eq(config->log_level, S("debug"))  ? LOG_DEBUG
              : str_eq(config->log_level, S("info")) ? LOG_INFO
              : str_eq(config->log_level, S("warn")) ? LOG_WARN
                                                     : LOG_ERROR,
              str_eq(config->log_format, S("json")) ? LOG_JSON : LOG_TEXT);
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is a write that fails, not the end */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (config->tls_cert.n)
        sigaddset(&signals, SIGHUP); /* else a terminal that goes away ends the server */
    must(pthread_sigmask(SIG_BLOCK, &signals, NULL) == 0);
    log_start(); /* its thread inherits the blocked signals */
    random_setup();
    json_setup();
    int status = start(&p);
    if (status) {
        log_stop();
        return status;
    }
    for (int received = SIGHUP; received == SIGHUP;) {
        must(sigwait(&signals, &received) == 0);
        if (received == SIGHUP)
            reload(&p);
    }
    sigdelset(&signals, SIGHUP);
    status = drain(&p, &signals);
    release(&p);
    log_stop();
    return status;
}
