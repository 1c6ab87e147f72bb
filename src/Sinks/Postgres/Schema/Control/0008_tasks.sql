-- Analyses. The row of a request is its answer: whatever is read, executed or answered twice, the first final state stays.
CREATE TABLE tasks (
    tenant        text COLLATE "C" NOT NULL,
    request_id    text COLLATE "C" NOT NULL,
    -- SHA-256 of the request's bytes: the same id with other bytes is another request.
    digest        bytea NOT NULL,
    algorithm     text COLLATE "C" NOT NULL,
    -- 1 high, 2 normal, 3 low.
    priority      smallint NOT NULL,
    -- 1 submitted, 2 queued, 3 scheduled, 4 running, 5 failed, 6 retrying, 7 completed, 8 abandoned, 9 cancelled; from 7 on it is final.
    state         smallint NOT NULL,
    -- Every state it came into and when: the place in these lists is the transition's sequence number.
    states        smallint[] NOT NULL,
    entered       timestamptz[] NOT NULL,
    attempts      int NOT NULL DEFAULT 0,
    submitted_at  timestamptz NOT NULL,
    finished_at   timestamptz,
    -- Which process executes it, and until when that holds without being renewed.
    owner         text,
    lease_until   timestamptz,
    result        json,
    error_code    text,
    error_message text,
    error_path    text,
    metadata      json,
    PRIMARY KEY (tenant, request_id)
    -- Room for the row's later versions beside it: states change, indexed columns do not.
) WITH (fillfactor = 60);

-- Listed from the newest; swept from the oldest.
CREATE INDEX tasks_submitted_at_idx ON tasks (submitted_at);
