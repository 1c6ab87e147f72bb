-- What Ingest refused and what clients say they dropped, by 15 minutes of receipt. It never became an event, so that no revision holds it and no replay brings it back.
-- kind: rejected (events, by reason), refused (bodies, by code), client_dropped (events that clients gave up, by their own word; reason '').
CREATE TABLE ingest_counts (
    bucket timestamptz NOT NULL,
    n      bigint NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    kind   text COLLATE "C" NOT NULL CHECK (kind IN ('rejected', 'refused', 'client_dropped')),
    reason text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, bucket, kind, reason)
) WITH (fillfactor = 70);
