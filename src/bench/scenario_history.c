/* Pages of history over one kept connection, of both chats in turn. */
#include "base/clock.h"
#include "base/mem.h"
#include "bench/die.h"
#include "bench/rest.h"
#include "bench/scenario.h"

#include <unistd.h>

enum { PAGE = 50, WARM_UP = 100, PATH = 256, HEADERS = PLAN_JWT + 64 };

static int64_t read_page(struct load *l, int fd, const struct plan_chat *chat, Id cursor)
{
    char path[PATH], headers[HEADERS], id[ID_TEXT], before[ID_TEXT];
    int status = 0;
    size_t messages = 0;
    Str body, key = S("\"messageId\":");
    id_format(chat->id, id);
    id_format(cursor, before);
    int n =
        snprintf(path, sizeof path, "/api/messages/getMessages/%.*s?size=%d", ID_TEXT, id, PAGE);
    if (!id_is_nil(cursor))
        snprintf(path + n, sizeof path - (size_t)n, "&lastMessage=%.*s", ID_TEXT, before);
    snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n",
             l->plan->users[chat->first].jwt);
    int64_t start = clock_mono();
    rest_ask(fd, l->target, "GET", path, headers, NULL);
    rest_take(fd, &status, &body);
    int64_t took = clock_mono() - start;
    for (const char *at = body.p; (at = memmem(at, (size_t)(body.p + body.n - at), key.p, key.n));
         at += key.n)
        messages++;
    if (status != 200 || messages != PAGE)
        die("a page: %d with %zu messages", status, messages);
    return took;
}

void scenario_history(struct load *l, const struct options *o)
{
    static const char *const names[] = {"shortNewest", "shortMiddle", "longNewest", "longMiddle"};
    int fd = target_connect(l->target, 0, 0);
    const struct plan_chat *chats = l->plan->chats;
    /* The first page moves the reader's mark: a write, once. Then caches are warm. */
    for (size_t i = 0; i < WARM_UP; i++)
        for (size_t kind = 0; kind < countof(names); kind++)
            read_page(l, fd, &chats[kind / 2], kind % 2 ? chats[kind / 2].middle : (Id){{0}});
    for (int64_t round = 0; round < o->rounds; round++) {
        struct hist *times = mem_alloc(countof(names) * sizeof *times);
        for (int64_t i = 0; i < o->window; i++)
            for (size_t kind = 0; kind < countof(names); kind++)
                hist_add(&times[kind], read_page(l, fd, &chats[kind / 2],
                                                 kind % 2 ? chats[kind / 2].middle : (Id){{0}}));
        report_round(l->report);
        report_progress("%lld of %lld rounds", (long long)round + 1, (long long)o->rounds);
        for (size_t kind = 0; kind < countof(names); kind++)
            report_times(l->report, names[kind], &times[kind]);
        mem_free(times);
    }
    report_run(l->report);
    report_put(l->report, "messages", "", (double)chats[1].messages);
    report_put(l->report, "pages", "", (double)(o->window * o->rounds * (int64_t)countof(names)));
    close(fd);
}
