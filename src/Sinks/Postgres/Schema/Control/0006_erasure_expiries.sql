-- When what no erasure reaches goes by age, as its holder said when the erasure was carried out. Without a time: never, or not known; the note says which.
CREATE TABLE erasure_expiries (
    erasure_id uuid NOT NULL REFERENCES erasures,
    store      text NOT NULL,
    name       text NOT NULL,
    expires_by timestamptz,
    note       text NOT NULL,
    PRIMARY KEY (erasure_id, store, name)
);
