/*
 * The options: one table of name, default and meaning; read from a config file, then the
 * environment (--data is WHISP_DATA), then the command line, the later one winning. Knows nothing
 * of what the options do.
 */
#ifndef MAIN_CONFIG_H
#define MAIN_CONFIG_H

#include "api/rate.h"
#include "base/err.h"
#include "base/log.h"

struct host_port {
    Str host;
    uint16_t port;
};

struct hash_cost {
    uint64_t memory; /* bytes */
    uint64_t passes;
};

/* Times in milliseconds, sizes in bytes. Texts live as long as the program. */
struct config {
    Str trusted_proxies;
    Str data, store, cluster, cluster_tiers, public_url, management_url, origins,
        management_origins, sockjs_url, tls_cert, tls_key;
    struct host_port listen, management_listen;
    int64_t threads, readers, resume_readers, hashers;
    Str registration, account_tiers;
    int64_t invitation_ttl;
    Str log_format, log_level, missing_keys;
    struct rate_limit message_rate, request_rate, key_rate, signin_failures;
    struct rate_limit management_rate, account_rate, register_rate, new_key_rate;
    struct hash_cost hash_cost;
    int64_t user_token_ttl, refresh_ttl, ticket_ttl, account_token_ttl, account_refresh_ttl;
    int64_t retention, resume_events, resumes;
    int64_t usage_retention, audit_retention;
    int64_t demo_users, demo_apps, account_apps, app_keys, user_logins, chat_members, user_chats,
        message_length, unread_most, sessions_per_user;
    int64_t message_patience, heart_beat, ping_interval;
    int64_t connect_timeout, idle_timeout, request_timeout, typing_interval;
    int64_t presence_away, presence_interval, presence_members, compress_above;
    int64_t connections, address_connections, app_connections, session_output, buffer_budget,
        user_output, address_output, session_jobs, subscriptions;
    int64_t queue_jobs, queue_bytes, app_queue_jobs, batch_jobs, batch_time;
    int64_t drain_delay, drain_spread, drain_timeout;
};

/*
 * Fills *out. argv without the program and the subcommand. On an error *why (static or leaked on
 * purpose: the program ends) says which option, where it was set, and what to write instead.
 */
Err config_read(int argc, char **argv, struct config *out, const char **why) must_check;

/* All options with their defaults and meanings. */
void config_help(void);

/* Puts in force what an option comes to that nobody set, or that was left to the server. */
void config_derive(const char *name, const char *value);

/* The options as they are in force. */
void config_print(void);

#endif
