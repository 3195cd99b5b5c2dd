/*
 * It goes through the program's own rows and rules, so there is no second idea of the schema here.
 * Only sign-ins are left out: the JWTs are made here, good for a day, and all users have one
 * password, hashed once.
 */
#include "bench/seed.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "bench/die.h"
#include "codec/json.h"
#include "codec/token.h"
#include "domain/app.h"
#include "domain/chat_log.h"
#include "domain/message.h"
#include "store/accounts.h"
#include "store/apps.h"
#include "store/members.h"
#include "store/users.h"

#include <sodium.h>

enum {
    DAY_MS = 24 * 3600 * 1000,
    AT_ONCE = 1000, /* rows of one transaction */
    POSTS = 500,
    ARENA_BYTES = 256 << 20,
    HASH_PASSES = 2, /* the server's defaults */
    HASH_MEMORY = 19 << 20,
};

struct seeding {
    struct plan plan;
    struct db_lock *lock;
    struct db *db;
    struct token_keys *keys;
    struct apps_cluster cluster;
    struct arena arena; /* of a transaction */
    struct arena names; /* of the program */
    struct event_list events;
    struct rules rules;
    struct tx tx;
    char password[crypto_pwhash_STRBYTES]; /* hashed */
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

static void load_key(struct seeding *s, const char *data, enum token_class class, const char *name)
{
    char path[4096], bytes[16 * 1024];
    const char *why = "cannot be read";
    snprintf(path, sizeof path, "%s/keys/%s", data, name);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    if (!f || !token_key_load(s->keys, class, str_from(bytes, n), &why))
        die("%s: %s; start whispd on this directory once", path, why);
    fclose(f);
}

static void open_store(struct seeding *s, const char *data)
{
    char url[4096];
    const char *why = NULL;
    snprintf(url, sizeof url, "sqlite:%s/whisp.db", data);
    if (db_lock(str_of(url), &s->lock, &why) || db_open(str_of(url), DB_WRITER, &s->db, &why))
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

static Err sign_key(void *context, Id key_id, Id app_id, Str audience, int64_t now, struct buf *out)
{
    struct token_claims claims = {
        .class = TOKEN_API_KEY, .subject = key_id, .app = app_id, .issued_at = now};
    memcpy(claims.audience, audience.p, audience.n);
    token_sign(context, &claims, out);
    return ERR_OK;
}

static void add_key(struct seeding *s, int64_t account)
{
    struct app_key key;
    Str token = S("");
    must(!app_key_create(&s->tx, account, s->plan.app_id, sign_key, s->keys, &key, &token));
    must(token.n < PLAN_KEY);
    memcpy(s->plan.key, token.p, token.n);
}

static void add_app(struct seeding *s)
{
    char email[PLAN_NAME];
    snprintf(email, sizeof email, "%llx@bench.test", (unsigned long long)s->plan.tag);
    begin(s);
    int64_t now = s->tx.now;
    struct accounts_row account = {.id = id_new(now),
                                   .company = S("Bench"),
                                   .email = str_of(email),
                                   .email_key = str_of(email),
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
    add_key(s, account.account);
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
    char text[PLAN_NAME];
    plan_name(&s->plan, i, text);
    Str name = str_of(text);
    Str email = arena_fmt(&s->arena, "%s@bench.test", text);
    struct users_row row = {.id = u->id,
                            .username = name,
                            .username_key = name,
                            .email = email,
                            .email_key = email,
                            .password = str_of(s->password),
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
        members_insert(s->db,
                       &(struct members_join){.app = head.app,
                                              .chat = head.chat,
                                              .user = s->plan.users[plan_user(&s->plan, c, i)].row,
                                              .seq = head.last_seq,
                                              .time = now});
    commit(s);
}

static struct actor actor_of(const struct seeding *s, const struct plan_user *u)
{
    return (struct actor){
        .app = s->plan.app, .user = u->row, .session = u->session, .user_id = u->id};
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

static void add_chats(struct seeding *s, const struct seed_chats *group)
{
    struct plan *plan = &s->plan;
    must(group->members > 0 && group->members <= plan->n_users);
    plan->chats = mem_resize(plan->chats, (plan->n_chats + group->chats) * sizeof *plan->chats);
    for (size_t i = 0; i < group->chats; i++) {
        struct plan_chat *c = &plan->chats[plan->n_chats];
        *c = (struct plan_chat){.first = i * group->step % plan->n_users,
                                .members = group->members,
                                .messages = group->messages};
        add_chat(s, c);
        add_messages(s, plan->n_chats, c);
        plan->n_chats++;
    }
}

static void hash_password(struct seeding *s)
{
    must(crypto_pwhash_str(s->password, PLAN_PASSWORD, sizeof PLAN_PASSWORD - 1, HASH_PASSES,
                           HASH_MEMORY) == 0);
}

void seed_fill(const char *data, size_t users, const struct seed_chats *groups, size_t n)
{
    static struct seeding s = {.arena = {.max = ARENA_BYTES},
                               .names = {.max = ARENA_BYTES},
                               .events = {.arena = {.max = ARENA_BYTES}}};
    s.rules = (struct rules){.message_length = 10000,
                             .chat_members = (int64_t)users,
                             .user_chats = INT64_MAX,
                             .app_keys = 1,
                             .client_id_ttl = (int64_t)DAY_MS};
    s.plan.tag = random_u64();
    s.keys = token_keys_new();
    load_key(&s, data, TOKEN_USER, "users.key");
    load_key(&s, data, TOKEN_API_KEY, "api-keys.pem");
    open_store(&s, data);
    hash_password(&s);
    add_app(&s);
    add_users(&s, users);
    for (size_t i = 0; i < n; i++)
        add_chats(&s, &groups[i]);
    plan_write(&s.plan, data);
    while (db_maintain(s.db, DB_IDLE))
        ;
    db_close(&s.db);
    db_unlock(&s.lock);
    token_keys_free(&s.keys);
    arena_free(&s.names);
    mem_free(s.plan.users);
    mem_free(s.plan.chats);
}
