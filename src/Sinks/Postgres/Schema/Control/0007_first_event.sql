-- The first of the events that decide about an object, and where it is counted. One type for all revisions, so that a session's temporary tables fit any of them.
CREATE TYPE control.first_event AS (
    occurred_at timestamptz, user_id text COLLATE "C", event_id uuid, tool text COLLATE "C", annotation_type text COLLATE "C", source smallint);
