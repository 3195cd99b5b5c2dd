-- From schema 1 to schema 2. Each change says what it is for; rows that exist keep their meaning.

-- A keyed hash of what was first sent with the client_id: the message may be edited or deleted since.
alter table messages add column client_hash blob;

-- The user whom an answer speaks of goes with it. Answers from before hold a hash of the request's body
-- without a key, and a body may hold a password.
delete from first_answers;
alter table first_answers add column about integer;
create index first_answers_about on first_answers (app, about) where about is not null;
