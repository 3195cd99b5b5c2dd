/*
 * The bytes of each event as its recipients get them: a table of events and bodies in the fields
 * and order of the documented examples, and round each body the frame that carries it.
 */
#include "realtime/render.h"

#include "base/mem.h"
#include "codec/json.h"
#include "codec/stomp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define CHAT "660e8400-e29b-41d4-a716-446655440001"
#define MESSAGE "770e8400-e29b-41d4-a716-446655440002"
#define REACTION "880e8400-e29b-41d4-a716-446655440003"
#define SENDER "990e8400-e29b-41d4-a716-446655440004"
#define JOINER "aa0e8400-e29b-41d4-a716-446655440005"
#define ANSWER "bb0e8400-e29b-41d4-a716-446655440006"
#define RECIPIENT "550e8400-e29b-41d4-a716-446655440000"
#define NOBODY "00000000-0000-0000-0000-000000000000"

#define SENT 1705314600007 /* 2024-01-15T10:30:00.007Z */
enum { MINUTE_MS = 60000 };

#define BETWEEN "\"recipientId\":\"" RECIPIENT "\",\"senderId\":\"" SENDER "\""

static Id id(const char *text)
{
    Id out = {{0}};
    if (*text)
        assert_true(id_parse(str_of(text), &out));
    return out;
}

struct row {
    const char *name;
    struct event e; /* chat, sender and their ids are filled in, and time, seq and position */
    const char *message_id, *parent_id, *target_id;
    const char *body; /* as RECIPIENT gets it */
};

#define STORED ",\"eventId\":\"e1f\",\"seq\":7}"

static const struct event_original plain = {.time = SENT, .text = S("Hello, world!")};
static const struct event_original edited = {
    .time = SENT, .edited_at = SENT + 5 * MINUTE_MS, .text = S("say \"hi\"\n")};

