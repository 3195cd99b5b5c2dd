#include "bench/scenario.h"

enum { IDLE_CHATS = 10, SHORT_CHAT = 1000 };

static size_t one_chat(const struct options *o, size_t *users, struct seed_chats *groups)
{
    *users = (size_t)o->members;
    groups[0] = (struct seed_chats){.chats = 1, .members = *users};
    return 1;
}

/* Of different users each. */
static size_t many_chats(const struct options *o, size_t *users, struct seed_chats *groups)
{
    *users = (size_t)(o->chats * o->members);
    groups[0] = (struct seed_chats){
        .chats = (size_t)o->chats, .members = (size_t)o->members, .step = (size_t)o->members};
    return 1;
}

/* Every user in ten of them. */
static size_t overlapping_chats(const struct options *o, size_t *users, struct seed_chats *groups)
{
    *users = (size_t)o->members;
    groups[0] = (struct seed_chats){
        .chats = *users, .members = *users < IDLE_CHATS ? *users : IDLE_CHATS, .step = 1};
    return 1;
}

static size_t two_histories(const struct options *o, size_t *users, struct seed_chats *groups)
{
    *users = 2;
    groups[0] = (struct seed_chats){.chats = 1, .members = 2, .messages = SHORT_CHAT};
    groups[1] = (struct seed_chats){.chats = 1, .members = 2, .messages = (size_t)o->messages};
    return 2;
}

static size_t only_users(const struct options *o, size_t *users, struct seed_chats *groups)
{
    (void)groups;
    *users = (size_t)o->members;
    return 0;
}

const struct scenario scenario_all[] = {
    {"fanout",
     "one chat; its first member sends to all who are online",
     {.members = 1000, .window = 1, .messages = 200, .rounds = 5},
     one_chat,
     scenario_fanout},
    {"stalled",
     "the same, and one of them stops reading: closed with 1013, and no one else notices",
     {.members = 1000, .window = 16, .messages = 2000, .seconds = 120},
     one_chat,
     scenario_stalled},
    {"chats",
     "many small chats, the first member of each sends",
     {.chats = 1000, .members = 2, .window = 1, .seconds = 10},
     many_chats,
     scenario_chats},
    {"idle",
     "sessions without traffic, each of a user with ten chats: memory",
     {.members = 10000, .seconds = 60},
     overlapping_chats,
     scenario_idle},
    {"storm",
     "all are cut within a second and come back at once, resuming, while messages flow",
     {.chats = 900, .members = 10, .rate = 200, .rounds = 1, .seconds = 10},
     many_chats,
     scenario_storm},
    {"history",
     "pages of a chat with 1,000 messages and of a long one, in turns",
     {.messages = 100000, .window = 500, .rounds = 5},
     two_histories,
     scenario_history},
    {"signin",
     "users sign in with their passwords, as many at once as the window says",
     {.members = 100, .window = 16, .seconds = 10},
     only_users,
     scenario_signin},
};

const size_t scenario_count = sizeof scenario_all / sizeof *scenario_all;

const struct scenario *scenario_find(const char *name)
{
    for (size_t i = 0; i < scenario_count; i++)
        if (strcmp(scenario_all[i].name, name) == 0)
            return &scenario_all[i];
    return NULL;
}
