-- Which tasks schedules made, and of whom: their ids hold a digest alone.
CREATE TABLE scheduled_runs (
    tenant       text COLLATE "C" NOT NULL,
    request_id   text COLLATE "C" NOT NULL,
    schedule     text COLLATE "C" NOT NULL,
    due_at       timestamptz NOT NULL,
    project_id   text COLLATE "C",
    user_id      text COLLATE "C",
    -- When its points were written to InfluxDB, or why InfluxDB does not take them.
    points_at    timestamptz,
    points_fault text,
    PRIMARY KEY (tenant, request_id)
);
CREATE INDEX scheduled_runs_due_idx ON scheduled_runs (due_at);
CREATE INDEX scheduled_runs_user_idx ON scheduled_runs (tenant, user_id);
CREATE INDEX scheduled_runs_points_idx ON scheduled_runs (due_at) WHERE points_at IS NULL;
