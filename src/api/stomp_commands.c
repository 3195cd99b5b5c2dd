#include "api/stomp_commands.h"

#include "api/request.h"
#include "api/server.h"
#include "base/mem.h"
#include "base/random.h"
#include "codec/json.h"
#include "realtime/render.h"

#include <stdio.h>

enum {
    ARENA_MAX = 2 * 1024 * 1024,
    ECHO_MAX = 64, /* bytes of an id that an ERROR event repeats */
    NOTE_MAX = 16 * 1024,
    CLIENT_ID_MAX = 64,
};

struct command;

/* Which fields an action takes; all that are named are required. */
enum { CHAT = 1, MESSAGE = 2, TEXT = 4, REACTION = 8, REACTION_ID = 16, CLIENT_ID = 32 };

struct action {
    const char *type;
    unsigned fields;
    Err (*run)(struct job *job, struct tx *tx); /* NULL: a send */
};

struct command {
    struct job job; /* first */
    struct arena arena;
    struct session *session;
    struct server *server;
    const struct action *action;
    struct message_post post;
    Str type;                                   /* as given */
    Str chat_text, message_text, reaction_text; /* ids as given, for an ERROR event */
    Str receipt;                                /* as it was sent, escaped */
    Str receipt_text;                           /* for JSON */
    Id chat, message, reaction;
    Str text;
    Str emoji;
};

/* ----- the rules behind the actions ----- */

static Err run_edit(struct job *job, struct tx *tx)
{
    struct command *c = (struct command *)job;
    return message_edit(tx, session_actor(c->session), c->chat, c->message, c->text);
}

static Err run_delete(struct job *job, struct tx *tx)
{
    struct command *c = (struct command *)job;
    return message_delete(tx, session_actor(c->session), c->chat, c->message);
}

/* What is not told costs nothing of the rate. */
static void give_back(struct command *c);

/* rate_take or rate_peek. */
typedef bool look_at_rate(struct rate *rate, MapKey key, struct rate_limit limit,
                          struct rate_state *state);

static bool typing_is_due(struct command *c, look_at_rate *look);

/* One a chat and interval goes out; the others only get their receipts. Who may not is refused, and
 * uses up no interval. */
static Err run_typing(struct job *job, struct tx *tx)
{
    struct command *c = (struct command *)job;
    size_t events = tx->events->n;
    Err err = message_typing(tx, session_actor(c->session), c->chat);
    if (!err && !typing_is_due(c, rate_take)) {
        event_truncate(tx->events, events);
        give_back(c);
    }
    return err;
}

static Err run_react(struct job *job, struct tx *tx)
{
    struct command *c = (struct command *)job;
    return message_react(tx, session_actor(c->session), c->chat, c->message, c->emoji);
}

static Err run_unreact(struct job *job, struct tx *tx)
{
    struct command *c = (struct command *)job;
    return message_unreact(tx, session_actor(c->session), c->reaction);
}

static Err run_read(struct job *job, struct tx *tx)
{
    struct command *c = (struct command *)job;
    return message_read(tx, session_actor(c->session), c->chat, c->message);
}

static const struct action actions[] = {
    {"SEND_MSG", CHAT | TEXT | CLIENT_ID, NULL},
    {"REPLY", CHAT | MESSAGE | TEXT | CLIENT_ID, NULL},
    {"EDIT_MSG", CHAT | MESSAGE | TEXT, run_edit},
    {"DELETE_MSG", CHAT | MESSAGE, run_delete},
    {"TYPING", CHAT, run_typing},
    {"REACT", CHAT | MESSAGE | REACTION, run_react},
    {"DELETE_REACT", REACTION_ID, run_unreact},
    {"READ_MSG", CHAT | MESSAGE, run_read},
};

/* ----- answers ----- */

static void command_free(struct command *c)
{
    arena_free(&c->arena);
    mem_free(c);
}

static void echo(struct json_writer *w, const char *name, Str value)
{
    if (value.n && value.n <= ECHO_MAX)
        json_field_string(w, name, value);
}

