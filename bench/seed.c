/*
 * bench/seed DATA USERS CHATS:MEMBERS:STEP:MESSAGES…
 *
 * Fills the store of a data directory that whispd has made and that no whispd serves now: one
 * account, one app without a limit of users, users with a live sign-in each, and for each further
 * argument that many chats; the i-th of them has the users i * STEP, i * STEP + 1, … as members and
 * its first one has sent it that many messages. Writes down what it did (bench/plan.h).
 *
 * It goes through the program's own rows and rules, so there is no second idea of the schema here;
 * only passwords are left out: nobody can sign in, the JWTs are made here and are good for a day.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "bench/die.h"
#include "bench/plan.h"
#include "codec/json.h"
#include "codec/token.h"
#include "domain/chat_log.h"
#include "domain/message.h"
#include "store/accounts.h"
#include "store/apps.h"
#include "store/members.h"
#include "store/users.h"

enum {
    DAY_MS = 24 * 3600 * 1000,
    AT_ONCE = 1000, /* rows of one transaction */
    POSTS = 500,
    ARENA_BYTES = 256 << 20,
};

struct seeding {
    struct plan plan;
    struct db *db;
    struct token_keys *keys;
    struct apps_cluster cluster;
    struct arena arena; /* of a transaction */
    struct arena names; /* of the program */
    struct event_list events;
    struct rules rules;
    struct tx tx;
};

static void begin(struct seeding *s)
{
    s->tx = (struct tx){.db = s->db,
                        .now = clock_now(),
                        .arena = &s->arena,
                        .events = &s->events,
                        .rules = &s->rules};
    db_begin(s->db);
}

static void commit(struct seeding *s)
{
    if (db_commit(s->db))
        die("the store does not take it; see above");
    event_list_free(&s->events);
    arena_free(&s->arena);
    db_maintain(s->db, DB_BUSY);
}

/* ----- the way in ----- */

static void load_user_key(struct seeding *s, const char *data)
{
    char path[4096], bytes[256];
    const char *why = "cannot be read";
    snprintf(path, sizeof path, "%s/keys/users.key", data);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    s->keys = token_keys_new();
    if (!f || !token_key_load(s->keys, TOKEN_USER, str_from(bytes, n), &why))
        die("%s: %s; start whispd on this directory once", path, why);
    fclose(f);
}

static void open_store(struct seeding *s, const char *data)
{
    char url[4096];
    const char *why = NULL;
    snprintf(url, sizeof url, "sqlite:%s/whisp.db", data);
    if (db_open(str_of(url), DB_WRITER, &s->db, &why))
        die("%s: %s", url, why);
    struct apps_cluster found;
    begin(s);
    struct db_rows *rows = apps_clusters(s->db);
    if (!apps_clusters_next(rows, &found))
        die("%s: no cluster; start whispd on this directory once", url);
    s->cluster = found;
    s->cluster.name = arena_str(&s->names, found.name);
    db_done(rows);
    commit(s);
}

/* ----- rows ----- */

static void add_app(struct seeding *s)
{
    begin(s);
    int64_t now = s->tx.now;
    struct accounts_row account = {.id = id_new(now),
                                   .company = S("Bench"),
                                   .email = S("bench@bench.test"),
                                   .email_key = S("bench@bench.test"),
                                   .password = S("x"),
                                   .role = S("CLIENT"),
                                   .created_at = now};
    account.account = accounts_insert(s->db, &account);
    struct apps_row app = {.id = id_new(now),
                           .account = account.account,
                           .name = S("Bench"),
                           .status = S("ACTIVE"),
                           .tier = S("MULTI_TENANT"),
                           .cluster = s->cluster,
                           .created_at = now};
    s->plan.app = apps_insert(s->db, &app);
    s->plan.app_id = app.id;
    apps_settle(s->db, s->plan.app, s->cluster.cluster);
    commit(s);
}

static void sign(struct seeding *s, struct plan_user *u)
{
    struct token_claims claims = {.class = TOKEN_USER,
                                  .subject = u->id,
                                  .app = s->plan.app_id,
                                  .session = u->session_id,
                                  .issued_at = s->tx.now,
                                  .expires_at = s->tx.now + DAY_MS};
    struct buf out = BUF(PLAN_JWT - 1);
    memcpy(claims.audience, s->cluster.name.p, s->cluster.name.n);
    token_sign(s->keys, &claims, &out);
    must(!out.overflow);
    memcpy(u->jwt, out.p, out.n);
    buf_free(&out);
}

static void add_user(struct seeding *s, size_t i)
{
    struct plan_user *u = &s->plan.users[i];
    int64_t app = s->plan.app, now = s->tx.now;
    u->id = id_new(now);
    u->session_id = id_new(now);
    Str name = arena_fmt(&s->arena, "user%zu", i);
    Str email = arena_fmt(&s->arena, "user%zu@bench.test", i);
    struct users_row row = {.id = u->id,
                            .username = name,
                            .username_key = name,
                            .email = email,
                            .email_key = email,
                            .password = S("x"),
                            .created_at = now};
    u->row = users_insert(s->db, app, &row);
    must(u->row > 0);
    struct users_session session = {
        .id = u->session_id, .user = u->row, .expires_at = now + 30 * (int64_t)DAY_MS};
    uint8_t hash[32];
    random_bytes(hash, sizeof hash);
    users_add_session(s->db, app, &session, str_from((char *)hash, sizeof hash), now);
    struct users_actor actor = {
        .app_id = s->plan.app_id, .user_id = u->id, .session_id = u->session_id};
    must(users_find_actor(s->db, now, &actor));
    u->session = actor.session;
    sign(s, u);
}

