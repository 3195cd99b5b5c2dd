-- From schema 2 to schema 3.

-- A deleted user's messages are found through its memberships: an index of all messages by their sender
-- cost each message more than any other.
drop index messages_sender;