static const struct row rows[] = {
    {.name = "a message",
     .e = {.type = EVENT_SEND_MSG, .text = S("Hello, world!")},
     .message_id = MESSAGE,
     .body = "{\"type\":\"SEND_MSG\",\"timeStamp\":\"2024-01-15T10:30:00.007Z\","
             "\"chatId\":\"" CHAT "\",\"message\":\"Hello, world!\","
             "\"messageId\":\"" MESSAGE "\"," BETWEEN STORED},
    {.name = "a message with an id of the client's",
     .e = {.type = EVENT_SEND_MSG, .text = S("Hello"), .client_message_id = S("a\"1")},
     .message_id = MESSAGE,
     .body = "{\"type\":\"SEND_MSG\",\"timeStamp\":\"2024-01-15T10:30:00.007Z\","
             "\"chatId\":\"" CHAT "\",\"message\":\"Hello\",\"messageId\":\"" MESSAGE "\"," BETWEEN
             ",\"clientMessageId\":\"a\\\"1\"" STORED},
    {.name = "a message that has been deleted since",
     .e = {.type = EVENT_SEND_MSG},
     .message_id = MESSAGE,
     .body = "{\"type\":\"SEND_MSG\",\"timeStamp\":\"2024-01-15T10:30:00.007Z\","
             "\"chatId\":\"" CHAT "\",\"message\":\"\",\"deleted\":true,"
             "\"messageId\":\"" MESSAGE "\"," BETWEEN STORED},
    {.name = "a message that is empty and not deleted",
     .e = {.type = EVENT_SEND_MSG, .text = S("")},
     .message_id = MESSAGE,
     .body =
         "{\"type\":\"SEND_MSG\",\"timeStamp\":\"2024-01-15T10:30:00.007Z\","
         "\"chatId\":\"" CHAT "\",\"message\":\"\",\"messageId\":\"" MESSAGE "\"," BETWEEN STORED},
    {.name = "a message of what must be escaped and what must not",
     .e = {.type = EVENT_SEND_MSG,
           .text = S("\"\\/\b\f\n\r\t\x01\x1f\x7f \xc3\xa9 \xe2\x80\xa8 \xf0\x9f\x91\x8d ${7*7}")},
     .message_id = MESSAGE,
     .body = "{\"type\":\"SEND_MSG\",\"timeStamp\":\"2024-01-15T10:30:00.007Z\","
             "\"chatId\":\"" CHAT "\",\"message\":\"\\\"\\\\/\\u0008\\u000c\\n\\r\\t\\u0001\\u001f"
             "\x7f \xc3\xa9 \xe2\x80\xa8 \xf0\x9f\x91\x8d ${7*7}\","
             "\"messageId\":\"" MESSAGE "\"," BETWEEN STORED},
    {.name = "an edit",
     .e = {.type = EVENT_EDIT_MSG, .text = S("Hello, world! (edited)")},
     .message_id = MESSAGE,
     .body = "{\"type\":\"EDIT_MSG\",\"chatId\":\"" CHAT "\","
             "\"message\":\"Hello, world! (edited)\",\"messageId\":\"" MESSAGE "\"," BETWEEN
             ",\"editedAt\":\"2024-01-15T10:30:00.007Z\"" STORED},
    {.name = "a deletion",
     .e = {.type = EVENT_DELETE_MSG},
     .message_id = MESSAGE,
     .body = "{\"type\":\"DELETE_MSG\",\"timeStamp\":\"2024-01-15T10:30:00.007Z\","
             "\"chatId\":\"" CHAT "\",\"messageId\":\"" MESSAGE "\"," BETWEEN STORED},
    {.name = "a reply",
     .e = {.type = EVENT_REPLY, .text = S("I agree!"), .original = &plain},
     .message_id = ANSWER,
     .body = "{\"type\":\"REPLY\",\"timeStamp\":\"2024-01-15T10:30:00.007Z\","
             "\"chatId\":\"" CHAT "\",\"message\":\"I agree!\",\"messageId\":\"" ANSWER "\","
             "\"replyTo\":{\"chatId\":\"" CHAT "\",\"timeStamp\":\"2024-01-15T10:30:00.007Z\","
             "\"messageId\":\"" MESSAGE "\",\"senderId\":\"" RECIPIENT "\","
             "\"content\":\"Hello, world!\",\"edited\":false,\"editedAt\":null}," BETWEEN STORED},
    {.name = "a reply to an edited message",
     .e = {.type = EVENT_REPLY, .text = S("I agree!"), .original = &edited},
     .message_id = ANSWER,
     .body = "{\"type\":\"REPLY\",\"timeStamp\":\"2024-01-15T10:30:00.007Z\","
             "\"chatId\":\"" CHAT "\",\"message\":\"I agree!\",\"messageId\":\"" ANSWER "\","
             "\"replyTo\":{\"chatId\":\"" CHAT "\",\"timeStamp\":\"2024-01-15T10:30:00.007Z\","
             "\"messageId\":\"" MESSAGE "\",\"senderId\":\"" RECIPIENT "\","
             "\"content\":\"say \\\"hi\\\"\\n\",\"edited\":true,"
             "\"editedAt\":\"2024-01-15T10:35:00.007Z\"}," BETWEEN STORED},
    {.name = "a reply to a message that is gone",
     .e = {.type = EVENT_REPLY, .text = S("I agree!")},
     .message_id = ANSWER,
     .body = "{\"type\":\"REPLY\",\"timeStamp\":\"2024-01-15T10:30:00.007Z\","
             "\"chatId\":\"" CHAT "\",\"message\":\"I agree!\",\"messageId\":\"" ANSWER "\","
             "\"replyTo\":null," BETWEEN STORED},
    {.name = "typing",
     .e = {.type = EVENT_TYPING, .seq = -1, .number = 0xa},
     .body = "{\"type\":\"TYPING\",\"chatId\":\"" CHAT "\"," BETWEEN "}"},
    {.name = "a reaction",
     .e = {.type = EVENT_REACT, .text = S("\xf0\x9f\x91\x8d")},
     .message_id = REACTION,
     .parent_id = MESSAGE,
     .body = "{\"type\":\"REACT\",\"timeStamp\":\"2024-01-15T10:30:00.007Z\","
             "\"chatId\":\"" CHAT "\",\"message\":\"\xf0\x9f\x91\x8d\","
             "\"messageId\":\"" REACTION "\",\"parentMessageId\":\"" MESSAGE "\"," BETWEEN STORED},
    {.name = "a reaction taken back",
     .e = {.type = EVENT_DELETE_REACT},
     .message_id = REACTION,
     .body = "{\"type\":\"DELETE_REACT\",\"chatId\":\"" CHAT "\","
             "\"messageId\":\"" REACTION "\"," BETWEEN STORED},
    {.name = "a read mark",
     .e = {.type = EVENT_READ_MSG, .seq = -1, .number = 0xb, .target = 9, .audience = 3},
     .message_id = MESSAGE,
     .body = "{\"type\":\"READ_MSG\",\"chatId\":\"" CHAT "\","
             "\"messageId\":\"" MESSAGE "\"," BETWEEN "}"},
    {.name = "a new member",
     .e = {.type = EVENT_USER_JOIN, .target = 9, .username = S("new\\user")},
     .target_id = JOINER,
     .body = "{\"type\":\"USER_JOIN\",\"chatId\":\"" CHAT "\",\"message\":\"" JOINER "\","
             "\"username\":\"new\\\\user\"," BETWEEN STORED},
    {.name = "a member who leaves",
     .e = {.type = EVENT_USER_LEAVE, .target = 9, .text = S("johndoe left the Chat")},
     .body = "{\"type\":\"USER_LEAVE\",\"timeStamp\":\"2024-01-15T10:30:00.007Z\","
             "\"chatId\":\"" CHAT "\",\"message\":\"johndoe left the Chat\"," BETWEEN STORED},
    {.name = "a new chat",
     .e = {.type = EVENT_NEW_CHAT, .text = S("Project Discussion")},
     .body = "{\"type\":\"NEW_CHAT\",\"timeStamp\":\"2024-01-15T10:30:00.007Z\","
             "\"chatId\":\"" CHAT "\",\"message\":\"Project Discussion\"," BETWEEN STORED},
    {.name = "a chat's end",
     .e = {.type = EVENT_DELETE_CHAT},
     .body = "{\"type\":\"DELETE_CHAT\",\"chatId\":\"" CHAT "\"," BETWEEN STORED},
    {.name = "a chat's new name",
     .e = {.type = EVENT_CHAT_RENAMED, .text = S("Project")},
     .body = "{\"type\":\"CHAT_RENAMED\",\"timeStamp\":\"2024-01-15T10:30:00.007Z\","
             "\"chatId\":\"" CHAT "\",\"message\":\"Project\"," BETWEEN STORED},
};

