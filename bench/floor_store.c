/*
 * bench/floor_store DATA BATCH SECONDS
 *
 * How fast the store alone takes messages: what the server's writer does with a batch of sends
 * (begin, message_post, commit, checkpoints between), with nothing around it: no sockets, loops,
 * JSON, queues or other threads. The floor that durable messages per second are held against, on a
 * seeded data directory that no whispd serves. BATCH may be a fraction: batches then are of the two
 * sizes next to it. Prints one line of JSON.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "bench/die.h"
#include "bench/others.h"
#include "bench/plan.h"
#include "domain/message.h"

enum { BATCH_MAX = 1024, ARENA_BYTES = 64 << 20, DAY_MS = 24 * 3600 * 1000 };

struct bench {
    struct plan *plan;
    struct db *db;
    struct rules rules;
    uint32_t sent;
};

/* The senders take turns, as they do when each waits for its receipt. */
static void fill(struct bench *b, struct message_post *post, char text[PLAN_TEXT])
{
    size_t index = b->sent % b->plan->n_chats;
    const struct plan_chat *c = &b->plan->chats[index];
    const struct plan_user *u = &b->plan->users[c->first];
    plan_text(index, b->sent++, text);
    *post = (struct message_post){
        .actor = {.app = b->plan->app, .user = u->row, .user_id = u->id, .session = u->session},
        .chat_id = c->id,
        .text = str_from(text, PLAN_TEXT)};
}

static void write_batch(struct bench *b, size_t n)
{
    static struct message_post posts[BATCH_MAX], *list[BATCH_MAX];
    static char texts[BATCH_MAX][PLAN_TEXT];
    for (size_t i = 0; i < n; i++) {
        list[i] = &posts[i];
        fill(b, &posts[i], texts[i]);
    }
    struct event_list events = {.arena = ARENA(ARENA_BYTES)};
    struct tx tx = {.db = b->db,
                    .now = clock_now(),
                    .arena = &events.arena,
                    .events = &events,
                    .rules = &b->rules};
    db_begin(b->db);
    message_post(&tx, list, n);
    if (db_commit(b->db) || posts[0].err)
        die("a batch was not taken: " STR_FMT, STR_ARG(err_code(posts[0].err)));
    event_list_free(&events);
    db_maintain(b->db, DB_BUSY);
}

int main(int argc, char **argv)
{
    double batch = argc == 4 ? atof(argv[2]) : 0, seconds = argc == 4 ? atof(argv[3]) : 0;
    if (batch < 1 || batch > BATCH_MAX || seconds <= 0)
        die("usage: floor_store DATA BATCH SECONDS");
    struct bench b = {.plan = plan_read(argv[1]),
                      .rules = {.message_length = 10000, .client_id_ttl = (int64_t)DAY_MS}};
    char url[4096];
    const char *why = NULL;
    random_setup();
    snprintf(url, sizeof url, "sqlite:%s/whisp.db", argv[1]);
    if (db_open(str_of(url), DB_WRITER, &b.db, &why))
        die("%s: %s", url, why);
    write_batch(&b, (size_t)batch);

    uint32_t first = b.sent;
    size_t commits = 0;
    double due = 0;
    struct others others;
    others_begin(&others, CLOCK_PROCESS_CPUTIME_ID);
    int64_t start = clock_mono(), end = start + (int64_t)(seconds * 1e6), now = start;
    for (; now < end; now = clock_mono(), commits++) {
        due += batch;
        write_batch(&b, (size_t)due);
        due -= (double)(size_t)due;
    }
    double elapsed = (double)(now - start) / 1e6, messages = b.sent - first;
    printf("{\"messages\":%.0f,\"seconds\":%.3f,\"perSecond\":%.0f,\"commits\":%zu,"
           "\"batch\":%.2f,\"others\":%.3f}\n",
           messages, elapsed, messages / elapsed, commits, messages / (double)commits,
           others_share(&others));
    db_close(&b.db);
    plan_free(&b.plan);
    return 0;
}
