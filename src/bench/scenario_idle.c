/* Memory of sessions without traffic: a tenth of them first, since the first ones also pay for what
 * all share. */
#include "bench/scenario.h"

#include "bench/die.h"

static double bytes(long after, long before, size_t sessions)
{
    return (double)(after - before) * 1024 / (double)sessions;
}

void scenario_idle(struct load *l, const struct options *o)
{
    size_t all = l->plan->n_users, first = all / 10 ? all / 10 : 1;
    if (!l->target->pid)
        die("idle: the server's memory is asked for: --pid, or no --url");
    if (all <= first)
        die("--members: 2 or more");
    long empty = target_resident(l->target);
    load_open(l, first, NULL);
    load_wait(l, (double)o->seconds);
    long before = target_resident(l->target);
    clients_open(l->clients, first, all);
    l->online = all;
    load_wait(l, (double)o->seconds);
    long after = target_resident(l->target);
    report_put(l->report, "residentEmpty", "KiB", (double)empty);
    report_put(l->report, "residentTenth", "KiB", (double)before);
    report_put(l->report, "residentAll", "KiB", (double)after);
    report_put(l->report, "bytesPerSession", "bytes", bytes(after, before, all - first));
    report_put(l->report, "bytesPerSessionFromNone", "bytes", bytes(after, empty, all));
    load_check(l);
    load_close(l);
}
