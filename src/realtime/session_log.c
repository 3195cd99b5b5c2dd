/*
 * What the log says of a session. A session has no room for counters: how many bytes came and went
 * the kernel is asked once, at the end, and of a session without a socket its wire knows.
 */
#include "realtime/session_parts.h"

void session_log_who(const struct session *s, struct session_who *who,
                     struct log_field out[SESSION_LOG_WHO])
{
    id_format(online_app_id(s->all->config.online, s->actor.app), who->app);
    id_format(s->actor.user_id, who->user);
    out[0] = log_s("app", str_from(who->app, sizeof who->app));
    out[1] = log_s("user", str_from(who->user, sizeof who->user));
}

static Str reason_of(const struct session *s, int code, Str reason)
{
    if (reason.n)
        return reason;
    if (code == WS_LOST)
        return S("connection lost");
    return s->ws.closed ? S("closed by the client") : S("disconnected by the client");
}

static bool traffic_of(const struct session *s, uint64_t *in, uint64_t *out)
{
    if (s->tcp)
        return tcp_traffic(s->tcp, in, out);
    if (!s->wire)
        return false;
    *in = s->wire->in;
    *out = s->wire->out;
    return true;
}

void session_log_end(const struct session *s, int code, Str reason)
{
    struct session_who who;
    struct log_field fields[SESSION_LOG_WHO + 5];
    size_t n = SESSION_LOG_WHO;
    uint64_t in, out;
    if (!log_enabled(LOG_INFO))
        return;
    session_log_who(s, &who, fields);
    uint32_t now = (uint32_t)(loop_now(s->all->config.loop) / 1000);
    fields[n++] = log_n("code", code);
    fields[n++] = log_s("reason", reason_of(s, code, reason));
    fields[n++] = log_n("seconds", now - s->began);
    if (traffic_of(s, &in, &out)) {
        fields[n++] = log_n("in", in);
        fields[n++] = log_n("out", out);
    }
    log_fields(LOG_INFO, "session ended", n, fields);
}