/* Good until the next call. */
static struct event event_of(const struct row *row)
{
    static struct event_original original;
    struct event e = row->e;
    if (e.original) {
        original = *e.original;
        original.message_id = id(MESSAGE);
        original.sender_id = id(RECIPIENT);
        e.original = &original;
    }
    e.app = 1;
    e.chat = 2;
    e.sender = 3;
    e.time = SENT;
    e.position = 0x1f;
    e.seq = e.seq == -1 ? 0 : 7;
    e.chat_id = id(CHAT);
    e.sender_id = id(SENDER);
    e.message_id = id(row->message_id ? row->message_id : "");
    e.parent_id = id(row->parent_id ? row->parent_id : "");
    e.target_id = id(row->target_id ? row->target_id : "");
    return e;
}

/* What a session makes of a blob: head and subscription before it, the recipient patched in. */
static void as_sent(struct buf *out, const struct blob *b, const char *recipient)
{
    buf_add(out, S(RENDER_HEAD));
    buf_add(out, str_of(recipient));
    buf_add(out, S(RENDER_MIDDLE "sub-0"));
    size_t start = out->n;
    buf_add(out, blob_str(b));
    if (b->mark)
        memcpy(out->p + start + b->mark, recipient, ID_TEXT);
}

static void assert_header(const struct stomp_frame *f, const char *name, const char *expected)
{
    Str value;
    assert_true(stomp_header(f, str_of(name), &value));
    if (!str_eq(value, str_of(expected)))
        fail_msg("%s is \"" STR_FMT "\", not \"%s\"", name, STR_ARG(value), expected);
}

