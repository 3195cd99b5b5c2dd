#include "bench/plan.h"

#include "base/mem.h"
#include "bench/die.h"

#include <errno.h>
#include <inttypes.h>

enum { PATH_SIZE = 4096 };

static FILE *open_plan(const char *data, const char *mode)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/" PLAN_FILE, data);
    FILE *f = fopen(path, mode);
    if (!f)
        die("%s: %s", path, strerror(errno));
    return f;
}

static const char *text_of(Id id, char out[ID_TEXT + 1])
{
    id_format(id, out);
    out[ID_TEXT] = 0;
    return out;
}

void plan_write(const struct plan *plan, const char *data)
{
    char a[ID_TEXT + 1], b[ID_TEXT + 1];
    FILE *f = open_plan(data, "we");
    fprintf(f, "%" PRIx64 " %" PRId64 " %s %s %zu %zu\n", plan->tag, plan->app,
            text_of(plan->app_id, a), plan->key, plan->n_users, plan->n_chats);
    for (size_t i = 0; i < plan->n_users; i++) {
        const struct plan_user *u = &plan->users[i];
        fprintf(f, "%s %" PRId64 " %" PRId64 " %s %s\n", text_of(u->id, a), u->row, u->session,
                text_of(u->session_id, b), u->jwt);
    }
    for (size_t i = 0; i < plan->n_chats; i++) {
        const struct plan_chat *c = &plan->chats[i];
        fprintf(f, "%s %zu %zu %zu %s\n", text_of(c->id, a), c->first, c->members, c->messages,
                text_of(c->middle, b));
    }
    if (ferror(f) || fclose(f))
        die("%s/" PLAN_FILE " cannot be written", data);
}

static void read_id(FILE *f, Id *out)
{
    char text[ID_TEXT + 1];
    if (fscanf(f, "%36s", text) != 1 || !id_parse(str_of(text), out))
        die("bench.txt: not an id");
}

struct plan *plan_read(const char *data)
{
    FILE *f = open_plan(data, "re");
    struct plan *plan = mem_alloc(sizeof *plan);
    bool ok = fscanf(f, "%" SCNx64 " %" SCNd64, &plan->tag, &plan->app) == 2;
    read_id(f, &plan->app_id);
    ok = ok && fscanf(f, "%1023s", plan->key) == 1;
    ok = ok && fscanf(f, "%zu %zu", &plan->n_users, &plan->n_chats) == 2;
    plan->users = mem_alloc(plan->n_users * sizeof *plan->users);
    plan->chats = mem_alloc(plan->n_chats * sizeof *plan->chats);
    for (size_t i = 0; ok && i < plan->n_users; i++) {
        struct plan_user *u = &plan->users[i];
        read_id(f, &u->id);
        ok = fscanf(f, "%" SCNd64 " %" SCNd64, &u->row, &u->session) == 2;
        read_id(f, &u->session_id);
        ok = ok && fscanf(f, "%511s", u->jwt) == 1;
    }
    for (size_t i = 0; ok && i < plan->n_chats; i++) {
        struct plan_chat *c = &plan->chats[i];
        read_id(f, &c->id);
        ok = fscanf(f, "%zu %zu %zu", &c->first, &c->members, &c->messages) == 3;
        read_id(f, &c->middle);
    }
    fclose(f);
    if (!ok)
        die("bench.txt: not what whispd bench --seed writes");
    return plan;
}

void plan_free(struct plan **at)
{
    struct plan *plan = *at;
    if (!plan)
        return;
    mem_free(plan->users);
    mem_free(plan->chats);
    mem_free(plan);
    *at = NULL;
}

void plan_name(const struct plan *plan, size_t user, char out[PLAN_NAME])
{
    snprintf(out, PLAN_NAME, "bench-%zu-%" PRIx64, user, plan->tag);
}

void plan_text(size_t chat, uint32_t n, char out[PLAN_TEXT])
{
    char head[PLAN_TEXT_HEAD + 1];
    snprintf(head, sizeof head, "c%06zu n%08" PRIu32, chat % 1000000, n % 100000000);
    memset(out, '.', PLAN_TEXT);
    memcpy(out, head, PLAN_TEXT_HEAD);
}

bool plan_read_text(Str text, size_t *chat, uint32_t *n)
{
    uint64_t a, b;
    if (text.n != PLAN_TEXT || text.p[0] != 'c' || text.p[8] != 'n' ||
        !str_to_uint(str_from(text.p + 1, 6), 999999, &a) ||
        !str_to_uint(str_from(text.p + 9, 8), 99999999, &b))
        return false;
    *chat = (size_t)a;
    *n = (uint32_t)b;
    return true;
}