/* The ERROR event: for the acting session alone. */
static void refuse(struct command *c, Err err, Str why)
{
    struct buf out = BUF(NOTE_MAX);
    struct json_writer w = {.out = &out};
    json_object_begin(&w);
    json_field_string(&w, "type", S("ERROR"));
    json_field_string(&w, "code", err_code(err));
    json_field_string(&w, "message", why.n ? why : err_text(err));
    if (c->receipt_text.n)
        json_field_string(&w, "receipt", c->receipt_text);
    if (c->post.client_message_id.n && c->post.client_message_id.n <= 4 * CLIENT_ID_MAX)
        json_field_string(&w, "clientMessageId", c->post.client_message_id);
    json_field_object(&w, "request");
    echo(&w, "type", c->type);
    echo(&w, "chatId", c->chat_text);
    echo(&w, "messageId", c->message_text);
    echo(&w, "reactionId", c->reaction_text);
    json_object_end(&w);
    json_object_end(&w);
    if (!out.overflow)
        session_tell(c->session, buf_str(&out));
    buf_free(&out);
}

static void done(struct job *job)
{
    struct command *c = (struct command *)job;
    struct session *s = c->session;
    if (job->err) {
        refuse(c, job->err, job->why);
    } else {
        if (c->post.repeated) {
            struct blob *frame = render_event(c->post.repeated);
            session_push(s, frame);
            blob_unref(&frame);
        }
        session_receipt(s, c->receipt);
    }
    command_free(c);
    session_job_done(s);
}

/* ----- decoding ----- */

static Err field(struct command *c, const struct json_value *json, const char *name, Str *out,
                 Str *why)
{
    Str value;
    if (json_get_string(json, name, &value) != JSON_FOUND) {
        *why = arena_fmt(&c->arena, "The field %s must be a string.", name);
        return ERR_INVALID_FIELD;
    }
    *out = arena_str(&c->arena, value);
    return ERR_OK;
}

static Err id_field(struct command *c, const struct json_value *json, const char *name, Str *text,
                    Id *id, Str *why)
{
    Err err = field(c, json, name, text, why);
    if (!err && !id_parse(*text, id)) {
        *why = arena_fmt(&c->arena, "The field %s must be a UUID.", name);
        err = ERR_INVALID_ID;
    }
    return err;
}

static Err client_id_field(struct command *c, const struct json_value *json, Str *why)
{
    Str value;
    switch (json_get_string(json, "clientMessageId", &value)) {
    case JSON_FOUND:
        c->post.client_message_id = arena_str(&c->arena, value);
        if (value.n)
            return ERR_OK;
        *why = S("The field clientMessageId must be 1 to 64 characters.");
        return ERR_INVALID_FIELD;
    case JSON_ABSENT:
        return ERR_OK;
    default:
        *why = S("The field clientMessageId must be a string.");
        return ERR_INVALID_FIELD;
    }
}

static Err decode_fields(struct command *c, const struct json_value *json, Str *why)
{
    unsigned fields = c->action->fields;
    Err err = ERR_OK;
    /* Read before anything can fail: an ERROR event repeats it. */
    if (fields & CLIENT_ID)
        err = client_id_field(c, json, why);
    if (!err && fields & CHAT)
        err = id_field(c, json, "chatId", &c->chat_text, &c->chat, why);
    if (!err && fields & MESSAGE)
        err = id_field(c, json, "messageId", &c->message_text, &c->message, why);
    if (!err && fields & REACTION_ID)
        err = id_field(c, json, "reactionId", &c->reaction_text, &c->reaction, why);
    if (!err && fields & TEXT)
        err = field(c, json, "message", &c->text, why);
    if (!err && fields & REACTION)
        err = field(c, json, "reaction", &c->emoji, why);
    return err;
}

static Err decode(struct command *c, Str body, Str *why)
{
    struct json_value *json = NULL;
    const char *text = NULL;
    Err err = json_parse_object(body, &json, &text);
    if (err) {
        *why = str_of(text);
        return err;
    }
    err = field(c, json, "type", &c->type, why);
    for (size_t i = 0; !err && i < countof(actions) && !c->action; i++)
        if (str_eq(c->type, str_of(actions[i].type)))
            c->action = &actions[i];
    if (!err && !c->action)
        err = ERR_UNKNOWN_ACTION;
    if (!err)
        err = decode_fields(c, json, why);
    json_free(&json);
    return err;
}

/* ----- rates ----- */

static MapKey rate_key(const struct actor *a, char what, Str more)
{
    char key[1 + 2 * sizeof(int64_t) + ID_TEXT];
    size_t n = 1;
    key[0] = what;
    memcpy(key + n, &a->app, sizeof a->app);
    memcpy(key + n + sizeof a->app, &a->user, sizeof a->user);
    n += 2 * sizeof(int64_t);
    more.n = more.n > ID_TEXT ? ID_TEXT : more.n;
    memcpy(key + n, more.p, more.n);
    return random_hash(str_from(key, n + more.n));
}

