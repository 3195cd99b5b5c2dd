-- From schema 1 to schema 2. Each change says what it is for; rows that exist keep their meaning.

-- A keyed hash of what was first sent with the client_id: the message may be edited or deleted since.
alter table messages add column client_hash blob;

-- The user whom an answer speaks of goes with it. Answers from before hold a hash of the request's body
-- without a key, and a body may hold a password.
delete from first_answers;
alter table first_answers add column about integer;
create index first_answers_about on first_answers (app, about) where about is not null;

-- While a deleted user leaves its chats, others' lists of chats look at it.
create index removals_user on removals (app) where kind = 'user';

-- What is over goes by its time, and what one account, app or user can pile up by its number.
create index families_expiry on families (expires_at);
create index families_revoked on families (revoked_at) where revoked_at is not null;
drop index family_tokens_family;
create index family_tokens_used on family_tokens (family, used_at);
create index api_keys_active on api_keys (app, id) where revoked_at is null;
create index api_keys_revoked on api_keys (app, revoked_at, id) where revoked_at is not null;
create index api_keys_old on api_keys (revoked_at) where revoked_at is not null;
create index apps_deleted on apps (deleted_at) where deleted_at is not null;
create index audit_account on audit (account, id);
create index audit_time on audit (created_at);
create index usage_days_day on usage_days (day);
create index active_users_day on active_users (day, app);

-- Users of a day that is over, as a number: their rows are counted into it as they go.
alter table usage_days add column active_users integer not null default 0;

insert into sqlite_stat1 (tbl, idx, stat) values
    ('usage_days', 'usage_days_day', '100000 250'),
    ('active_users', 'active_users_day', '1000000 1000 100');
analyze sqlite_schema;

-- Each start of a server is an epoch of the log, with a random tag that ids name: so an id that was given
-- out after a backup is told from those that a restored store gives out anew. last_position: the last
-- one given out, once the epoch is over.
create table log_epochs (
    id integer primary key,
    tag integer not null,
    first_position integer not null,
    last_position integer
) strict;

-- The last position given out, as of a server's end in order.
alter table log_state add column given integer not null default 0;

-- Where the log was when: one row a second while there are commits. at: milliseconds of a clock that
-- never goes back within an epoch.
create table log_times (
    position integer primary key,
    at integer not null
) strict;

-- How far a removal that goes through a chat has come.
alter table removals add column progress integer not null default 0;
