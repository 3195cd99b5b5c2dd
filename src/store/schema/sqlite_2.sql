-- From schema 1 to schema 2. Each change says what it is for; rows that exist keep their meaning.

-- A keyed hash of what was first sent with the client_id: the message may be edited or deleted since.
alter table messages add column client_hash blob;

-- The user whom an answer speaks of goes with it. Answers from before hold a hash of the request's body
-- without a key, and a body may hold a password.
delete from first_answers;
alter table first_answers add column about integer;
create index first_answers_about on first_answers (app, about) where about is not null;

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
