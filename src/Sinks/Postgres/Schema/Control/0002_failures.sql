-- Failures: what a dead letter of an algorithm names besides, how letters are listed and announced, and tenants that flood them.

ALTER TABLE dead_letters ADD COLUMN algorithm text, ADD COLUMN algorithm_version text;

-- What the outbox still has to publish, in the order of the log.
CREATE INDEX dead_letters_topic_id_partition_offset_idx ON dead_letters (topic_id, partition, "offset") WHERE published_at IS NULL;
-- Listed from the newest; failed_first never changes, so that a cursor stays where it is.
CREATE INDEX dead_letters_failed_first_idx ON dead_letters (failed_first);

-- Tenants whose events become dead letters faster than their quota allows. Ingest answers 429 until then.
CREATE TABLE floods (
    tenant       text COLLATE "C" PRIMARY KEY,
    dead_letters bigint NOT NULL,
    records      bigint NOT NULL,
    noted_at     timestamptz NOT NULL DEFAULT now(),
    until        timestamptz NOT NULL
);
