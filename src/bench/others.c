#include "bench/others.h"

#include "bench/die.h"

enum { TICK_US = 10000 }; /* of /proc/stat */

double others_clock(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t) < 0)
        die("the server has ended");
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void look(struct others *o)
{
    double user, nice, system, idle, wait, irq, softirq, steal;
    FILE *f = fopen("/proc/stat", "re");
    if (!f || fscanf(f, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &system, &idle, &wait,
                     &irq, &softirq, &steal) != 8)
        die("/proc/stat cannot be read");
    fclose(f);
    o->busy = (user + nice + system + irq + softirq + steal) * TICK_US;
    o->total = o->busy + (idle + wait) * TICK_US;
    o->ours = others_clock(CLOCK_PROCESS_CPUTIME_ID);
    if (o->server != CLOCK_PROCESS_CPUTIME_ID)
        o->ours += others_clock(o->server);
}

void others_begin(struct others *o, clockid_t server)
{
    o->server = server;
    look(o);
}

double others_share(const struct others *o)
{
    struct others now = *o;
    look(&now);
    double share = (now.busy - o->busy - (now.ours - o->ours)) / (now.total - o->total + 1);
    return share > 0 ? share : 0;
}
