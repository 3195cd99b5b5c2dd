/* One request after another on one connection; a 429 says when to come back. */
#include "bench/enroll.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "bench/die.h"
#include "bench/report.h"
#include "bench/rest.h"

#include <unistd.h>

enum { BODY_MAX = 1024 * 1024, HEADERS = PLAN_KEY + 64, RETRY_MAX_S = 60, TOO_MANY = 429 };

struct enrolment {
    const struct target *target;
    int fd;
    struct plan *plan;
};

static Str call(struct enrolment *e, const char *path, const char *headers, const char *body,
                int wanted, Str *out)
{
    for (;;) {
        int status = 0;
        rest_ask(e->fd, e->target, "POST", path, headers, body);
        Str answer = rest_take(e->fd, &status, out);
        if (status == wanted)
            return answer;
        uint64_t s = 1;
        if (status != TOO_MANY)
            die("POST %s: %d " STR_FMT, path, status, STR_ARG(*out));
        if (!str_to_uint(rest_header(answer, "Retry-After: "), RETRY_MAX_S, &s))
            s = 1;
        sleep((unsigned)s);
    }
}

static void copy(char *to, size_t size, Str from)
{
    if (from.n >= size)
        die("too long: " STR_FMT, STR_ARG(from));
    memcpy(to, from.p, from.n);
    to[from.n] = 0;
}

static void add_user(struct enrolment *e, size_t i)
{
    char name[PLAN_NAME], body[BODY_MAX / 1024], headers[HEADERS];
    struct plan_user *u = &e->plan->users[i];
    Str out;
    plan_name(e->plan, i, name);
    snprintf(headers, sizeof headers, "x-api-key: %s\r\n", e->plan->key);
    snprintf(body, sizeof body,
             "{\"username\":\"%s\",\"email\":\"%s@bench.test\",\"password\":\"%s\"}", name, name,
             PLAN_PASSWORD);
    call(e, "/api/user/registerUser", headers, body, 201, &out);
    Str answer = call(e, "/api/user/signin", headers, body, 200, &out);
    if (!id_parse(rest_field(out, "id"), &u->id))
        die("not an id: " STR_FMT, STR_ARG(out));
    copy(u->jwt, sizeof u->jwt, rest_header(answer, "Authorization: "));
}

static void add_chat(struct enrolment *e, struct plan_chat *c)
{
    char name[PLAN_NAME], headers[HEADERS];
    struct buf body = BUF(BODY_MAX);
    Str out;
    buf_add(&body, S("{\"chatName\":\"Bench\",\"userNames\":["));
    for (size_t m = 0; m < c->members; m++) {
        plan_name(e->plan, plan_user(e->plan, c, m), name);
        buf_fmt(&body, "%s\"%s\"", m ? "," : "", name);
    }
    buf_add(&body, S("]}\0"));
    must(!body.overflow);
    snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n", e->plan->users[c->first].jwt);
    call(e, "/api/chat/createChat", headers, body.p, 201, &out);
    if (!id_parse(rest_field(out, "chatId"), &c->id))
        die("not an id: " STR_FMT, STR_ARG(out));
    buf_free(&body);
}

struct plan *enroll_plan(const struct target *target, const char *api_key, size_t users,
                         const struct seed_chats *groups, size_t n)
{
    struct plan *plan = mem_alloc(sizeof *plan);
    struct enrolment e = {target, target_connect(target, 0, 0), plan};
    plan->tag = random_u64();
    copy(plan->key, sizeof plan->key, str_of(api_key));
    plan->users = mem_alloc(users * sizeof *plan->users);
    for (; plan->n_users < users; plan->n_users++) {
        report_progress("%zu of %zu users registered", plan->n_users, users);
        add_user(&e, plan->n_users);
    }
    for (size_t g = 0; g < n; g++) {
        if (groups[g].messages)
            die("this needs the server's store: --data, not --api-key");
        plan->chats =
            mem_resize(plan->chats, (plan->n_chats + groups[g].chats) * sizeof *plan->chats);
        for (size_t i = 0; i < groups[g].chats; i++) {
            struct plan_chat *c = &plan->chats[plan->n_chats++];
            *c = (struct plan_chat){.first = i * groups[g].step % users,
                                    .members = groups[g].members};
            add_chat(&e, c);
        }
    }
    close(e.fd);
    return plan;
}
