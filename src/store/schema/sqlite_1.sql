-- Every key leads with the app's small integer; rows refer to users and chats by integers, UUIDs are
-- attributes. Times are milliseconds since the epoch. A logical deletion is deleted_at; rows go later.

create table accounts (
    id integer primary key,
    uuid blob not null unique,
    company text not null,
    email text not null,
    email_key text not null unique,
    password text not null,
    role text not null,
    created_at integer not null,
    updated_at integer not null
) strict;

-- A sign-in of the dashboard: refresh tokens follow one another in it.
create table families (
    id integer primary key,
    uuid blob not null unique,
    account integer not null,
    created_at integer not null,
    expires_at integer not null,
    revoked_at integer
) strict;
create index families_account on families (account);

create table family_tokens (
    hash blob primary key,
    family integer not null,
    created_at integer not null,
    used_at integer
) strict, without rowid;
create index family_tokens_family on family_tokens (family);

create table clusters (
    id integer primary key,
    uuid blob not null unique,
    name text not null unique,
    endpoint text not null,
    tiers text not null,
    status text not null,
    created_at integer not null
) strict;

create table apps (
    id integer primary key autoincrement,
    uuid blob not null unique,
    account integer not null,
    name text not null,
    status text not null,
    tier text not null,
    cluster integer not null,
    created_at integer not null,
    updated_at integer not null,
    deleted_at integer
) strict;
create index apps_account on apps (account);

-- Every cluster that an app has lived on: its keys stay good.
create table app_clusters (
    app integer not null,
    cluster integer not null,
    primary key (app, cluster)
) strict, without rowid;

create table api_keys (
    id integer primary key,
    app integer not null,
    uuid blob not null,
    hash blob not null,
    prefix text not null,
    audience text not null,
    tier text not null,
    created_at integer not null,
    used_at integer,
    revoked_at integer
) strict;
create unique index api_keys_uuid on api_keys (app, uuid);

create table users (
    id integer primary key autoincrement,
    app integer not null,
    uuid blob not null,
    username text not null,
    username_key text not null,
    email text not null,
    email_key text not null,
    password text not null,
    first_name text,
    sur_name text,
    created_at integer not null,
    last_seen_at integer, -- when it last had a realtime session; for one who has, when that began
    online_on text,       -- the node that it has one on
    deleted_at integer
) strict;
create index users_online on users (online_on) where online_on is not null;
create unique index users_uuid on users (app, uuid);
create unique index users_username on users (app, username_key) where deleted_at is null;
create unique index users_email on users (app, email_key) where deleted_at is null;

-- A sign-in of a user on a device; its refresh token is kept as a hash.
create table sessions (
    id integer primary key,
    app integer not null,
    uuid blob not null,
    user_id integer not null,
    refresh_hash blob not null,
    created_at integer not null,
    used_at integer not null,
    expires_at integer not null,
    revoked_at integer
) strict;
create unique index sessions_uuid on sessions (app, uuid);
create unique index sessions_refresh on sessions (app, refresh_hash);
create index sessions_user on sessions (app, user_id);
create index sessions_expiry on sessions (expires_at);

create table tickets (
    app integer not null,
    hash blob not null,
    user_id integer not null,
    session integer not null,
    expires_at integer not null,
    spent_at integer,
    primary key (app, hash)
) strict, without rowid;
create index tickets_expiry on tickets (expires_at);

create table chats (
    id integer primary key autoincrement,
    app integer not null,
    uuid blob not null,
    name text not null,
    creator integer not null,
    created_at integer not null,
    last_seq integer not null,
    last_time integer not null,
    activity_at integer not null,
    member_count integer not null,
    deleted_at integer
) strict;
create unique index chats_uuid on chats (app, uuid);

-- One row a time of membership, from the seq of the event that began it to the one that ended it.
create table members (
    app integer not null,
    chat integer not null,
    user_id integer not null,
    joined_seq integer not null,
    joined_at integer not null,
    left_seq integer,
    role text not null default 'MEMBER',
    read_seq integer not null default 0,
    read_position integer not null default 0, -- a log position of the mark's own, taken when it moved
    primary key (app, chat, user_id, joined_seq)
) strict, without rowid;
create index members_user on members (app, user_id, left_seq, chat);
create index members_chat on members (app, chat, joined_seq, user_id);
create index members_read on members (app, chat, read_position) where read_position > 0;

-- In the order of arrival; id is the log position. A deleted message is a tombstone: text null.
create table messages (
    id integer primary key,
    app integer not null,
    chat integer not null,
    seq integer not null,
    uuid blob not null,
    sender integer not null,
    type integer not null default 0,
    text text,
    extra text,
    reply_to integer,
    client_id text,
    created_at integer not null,
    edited_at integer,
    deleted_at integer
) strict;
-- Sender and deleted_at are in it so that unread messages are counted without reading them.
create index messages_seq on messages (app, chat, seq, sender, deleted_at);
create unique index messages_uuid on messages (app, uuid);
create index messages_client on messages (app, chat, sender, client_id) where client_id is not null;
create index messages_sender on messages (app, sender, id) where deleted_at is null;

