-- How far retention is in each revision. A revision without a row has lost nothing.
CREATE TABLE retention (
    revision     text COLLATE "C" PRIMARY KEY,
    -- Rows of events that were logged before this are gone.
    rows_from    timestamptz,
    -- Ids that were logged before this are gone: what the last whole walk through the ledger took.
    ledger_from  timestamptz,
    -- The walk that is under way: what it takes, and the page at which it goes on.
    ledger_until timestamptz,
    ledger_page  bigint NOT NULL DEFAULT 0,
    passed_at    timestamptz
);
