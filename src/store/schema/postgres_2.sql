-- From schema 1 to schema 2: the same changes as sqlite_2.sql.

alter table messages add column client_hash bytea;