create table reactions (
    id integer primary key,
    app integer not null,
    chat integer not null,
    message_seq integer not null,
    uuid blob not null,
    user_id integer not null,
    reaction text not null,
    created_at integer not null
) strict;
create unique index reactions_message on reactions (app, chat, message_seq, user_id, reaction);
create unique index reactions_uuid on reactions (app, uuid);
create index reactions_user on reactions (app, user_id);

-- The log: every stored event that is not a message's own row. id is the log position.
create table events (
    id integer primary key,
    app integer not null,
    chat integer not null,
    seq integer not null,
    type integer not null,
    sender integer not null,
    sender_uuid blob not null,
    message_uuid blob,
    parent_uuid blob,
    target integer,
    target_uuid blob,
    text text,
    created_at integer not null
) strict;
create unique index events_seq on events (app, chat, seq);
create index events_time on events (created_at);
create index events_reaction on events (app, message_uuid) where type in (6, 7);

-- One row: all rows of the log above `pruned` are still there.
create table log_state (
    id integer primary key,
    pruned integer not null
) strict;

-- One row: no log position above `reserved` has been given out, whatever rows have been removed since.
create table positions (
    id integer primary key,
    reserved integer not null
) strict;

-- When a node last said that it runs: what its users were last seen at, should it have crashed.
create table nodes (
    name text primary key,
    alive_at integer not null
) strict, without rowid;

create table usage_days (
    app integer not null,
    day integer not null,
    node text not null,
    worker integer not null,
    messages integer not null default 0,
    api_calls integer not null default 0,
    peak_users integer not null default 0,
    connection_seconds integer not null default 0,
    primary key (app, day, node, worker)
) strict, without rowid;

create table active_users (
    app integer not null,
    day integer not null,
    user_id integer not null,
    primary key (app, day, user_id)
) strict, without rowid;

-- The first answers to POSTs with an Idempotency-Key. owner: the user, or the account with app 0.
create table first_answers (
    app integer not null,
    owner integer not null,
    key text not null,
    body_hash blob not null,
    status integer not null,
    headers text not null,
    body text not null,
    created_at integer not null,
    primary key (app, owner, key)
) strict, without rowid;
create index first_answers_time on first_answers (created_at);

-- What was deleted logically and still has rows: removed in small jobs that survive a restart, each
-- from due_at on. kind: app, user, chat, or chat_end, what is left of a chat once its log is old.
create table removals (
    id integer primary key,
    app integer not null,
    kind text not null,
    chat integer,
    user_id integer,
    created_at integer not null,
    due_at integer not null default 0
) strict;
create index removals_due on removals (due_at, id);

create table audit (
    id integer primary key,
    account integer not null,
    app integer,
    action text not null,
    subject text not null,
    created_at integer not null
) strict;

-- What the planner is to believe of the tables that grow: rows, then rows for each prefix of the
-- index. So its plans are the same for an empty database and a full one, and never walk an app.
analyze;
insert into sqlite_stat1 (tbl, idx, stat) values
    ('users', 'users_uuid', '1000000 1000 1'),
    ('users', 'users_username', '1000000 1000 1'),
    ('users', 'users_email', '1000000 1000 1'),
    ('users', 'users_online', '10000 10000'),
    ('sessions', 'sessions_uuid', '3000000 3000 1'),
    ('sessions', 'sessions_refresh', '3000000 3000 1'),
    ('sessions', 'sessions_user', '3000000 3000 3'),
    ('sessions', 'sessions_expiry', '3000000 2'),
    ('tickets', 'tickets', '1000000 1000 1'),
    ('tickets', 'tickets_expiry', '1000000 2'),
    ('chats', 'chats_uuid', '1000000 1000 1'),
    ('members', 'members', '10000000 10000 100 2 1'),
    ('members', 'members_user', '10000000 10000 100 50 1'),
    ('members', 'members_chat', '10000000 10000 100 10 1'),
    ('members', 'members_read', '5000000 5000 50 5'),
    ('messages', 'messages_seq', '100000000 100000 1000 1 1 1'),
    ('messages', 'messages_uuid', '100000000 100000 1'),
    ('messages', 'messages_client', '10000000 10000 100 10 1'),
    ('messages', 'messages_sender', '100000000 100000 1000 1'),
    ('reactions', 'reactions_message', '10000000 10000 100 10 2 1'),
    ('reactions', 'reactions_uuid', '10000000 10000 1'),
    ('reactions', 'reactions_user', '10000000 10000 100'),
    ('events', 'events_seq', '10000000 10000 100 1'),
    ('events', 'events_time', '10000000 2'),
    ('events', 'events_reaction', '1000000 1000 2'),
    ('usage_days', 'usage_days', '100000 100 10 2 1'),
    ('active_users', 'active_users', '1000000 1000 100 1'),
    ('first_answers', 'first_answers', '100000 100 10 1'),
    ('first_answers', 'first_answers_time', '100000 2');
analyze sqlite_schema;
