-- What the metrics of docs/metrics.md are made of. A revision written before this file holds these figures from then on only; a replay makes them whole.

-- Entries of a histogram (bin: 2 bytes, count: 4 bytes, big-endian) added up by bin. Called rarely: see add_bins.
CREATE FUNCTION compact_bins(entries bytea) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT string_agg(int2send(bin) || substring(int8send(n) FROM 5), ''::bytea ORDER BY bin)
    FROM (SELECT (get_byte(entries, i) * 256 + get_byte(entries, i + 1))::int2 AS bin,
                 sum((get_byte(entries, i + 2)::bigint << 24) + (get_byte(entries, i + 3) << 16) + (get_byte(entries, i + 4) << 8) + get_byte(entries, i + 5))::bigint AS n
          FROM generate_series(0, length(entries) - 6, 6) AS i GROUP BY 1) AS summed
$$;

-- One histogram behind the other; added up only when they have become long, which at most some 2,000 different bins cannot bring about at once.
CREATE FUNCTION add_bins(a bytea, b bytea) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN a IS NULL THEN b WHEN b IS NULL THEN a WHEN length(a) < 24576 THEN a || b ELSE compact_bins(a || b) END
$$;

-- The middle of a bin: below 128 the value itself, above it 64 bins an octave.
CREATE FUNCTION bin_value(bin int) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN bin < 128 THEN bin ELSE (((bin % 64 + 64)::bigint << (bin / 64 - 1)) + ((1::bigint << (bin / 64 - 1)) - 1) / 2.0) END::double precision
$$;

-- Quantile R-7 of a histogram, within 1 %; null over nothing.
CREATE FUNCTION histogram_percentile(entries bytea, p double precision) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH bins AS (
        SELECT get_byte(entries, i) * 256 + get_byte(entries, i + 1) AS bin,
               sum((get_byte(entries, i + 2)::bigint << 24) + (get_byte(entries, i + 3) << 16) + (get_byte(entries, i + 4) << 8) + get_byte(entries, i + 5))::bigint AS n
        FROM generate_series(0, length(entries) - 6, 6) AS i GROUP BY 1
    ), ranked AS (
        SELECT bin, sum(n) OVER (ORDER BY bin) AS upto, sum(n) OVER () AS total FROM bins
    ), low AS (
        SELECT bin, floor(p * (total - 1)::double precision) AS rank, p * (total - 1)::double precision AS exact, total FROM ranked
        WHERE upto > floor(p * (total - 1)::double precision) ORDER BY bin LIMIT 1
    )
    SELECT bin_value(low.bin) + (exact - rank) * (coalesce((SELECT bin_value(r.bin) FROM ranked r WHERE r.upto > low.rank + 1 ORDER BY r.bin LIMIT 1), bin_value(low.bin)) - bin_value(low.bin))
    FROM low
$$;

-- Object and task figures are added and taken away by whichever log changes the state: one log's row can be negative, their sum cannot.
ALTER TABLE activity
    ADD COLUMN saves int NOT NULL DEFAULT 0, ADD COLUMN saves_succeeded int NOT NULL DEFAULT 0, ADD COLUMN undos int NOT NULL DEFAULT 0,
    ADD COLUMN timed_completions int NOT NULL DEFAULT 0, ADD COLUMN completion_us bigint NOT NULL DEFAULT 0,
    ADD COLUMN completed int NOT NULL DEFAULT 0, ADD COLUMN net int NOT NULL DEFAULT 0,
    ADD COLUMN sourced int NOT NULL DEFAULT 0, ADD COLUMN from_model int NOT NULL DEFAULT 0, ADD COLUMN from_model_changed int NOT NULL DEFAULT 0,
    ADD COLUMN objects_saved int NOT NULL DEFAULT 0, ADD COLUMN objects_reworked int NOT NULL DEFAULT 0,
    ADD COLUMN tasks_submitted int NOT NULL DEFAULT 0, ADD COLUMN tasks_first_pass int NOT NULL DEFAULT 0, ADD COLUMN items int NOT NULL DEFAULT 0,
    -- Histograms: µs, and fps in millionths.
    ADD COLUMN completion_times bytea, ADD COLUMN load_times bytea, ADD COLUMN frame_switch_times bytea, ADD COLUMN save_times bytea, ADD COLUMN fps bytea,
    -- The 10-second slots that the bucket's events occupied, from 30 minutes before the bucket on: no event is longer.
    ADD COLUMN slots bit(270) NOT NULL DEFAULT repeat('0', 270)::bit(270);

-- Who was ever seen in which project. By it a project's rows are found user by user, so that the large tables need no second index.
CREATE TABLE members (
    tenant     text COLLATE "C" NOT NULL,
    project_id text COLLATE "C" NOT NULL,
    user_id    text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, project_id, user_id)
);

-- State of objects and tasks: one row each, whoever writes. A "first" is the least event by time, user and id; where it counts is said by its columns.
CREATE TABLE objects (
    tenant     text COLLATE "C" NOT NULL,
    project_id text COLLATE "C" NOT NULL,
    object_id  text COLLATE "C" NOT NULL,
    created_at   timestamptz, created_by   text COLLATE "C", created_event   uuid, created_tool   text COLLATE "C", created_type   text COLLATE "C",
    completed_at timestamptz, completed_by text COLLATE "C", completed_event uuid, completed_tool text COLLATE "C", completed_type text COLLATE "C",
    completed_source smallint,
    deleted_at   timestamptz, deleted_by   text COLLATE "C", deleted_event   uuid, deleted_tool   text COLLATE "C", deleted_type   text COLLATE "C",
    saved_at     timestamptz, saved_by     text COLLATE "C", saved_event     uuid, saved_tool     text COLLATE "C", saved_type     text COLLATE "C",
    changed_at   timestamptz,
    PRIMARY KEY (tenant, project_id, object_id)
) WITH (fillfactor = 80);

CREATE TABLE tasks (
    tenant     text COLLATE "C" NOT NULL,
    project_id text COLLATE "C" NOT NULL,
    task_id    text COLLATE "C" NOT NULL,
    submitted_at timestamptz, submitted_by text COLLATE "C", submitted_event uuid, submitted_tool text COLLATE "C",
    item_at      timestamptz, item_by      text COLLATE "C", item_event      uuid, item_tool      text COLLATE "C",
    submits      int NOT NULL,
    modified_at  timestamptz,
    PRIMARY KEY (tenant, project_id, task_id)
) WITH (fillfactor = 80);

-- Data quality by 15 minutes of receipt. outcome is stored, duplicate or the reason of a dead letter, whose project is '' because it was not read.
CREATE TABLE quality (
    bucket     timestamptz NOT NULL,
    log_id     int NOT NULL,
    tenant     text COLLATE "C" NOT NULL,
    project_id text COLLATE "C" NOT NULL,
    outcome    text COLLATE "C" NOT NULL,
    events     bigint NOT NULL,
    late       bigint NOT NULL,
    skewed     bigint NOT NULL,
    outliers   bigint NOT NULL,
    -- |received - sent|, µs
    deliveries bytea,
    PRIMARY KEY (tenant, bucket, project_id, log_id, outcome)
) WITH (fillfactor = 70);