static void assert_message(Str bytes, const char *event_id, const char *body)
{
    struct stomp_frame f;
    const char *why = "";
    char length[24];
    long used = stomp_decode(bytes, &STOMP_LIMITS(STOMP_12), &f, &why);
    if (used != (long)bytes.n)
        fail_msg("%ld of %zu bytes: %s", used, bytes.n, why);
    assert_int_equal(f.command, STOMP_MESSAGE);
    assert_int_equal(f.header_count, 5);
    assert_header(&f, "destination", "/user/" RECIPIENT "/queue/messages");
    assert_header(&f, "subscription", "sub-0");
    assert_header(&f, "message-id", event_id);
    assert_header(&f, "content-type", "application/json");
    snprintf(length, sizeof length, "%zu", strlen(body));
    assert_header(&f, "content-length", length);
    if (!str_eq(f.body, str_of(body)))
        fail_msg("\n" STR_FMT "\ninstead of\n%s", STR_ARG(f.body), body);
}

static void each_event_is_a_frame(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        struct event e = event_of(&rows[i]);
        struct buf out = BUF(65536);
        struct blob *b = render_event(&e);
        char number[32];
        snprintf(number, sizeof number, e.seq ? "e1f" : "u1f-%x", e.number);
        as_sent(&out, b, RECIPIENT);
        assert_message(buf_str(&out), number, rows[i].body);
        blob_unref(&b);
        buf_free(&out);
    }
}

static void what_is_patched_is_the_recipients_id_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        struct event e = event_of(&rows[i]);
        struct blob *b = render_event(&e);
        Str field = S("\"recipientId\":\"");
        assert_true(b->mark > field.n && b->mark + ID_TEXT < b->n);
        assert_memory_equal(b->p + b->mark - field.n, field.p, field.n);
        assert_memory_equal(b->p + b->mark, NOBODY, ID_TEXT);
        assert_int_equal(b->p[b->mark + ID_TEXT], '"');
        blob_unref(&b);
    }
}

/* Over REST there is no frame; the body is the same. */
static void the_body_alone_is_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        struct event e = event_of(&rows[i]);
        struct buf out = BUF(65536);
        render_body(&out, &e, id(RECIPIENT));
        if (!str_eq(buf_str(&out), str_of(rows[i].body)))
            fail_msg("%s:\n" STR_FMT, rows[i].name, STR_ARG(buf_str(&out)));
        buf_free(&out);
    }
}

static void the_body_is_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        struct json_value *doc;
        const char *why = "";
        if (json_parse_object(str_of(rows[i].body), &doc, &why) != ERR_OK)
            fail_msg("%s: %s", rows[i].name, why);
        Str text;
        if (rows[i].e.text.n) {
            assert_int_equal(json_get_string(doc, "message", &text), JSON_FOUND);
            assert_true(str_eq(text, rows[i].e.text)); /* escapes lead back to the text */
        }
        json_free(&doc);
    }
}

/* content-length counts bytes; a text of the greatest length, of which every character is escaped
 * or of four bytes, and a quotation of another one, still fit. */
