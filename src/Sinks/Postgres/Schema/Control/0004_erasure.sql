-- Erasure of a user's events: what was asked for, how far it is in each store, and tombstones that keep copies of the erased events from coming back.

-- One row. The key of the hashes, and how often a tombstone was added: writers read the tombstones again when it has changed.
CREATE TABLE tombstone_state (
    is_one  boolean PRIMARY KEY DEFAULT true CHECK (is_one),
    key     bytea NOT NULL,
    version bigint NOT NULL DEFAULT 0
);
INSERT INTO tombstone_state (key) VALUES (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- Events of the user that were received until then (and occurred in the range, where there is one) are dropped. The user is known by a keyed hash alone.
CREATE TABLE tombstones (
    version        bigint PRIMARY KEY,
    tenant         text COLLATE "C" NOT NULL,
    user_hash      bytea NOT NULL,
    received_until timestamptz NOT NULL,
    occurred_from  timestamptz,
    occurred_to    timestamptz,
    erasure_id     uuid NOT NULL
);

-- user_id stands here only until every store is done.
CREATE TABLE erasures (
    erasure_id    uuid PRIMARY KEY,
    tenant        text COLLATE "C" NOT NULL,
    user_id       text COLLATE "C",
    user_hash     bytea NOT NULL,
    occurred_from timestamptz,
    occurred_to   timestamptz,
    requested_at  timestamptz NOT NULL,
    finished_at   timestamptz
);
CREATE INDEX erasures_open ON erasures (requested_at) WHERE finished_at IS NULL;

-- The stores that hold users' events. Processors add theirs.
CREATE TABLE erasing_stores (store text PRIMARY KEY);
INSERT INTO erasing_stores (store) VALUES ('postgres');

-- What each store deleted. A step is done when a scan after it found nothing.
CREATE TABLE erasure_steps (
    erasure_id  uuid NOT NULL REFERENCES erasures,
    store       text NOT NULL,
    deleted     jsonb NOT NULL DEFAULT '{}',
    tries       int NOT NULL DEFAULT 0,
    last_error  text,
    verified_at timestamptz,
    PRIMARY KEY (erasure_id, store)
);
