-- From schema 1 to schema 2: the same changes as sqlite_2.sql.

alter table messages add column client_hash bytea;

-- The user whom an answer speaks of goes with it. Answers from before hold a hash of the request's body
-- without a key, and a body may hold a password.
delete from first_answers;
alter table first_answers add column about bigint;
create index first_answers_about on first_answers (app, about) where about is not null;
