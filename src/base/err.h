/*
 * Err: every way an operation can be refused, from one list: name, HTTP status, stable code that
 * clients see, and the default sentence that says what to change. Only api/ turns an Err into a
 * status or an event. ERR_OK is 0.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/str.h"

#define ERR_LIST(X)                                                                                \
    X(OK, 200, "Done.")                                                                            \
    X(BAD_REQUEST, 400, "The request is malformed.")                                               \
    X(INVALID_JSON, 400, "The body is not valid JSON in UTF-8.")                                   \
    X(INVALID_FIELD, 400, "A field is missing or not valid.")                                      \
    X(INVALID_ID, 400, "An id is not a UUID.")                                                     \
    X(UNKNOWN_CURSOR, 400, "The cursor is not a message of this chat.")                            \
    X(UNKNOWN_ACTION, 400, "The type is not a known action.")                                      \
    X(AUTH_INVALID_TOKEN, 401, "Invalid or expired JWT.")                                          \
    X(AUTH_EXPIRED_TOKEN, 401, "The JWT has expired; refresh it.")                                 \
    X(AUTH_MISSING_TOKEN, 401, "This endpoint needs an Authorization header.")                     \
    X(AUTH_BAD_CREDENTIALS, 401, "The name or the password is wrong.")                             \
    X(AUTH_API_KEY_REQUIRED, 401, "API key is required for this endpoint; send x-api-key.")        \
    X(AUTH_INVALID_API_KEY, 401, "The API key is not valid.")                                      \
    X(AUTH_REVOKED_API_KEY, 401, "The API key has been revoked.")                                  \
    X(AUTH_INVALID_TICKET, 401,                                                                    \
      "The ticket is missing, unknown, spent or expired; get a new one.")                          \
    X(FORBIDDEN, 403, "You may not do this.")                                                      \
    X(NOT_A_MEMBER, 403, "You are not a member of this chat.")                                     \
    X(NOT_THE_CREATOR, 403, "Only the creator of the chat may do this.")                           \
    X(NOT_THE_SENDER, 403, "Only the sender of the message may do this.")                          \
    X(NOT_THE_OWNER, 403, "Only the one who reacted may do this.")                                 \
    X(APP_LIMIT, 403, "The account has as many apps as it may; delete one.")                       \
    X(DEMO_APP_LIMIT, 403, "An account has at most 5 demo apps; delete or upgrade one.")           \
    X(API_KEY_LIMIT, 403, "An app has at most 5 active keys; revoke one.")                         \
    X(APP_SUSPENDED, 403, "The app is suspended; set its status to ACTIVE.")                       \
    X(TIER_NOT_ALLOWED, 403, "Only the server's operator gives an app this tier; ask them.")       \
    X(REGISTRATION_CLOSED, 403,                                                                    \
      "This server makes new accounts by invitation only; ask its operator for one.")              \
    X(ORIGIN_NOT_ALLOWED, 403, "This origin is not allowed.")                                      \
    X(NOT_FOUND, 404, "There is nothing here.")                                                    \
    X(APP_NOT_FOUND, 404, "There is no such app.")                                                 \
    X(KEY_NOT_FOUND, 404, "There is no such API key.")                                             \
    X(USER_NOT_FOUND, 404, "There is no such user.")                                               \
    X(CHAT_NOT_FOUND, 404, "There is no such chat.")                                               \
    X(MESSAGE_NOT_FOUND, 404, "There is no such message.")                                         \
    X(REACTION_NOT_FOUND, 404, "There is no such reaction.")                                       \
    X(MEMBER_NOT_FOUND, 404, "That user is not a member of this chat.")                            \
    X(METHOD_NOT_ALLOWED, 405, "This path does not take that method; see Allow.")                  \
    X(EMAIL_TAKEN, 409, "This email is already registered.")                                       \
    X(USERNAME_TAKEN, 409, "This username is already taken.")                                      \
    X(ALREADY_MEMBER, 409, "That user is already a member of this chat.")                          \
    X(CHAT_FULL, 409, "The chat has as many members as it can.")                                   \
    X(USER_CHAT_LIMIT, 409, "The user is in as many chats as a user may be.")                      \
    X(NO_CLUSTER_FOR_TIER, 409, "There is no cluster for that tier.")                              \
    X(PAYLOAD_TOO_LARGE, 413, "The request is too large.")                                         \
    X(MESSAGE_TOO_LONG, 400, "A message is 1 to 10000 characters.")                                \
    X(URI_TOO_LONG, 414, "The request's target is too long; send less in the query.")              \
    X(UNSUPPORTED_MEDIA_TYPE, 415, "The body must be application/json.")                           \
    X(IDEMPOTENCY_MISMATCH, 422, "The Idempotency-Key was used with another body.")                \
    X(CLIENT_MESSAGE_MISMATCH, 409, "The clientMessageId was used with another text.")             \
    X(UPGRADE_REQUIRED, 426, "This path speaks WebSocket version 13.")                             \
    X(RATE_LIMITED, 429, "Too many requests; slow down.")                                          \
    X(CONCURRENT_USER_LIMIT, 429, "The plan's number of connected users is reached; upgrade.")     \
    X(CONNECTION_LIMIT, 429, "Too many open connections from this address; close some.")           \
    X(APP_CONNECTION_LIMIT, 429, "The app has as many open sessions as it may; close some.")       \
    X(OUTPUT_LIMIT, 429, "Too much waits for you already; read it before asking for more.")        \
    X(HEADERS_TOO_LARGE, 431, "The request's head is too large.")                                  \
    X(INTERNAL, 500, "Something went wrong here; report the request id.")                          \
    X(NOT_IMPLEMENTED, 501, "This transfer coding or method is not supported.")                    \
    X(OVERLOADED, 503, "The server is busy; try again shortly.")                                   \
    X(STORE_UNAVAILABLE, 503, "Nothing can be stored at the moment; try again later.")             \
    X(DRAINING, 503, "The server is restarting; try again shortly.")                               \
    X(HTTP_VERSION, 505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.")

typedef enum {
#define X(name, status, text) ERR_##name,
    ERR_LIST(X)
#undef X
        ERR_COUNT
} Err;

#define must_check __attribute__((warn_unused_result))

/* The HTTP status, the stable code ("NOT_A_MEMBER") and the default sentence. */
int err_status(Err e);
Str err_code(Err e);
Str err_text(Err e);

#endif
