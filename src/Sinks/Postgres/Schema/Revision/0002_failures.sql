-- The columns and indexes that control.dead_letters got in its second file; a revision made after it has them already.
ALTER TABLE dead_letters ADD COLUMN IF NOT EXISTS algorithm text, ADD COLUMN IF NOT EXISTS algorithm_version text;
DROP INDEX IF EXISTS dead_letters_unpublished;
CREATE INDEX IF NOT EXISTS dead_letters_topic_id_partition_offset_idx ON dead_letters (topic_id, partition, "offset") WHERE published_at IS NULL;
CREATE INDEX IF NOT EXISTS dead_letters_failed_first_idx ON dead_letters (failed_first);