static void add_users(struct seeding *s, size_t n)
{
    s->plan.n_users = n;
    s->plan.users = mem_alloc(n * sizeof *s->plan.users);
    for (size_t i = 0; i < n;) {
        begin(s);
        for (size_t end = i + AT_ONCE; i < n && i < end; i++)
            add_user(s, i);
        commit(s);
    }
}

static size_t member_at(const struct seeding *s, const struct plan_chat *c, size_t i)
{
    return (c->first + i) % s->plan.n_users;
}

static void add_chat(struct seeding *s, struct plan_chat *c)
{
    const struct plan_user *creator = &s->plan.users[c->first];
    begin(s);
    int64_t now = s->tx.now;
    struct chats_head head = {.app = s->plan.app,
                              .id = id_new(now),
                              .creator = creator->row,
                              .created_at = now,
                              .last_time = now,
                              .activity_at = now,
                              .member_count = (int64_t)c->members};
    head.chat = chats_insert(s->db, &head, S("Bench"));
    c->id = head.id;
    struct event event = {.type = EVENT_NEW_CHAT,
                          .sender = creator->row,
                          .sender_id = creator->id,
                          .text = S("Bench")};
    chat_log(&s->tx, &head, &event);
    for (size_t i = 0; i < c->members; i++)
        members_insert(s->db, &(struct members_join){.app = head.app,
                                                     .chat = head.chat,
                                                     .user = s->plan.users[member_at(s, c, i)].row,
                                                     .seq = head.last_seq,
                                                     .time = now});
    commit(s);
}

static struct actor actor_of(const struct seeding *s, const struct plan_user *u)
{
    return (struct actor){.app = s->plan.app,
                          .app_id = s->plan.app_id,
                          .user = u->row,
                          .user_id = u->id,
                          .session = u->session,
                          .session_id = u->session_id};
}

static void add_messages(struct seeding *s, size_t index, struct plan_chat *c)
{
    static struct message_post posts[POSTS], *list[POSTS];
    static char texts[POSTS][PLAN_TEXT];
    for (size_t done = 0; done < c->messages;) {
        size_t n = c->messages - done < POSTS ? c->messages - done : POSTS;
        begin(s);
        for (size_t i = 0; i < n; i++) {
            plan_text(index, (uint32_t)(done + i), texts[i]);
            posts[i] = (struct message_post){.actor = actor_of(s, &s->plan.users[c->first]),
                                             .chat_id = c->id,
                                             .text = str_from(texts[i], PLAN_TEXT)};
            list[i] = &posts[i];
        }
        message_post(&s->tx, list, n);
        if (posts[0].err)
            die("message_post: " STR_FMT, STR_ARG(err_code(posts[0].err)));
        if (c->messages / 2 >= done && c->messages / 2 < done + n)
            c->middle = posts[c->messages / 2 - done].message_id;
        commit(s);
        done += n;
    }
}

static void add_chats(struct seeding *s, const char *argument)
{
    size_t n, members, step, messages;
    if (sscanf(argument, "%zu:%zu:%zu:%zu", &n, &members, &step, &messages) != 4 || !members ||
        members > s->plan.n_users)
        die("%s: not CHATS:MEMBERS:STEP:MESSAGES", argument);
    struct plan *plan = &s->plan;
    plan->chats = mem_resize(plan->chats, (plan->n_chats + n) * sizeof *plan->chats);
    for (size_t i = 0; i < n; i++) {
        struct plan_chat *c = &plan->chats[plan->n_chats];
        *c = (struct plan_chat){
            .first = i * step % plan->n_users, .members = members, .messages = messages};
        add_chat(s, c);
        add_messages(s, plan->n_chats, c);
        plan->n_chats++;
    }
}

int main(int argc, char **argv)
{
    static struct seeding s = {.arena = {.max = ARENA_BYTES},
                               .names = {.max = ARENA_BYTES},
                               .events = {.arena = {.max = ARENA_BYTES}}};
    if (argc < 3 || atoi(argv[2]) < 1)
        die("usage: seed DATA USERS CHATS:MEMBERS:STEP:MESSAGES…");
    random_setup();
    json_setup();
    s.rules = (struct rules){
        .message_length = 10000, .chat_members = 100000, .client_id_ttl = (int64_t)DAY_MS};
    load_user_key(&s, argv[1]);
    open_store(&s, argv[1]);
    add_app(&s);
    add_users(&s, (size_t)atoi(argv[2]));
    for (int i = 3; i < argc; i++)
        add_chats(&s, argv[i]);
    plan_write(&s.plan, argv[1]);
    while (db_maintain(s.db, DB_IDLE))
        ;
    db_close(&s.db);
    token_keys_free(&s.keys);
    arena_free(&s.names);
    mem_free(s.plan.users);
    mem_free(s.plan.chats);
    return 0;
}
