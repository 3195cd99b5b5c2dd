/* Sign-ins on many kept connections, each asking again as soon as it is answered. */
#include "base/clock.h"
#include "base/mem.h"
#include "bench/die.h"
#include "bench/rest.h"
#include "bench/scenario.h"

#include <poll.h>
#include <unistd.h>

enum { BODY = 256, HEADERS = PLAN_KEY + 64, SECOND_US = 1000 * 1000 };

struct signin {
    int fd;
    int64_t at;
};

static void ask(struct load *l, struct signin *s, size_t user)
{
    char name[PLAN_NAME], headers[HEADERS], body[BODY];
    plan_name(l->plan, user, name);
    snprintf(headers, sizeof headers, "x-api-key: %s\r\n", l->plan->key);
    snprintf(body, sizeof body, "{\"username\":\"%s\",\"password\":\"%s\"}", name, PLAN_PASSWORD);
    s->at = clock_mono();
    rest_ask(s->fd, l->target, "POST", "/api/user/signin", headers, body);
}

static void take(struct signin *s, struct hist *times)
{
    int status = 0;
    Str body;
    Str answer = rest_take(s->fd, &status, &body);
    if (status != 200 || !rest_header(answer, "Authorization: ").n)
        die("a sign-in: %d " STR_FMT, status, STR_ARG(body));
    hist_add(times, clock_mono() - s->at);
}

void scenario_signin(struct load *l, const struct options *o)
{
    size_t n = (size_t)o->window, next = 0, under_way = 0;
    struct signin *all = mem_alloc(n * sizeof *all);
    struct pollfd *polls = mem_alloc(n * sizeof *polls);
    struct hist times = {0};
    double cpu = target_cpu(l->target);
    int64_t start = clock_mono(), until = start + o->seconds * SECOND_US;
    for (size_t i = 0; i < n; i++, under_way++) {
        all[i].fd = target_connect(l->target, 0, 0);
        polls[i] = (struct pollfd){.fd = all[i].fd, .events = POLLIN};
        ask(l, &all[i], next++ % l->plan->n_users);
    }
    while (under_way) {
        poll(polls, n, -1);
        for (size_t i = 0; i < n; i++) {
            if (!polls[i].revents)
                continue;
            take(&all[i], &times);
            if (clock_mono() < until) {
                ask(l, &all[i], next++ % l->plan->n_users);
            } else {
                polls[i].fd = -1;
                under_way--;
            }
        }
        report_progress("%llu sign-ins", (unsigned long long)times.n);
    }
    double elapsed = (double)(clock_mono() - start) / SECOND_US;
    report_put(l->report, "signins", "", (double)times.n);
    report_put(l->report, "signinsPerSecond", "/s", (double)times.n / elapsed);
    report_times(l->report, "signin", &times);
    if (l->target->pid)
        report_put(l->report, "cpuPerSignin", "us",
                   (target_cpu(l->target) - cpu) / (double)times.n);
    for (size_t i = 0; i < n; i++)
        close(all[i].fd);
    mem_free(all);
    mem_free(polls);
}