static void the_longest_texts_fit(void **state)
{
    (void)state;
    enum { CHARACTERS = 10000 };
    static const char *const characters[] = {"\x01", "\"", "\xf0\x9f\x91\x8d"};
    for (size_t i = 0; i < countof(characters); i++) {
        struct buf text = BUF(4 * CHARACTERS), out = BUF(1 << 20);
        for (int k = 0; k < CHARACTERS; k++)
            buf_add(&text, str_of(characters[i]));
        struct event_original original = {.time = SENT, .text = buf_str(&text)};
        struct row row = {.e = {.type = EVENT_REPLY, .text = buf_str(&text)}};
        row.e.original = &original;
        struct event e = event_of(&row);
        struct blob *b = render_event(&e);
        struct buf body = BUF(1 << 20);
        struct json_value *doc;
        const struct json_value *reply_to;
        const char *why;
        Str got;
        render_body(&body, &e, id(RECIPIENT));
        buf_byte(&body, '\0');
        as_sent(&out, b, RECIPIENT);
        assert_message(buf_str(&out), "e1f", body.p);
        assert_int_equal(json_parse_object(str_from(body.p, body.n - 1), &doc, &why), ERR_OK);
        assert_int_equal(json_get_string(doc, "message", &got), JSON_FOUND);
        assert_true(str_eq(got, buf_str(&text)));
        assert_int_equal(json_get_object(doc, "replyTo", &reply_to), JSON_FOUND);
        assert_int_equal(json_get_string(reply_to, "content", &got), JSON_FOUND);
        assert_true(str_eq(got, buf_str(&text)));
        json_free(&doc);
        blob_unref(&b);
        buf_free(&body);
        buf_free(&out);
        buf_free(&text);
    }
}

static void a_note_is_the_same_for_all(void **state)
{
    (void)state;
    const char *body = "{\"type\":\"RESUMED\",\"complete\":true}";
    Str ids[2];
    struct blob *notes[2];
    for (int i = 0; i < 2; i++) {
        struct buf out = BUF(1024);
        struct stomp_frame f;
        const char *why;
        notes[i] = render_note(str_of(body), 0x2a);
        assert_int_equal(notes[i]->mark, 0);
        as_sent(&out, notes[i], RECIPIENT);
        assert_true(stomp_decode(buf_str(&out), &STOMP_LIMITS(STOMP_12), &f, &why) > 0);
        assert_true(stomp_header(&f, S("message-id"), &ids[i]));
        assert_true(str_starts(ids[i], S("u2a-")));
        ids[i] = str_from(strndup(ids[i].p, ids[i].n), ids[i].n);
        assert_message(buf_str(&out), ids[i].p, body);
        buf_free(&out);
    }
    assert_false(str_eq(ids[0], ids[1])); /* told apart */
    for (int i = 0; i < 2; i++) {
        mem_free((char *)ids[i].p);
        blob_unref(&notes[i]);
    }
}

static void a_resync_names_chats(void **state)
{
    (void)state;
    struct buf out = BUF(1024);
    Id chats[] = {id(CHAT), id(MESSAGE)};
    render_resync(&out, chats, 2);
    assert_true(
        str_eq(buf_str(&out), S("{\"type\":\"RESYNC\",\"chats\":[\"" CHAT "\",\"" MESSAGE "\"]}")));
    buf_clear(&out);
    render_resync(&out, NULL, 0);
    assert_true(str_eq(buf_str(&out), S("{\"type\":\"RESYNC\",\"chats\":[]}")));
    buf_free(&out);
}

int main(void)
{
    json_setup();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_is_a_frame),
        cmocka_unit_test(what_is_patched_is_the_recipients_id_alone),
        cmocka_unit_test(the_body_alone_is_the_same),
        cmocka_unit_test(the_body_is_json),
        cmocka_unit_test(the_longest_texts_fit),
        cmocka_unit_test(a_note_is_the_same_for_all),
        cmocka_unit_test(a_resync_names_chats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