static void give_back(struct command *c)
{
    rate_give(c->server->rate, rate_key(session_actor(c->session), 'm', S("")),
              c->server->config.message_rate);
}

static bool is_typing(Str body)
{
    struct json_value *json = NULL;
    const char *why = NULL;
    Str type;
    if (json_parse_object(body, &json, &why))
        return false;
    bool typing = json_get_string(json, "type", &type) == JSON_FOUND && str_eq(type, S("TYPING"));
    json_free(&json);
    return typing;
}

/* Above the rate messages are delayed. A TYPING would be no news then: it is dropped, unless its
 * client waits for a RECEIPT. */
static int64_t admit(struct session *s, const struct stomp_frame *f)
{
    struct server *server = session_context(s);
    struct rate_state state;
    Str receipt;
    if (rate_take(server->rate, rate_key(session_actor(s), 'm', S("")), server->config.message_rate,
                  &state))
        return 0;
    if (!stomp_header(f, S("receipt"), &receipt) && is_typing(f->body))
        return SESSION_DROP;
    return state.retry_ms + 1;
}

static bool typing_is_due(struct command *c, look_at_rate *look)
{
    struct rate_limit one = {1000.0 / (double)c->server->config.typing_ms, 1};
    char chat[ID_TEXT];
    id_format(c->chat, chat);
    MapKey key = rate_key(session_actor(c->session), 't', str_from(chat, sizeof chat));
    return look(c->server->rate, key, one, NULL);
}

/* ----- the command ----- */

static void fill_job(struct command *c, size_t bytes)
{
    const struct actor *a = session_actor(c->session);
    c->job = (struct job){.item = {.tenant = a->app, .lane = a->user, .bytes = sizeof *c + bytes},
                          .loop = session_loop(c->session),
                          .pool = JOB_WRITE,
                          .run = c->action->run,
                          .done = done,
                          .arena = &c->arena};
    if (!c->action->run) {
        c->post.actor = *a;
        c->post.chat_id = c->chat;
        c->post.reply_to = c->message;
        c->post.text = c->text;
        c->job.post = &c->post;
    }
}

/* What is not told costs nothing of the rate. True: nobody waits for it either. */
static bool drop_typing(struct command *c)
{
    if (c->action->run != run_typing || typing_is_due(c, rate_peek))
        return false;
    give_back(c);
    return !c->receipt.n;
}

static void command(struct session *s, const struct stomp_frame *f)
{
    struct command *c = mem_alloc(sizeof *c);
    Str why = {0}, raw;
    c->arena = ARENA(ARENA_MAX);
    c->session = s;
    c->server = session_context(s);
    if (stomp_header(f, S("receipt"), &raw)) {
        c->receipt = arena_str(&c->arena, raw);
        if (!stomp_value(f, S("receipt"), &c->arena, &c->receipt_text))
            c->receipt_text = c->receipt;
        c->receipt_text = arena_str(&c->arena, c->receipt_text);
    }
    Err err = decode(c, f->body, &why);
    if (!err) {
        fill_job(c, f->body.n);
        if (drop_typing(c)) {
            command_free(c);
            return;
        }
        err = session_submit(s, &c->job);
    }
    if (!err)
        return;
    refuse(c, err, why);
    command_free(c);
}

static Err connect(struct session *s, const struct auth_ticket *ticket, Str token, const char **why)
{
    struct server *server = session_context(s);
    struct token_claims claims;
    token = request_bearer(token);
    if (!token.n) {
        *why = "CONNECT needs an Authorization header.";
        return ERR_AUTH_MISSING_TOKEN;
    }
    Err err = token_verify(server->config.keys, TOKEN_USER, token, 0, &claims);
    if (err && err != ERR_AUTH_EXPIRED_TOKEN) /* its ticket proves that it was live */
        return err;
    if (!id_eq(claims.subject, ticket->actor.user_id) || !id_eq(claims.app, ticket->app_id) ||
        !id_eq(claims.session, ticket->session_id)) {
        *why = "The JWT is not of the user and session of the ticket.";
        return ERR_AUTH_INVALID_TOKEN;
    }
    return ERR_OK;
}

const struct session_ops stomp_commands = {connect, admit, command};
