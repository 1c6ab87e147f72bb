-- Under which epoch the record was marked that is being tried: only an owner that marked it counts against it.
ALTER TABLE offsets ADD COLUMN IF NOT EXISTS trying_epoch bigint;
