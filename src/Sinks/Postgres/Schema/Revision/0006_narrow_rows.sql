-- Rows that cost less to write. Views show these tables; they are made again when the files are applied.
-- Batches wait here, before they hold anything, as they do for an erasure; what follows locks tables in another order than they do.
LOCK TABLE offsets IN EXCLUSIVE MODE;
DROP VIEW IF EXISTS pipeline.objects, pipeline.tasks;

-- A row is made by one batch of the log, since its first offset, and added to by later ones while the log's owner remembers it; after that the same key goes on in another row.
-- An erasure's rows have no since. Sums that most rows lack are null where there is nothing.
ALTER TABLE activity DROP CONSTRAINT activity_pkey, ADD COLUMN since bigint,
    ALTER COLUMN saves DROP NOT NULL, ALTER COLUMN saves DROP DEFAULT, ALTER COLUMN saves_succeeded DROP NOT NULL, ALTER COLUMN saves_succeeded DROP DEFAULT,
    ALTER COLUMN undos DROP NOT NULL, ALTER COLUMN undos DROP DEFAULT, ALTER COLUMN timed_completions DROP NOT NULL, ALTER COLUMN timed_completions DROP DEFAULT,
    ALTER COLUMN completion_us DROP NOT NULL, ALTER COLUMN completion_us DROP DEFAULT, ALTER COLUMN completed DROP NOT NULL, ALTER COLUMN completed DROP DEFAULT,
    ALTER COLUMN net DROP NOT NULL, ALTER COLUMN net DROP DEFAULT, ALTER COLUMN sourced DROP NOT NULL, ALTER COLUMN sourced DROP DEFAULT,
    ALTER COLUMN from_model DROP NOT NULL, ALTER COLUMN from_model DROP DEFAULT, ALTER COLUMN from_model_changed DROP NOT NULL, ALTER COLUMN from_model_changed DROP DEFAULT,
    ALTER COLUMN objects_saved DROP NOT NULL, ALTER COLUMN objects_saved DROP DEFAULT, ALTER COLUMN objects_reworked DROP NOT NULL, ALTER COLUMN objects_reworked DROP DEFAULT,
    ALTER COLUMN tasks_submitted DROP NOT NULL, ALTER COLUMN tasks_submitted DROP DEFAULT, ALTER COLUMN tasks_first_pass DROP NOT NULL, ALTER COLUMN tasks_first_pass DROP DEFAULT,
    ALTER COLUMN items DROP NOT NULL, ALTER COLUMN items DROP DEFAULT;
CREATE INDEX activity_user ON activity (tenant, user_id, project_id, bucket);

-- The key of an object or a task, which begins with the tenant by way of a hash: the first 16 bytes of SHA-256 over tenant, project and id with a zero byte between them.
ALTER TABLE objects RENAME TO objects_before;
ALTER INDEX objects_pkey RENAME TO objects_before_pkey;
CREATE TABLE objects (
    key        uuid PRIMARY KEY,
    changed_at timestamptz,
    tenant     text COLLATE "C" NOT NULL,
    project_id text COLLATE "C" NOT NULL,
    object_id  text COLLATE "C" NOT NULL,
    created    control.first_event,
    completed  control.first_event,
    deleted    control.first_event,
    saved      control.first_event
) WITH (fillfactor = 80);
INSERT INTO objects (key, tenant, project_id, object_id, created, completed, deleted, saved, changed_at)
SELECT encode(substring(sha256(convert_to(tenant, 'UTF8') || '\x00' || convert_to(project_id, 'UTF8') || '\x00' || convert_to(object_id, 'UTF8')) FOR 16), 'hex')::uuid, tenant, project_id, object_id,
       CASE WHEN created_at IS NOT NULL THEN row(created_at, created_by, created_event, created_tool, created_type, 0)::control.first_event END,
       CASE WHEN completed_at IS NOT NULL THEN row(completed_at, completed_by, completed_event, completed_tool, completed_type, completed_source)::control.first_event END,
       CASE WHEN deleted_at IS NOT NULL THEN row(deleted_at, deleted_by, deleted_event, deleted_tool, deleted_type, 0)::control.first_event END,
       CASE WHEN saved_at IS NOT NULL THEN row(saved_at, saved_by, saved_event, saved_tool, saved_type, 0)::control.first_event END, changed_at
FROM objects_before;
DROP TABLE objects_before;

ALTER TABLE tasks DROP CONSTRAINT tasks_pkey, ADD COLUMN key uuid;
UPDATE tasks SET key = encode(substring(sha256(convert_to(tenant, 'UTF8') || '\x00' || convert_to(project_id, 'UTF8') || '\x00' || convert_to(task_id, 'UTF8')) FOR 16), 'hex')::uuid;
ALTER TABLE tasks ADD PRIMARY KEY (key);
