-- A body that is a text is resolved where its function is called, and readers of pipeline.efficiency_metrics have a search path in which bin_value and compact_bins are nowhere.
-- One gets the path of now, the other a body that is resolved now: it stays one that statements take in, which a function with a setting is not.
ALTER FUNCTION histogram_percentile(bytea, double precision) SET search_path FROM CURRENT;

CREATE OR REPLACE FUNCTION add_bins(a bytea, b bytea) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN a IS NULL THEN b WHEN b IS NULL THEN a WHEN length(a) < 24576 THEN a || b ELSE compact_bins(a || b) END;
