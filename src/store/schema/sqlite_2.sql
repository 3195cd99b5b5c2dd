-- From schema 1 to schema 2. Each change says what it is for; rows that exist keep their meaning.

-- Of what was first sent with the client_id: the message may be edited or deleted since.
alter table messages add column client_hash blob;
