-- Whole UTC days of activity added up, over logs, types and tools, so that what reads a year reads a row a day. Only days before added_up_before are there, and a day that is among
-- the changed ones is not to be taken from here: something was written into its rows of activity since.
CREATE TABLE activity_days (
    day                   timestamptz NOT NULL,
    last_annotation_at    timestamptz,
    events                bigint NOT NULL,
    annotations           bigint NOT NULL,
    annotations_succeeded bigint NOT NULL,
    annotation_durations  bigint NOT NULL,
    annotation_us         bigint NOT NULL,
    duration_outliers     bigint NOT NULL,
    errors                bigint NOT NULL,
    saves                 bigint NOT NULL,
    saves_succeeded       bigint NOT NULL,
    undos                 bigint NOT NULL,
    timed_completions     bigint NOT NULL,
    completion_us         bigint NOT NULL,
    completed             bigint NOT NULL,
    net                   bigint NOT NULL,
    sourced               bigint NOT NULL,
    from_model            bigint NOT NULL,
    from_model_changed    bigint NOT NULL,
    objects_saved         bigint NOT NULL,
    objects_reworked      bigint NOT NULL,
    tasks_submitted       bigint NOT NULL,
    tasks_first_pass      bigint NOT NULL,
    items                 bigint NOT NULL,
    tenant                text COLLATE "C" NOT NULL,
    user_id               text COLLATE "C" NOT NULL,
    project_id            text COLLATE "C" NOT NULL,
    completion_times bytea, load_times bytea, frame_switch_times bytea, save_times bytea, fps bytea,
    -- Occupied slots of work and of other events: for each quarter of an hour its number (1 byte, 0 to 95) and the 34 bytes of its bit(270).
    work_slots bytea, other_slots bytea
);
CREATE INDEX activity_days_user ON activity_days (tenant, user_id, project_id, day);

-- Days in which something changed since they were added up, noted in the transaction that changed it; a day may stand here several times.
CREATE TABLE changed_days (
    day        timestamptz NOT NULL,
    tenant     text COLLATE "C" NOT NULL,
    user_id    text COLLATE "C" NOT NULL,
    project_id text COLLATE "C" NOT NULL
);
CREATE INDEX changed_days_user ON changed_days (tenant, user_id, project_id, day);

-- Whoever writes into a day before noted_before notes that. It is moved while no batch is under way, and added_up_before follows when every day before it is there.
CREATE TABLE days_state (
    is_only         boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    noted_before    timestamptz NOT NULL,
    added_up_before timestamptz NOT NULL,
    CHECK (added_up_before <= noted_before)
);
INSERT INTO days_state (noted_before, added_up_before) VALUES ('2000-01-01 00:00Z', '2000-01-01 00:00Z');

-- The fence, which now says what its caller has to note: read behind it, so that whoever passes it under the old answer has committed before the days are added up.
-- Under a new name: a process that would not note must not pass.
DROP FUNCTION advance(int, bigint, bigint, bigint);
CREATE FUNCTION advance_log(p_log_id int, p_epoch bigint, p_from bigint, p_to bigint) RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
    IF p_to <= p_from THEN
        RAISE EXCEPTION 'log % cannot go from offset % to %', p_log_id, p_from, p_to USING ERRCODE = 'PL001';
    END IF;
    UPDATE offsets SET next_offset = p_to, tries = 0, trying = NULL
    WHERE log_id = p_log_id AND epoch = p_epoch AND next_offset = p_from AND closed_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'log % is not at offset % under epoch %', p_log_id, p_from, p_epoch USING ERRCODE = 'PL001';
    END IF;
    RETURN (SELECT noted_before FROM days_state);
END $$;
