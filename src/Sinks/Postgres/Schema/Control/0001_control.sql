-- Schema control: what outlives every revision. Statements run with search_path = control.

-- The revision that readers see and writers write. One row.
CREATE TABLE live (
    is_live  boolean PRIMARY KEY DEFAULT true CHECK (is_live),
    revision text NOT NULL
);

-- An operator's word that a partition may go on although its log is another one (new_log) or has lost records (loss).
CREATE TABLE acceptances (
    consumer    text NOT NULL,
    topic       text NOT NULL,
    partition   int  NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('new_log', 'loss')),
    accepted_at timestamptz NOT NULL DEFAULT now(),
    used_at     timestamptz
);
CREATE UNIQUE INDEX acceptances_open ON acceptances (consumer, topic, partition, kind) WHERE used_at IS NULL;

-- Dead letters of every road but events-postgres, whose own are in the revision with the offset they belong to.
CREATE TABLE dead_letters (
    consumer      text COLLATE "C" NOT NULL,
    topic_id      text COLLATE "C" NOT NULL,
    partition     int    NOT NULL,
    "offset"      bigint NOT NULL,
    topic         text   NOT NULL,
    tenant        text COLLATE "C" NOT NULL,
    stage         text   NOT NULL CHECK (stage IN ('receiving', 'processing', 'sending')),
    kind          text   NOT NULL CHECK (kind IN ('transient', 'invalid', 'fatal')),
    reason        text   NOT NULL,
    message       text   NOT NULL,
    fingerprint   text   NOT NULL,
    key           bytea,
    header_names  text[] NOT NULL,
    header_values bytea[] NOT NULL,
    value         bytea,
    logged_at     timestamptz NOT NULL,
    failed_first  timestamptz NOT NULL,
    failed_last   timestamptz NOT NULL,
    attempts      int NOT NULL DEFAULT 1,
    published_at  timestamptz,
    closed_at     timestamptz,
    PRIMARY KEY (consumer, topic_id, partition, "offset")
);
