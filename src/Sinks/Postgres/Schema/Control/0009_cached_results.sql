-- Results of analyses that took long, for every engine. Whatever is here can be computed again: nothing of it has to outlive a crash of the server.
CREATE UNLOGGED TABLE cached_results (
    -- SHA-256 of all that the result depends on: algorithm, version, code, parameters, input.
    key     bytea PRIMARY KEY,
    result  bytea NOT NULL,
    made_at timestamptz NOT NULL,
    used_at timestamptz NOT NULL
) WITH (fillfactor = 80);
