-- Schema pipeline: what readers use. Made anew whenever the live revision or this file changes; {revision} is the live one.
CREATE VIEW offsets      AS SELECT * FROM {revision}.offsets;
CREATE VIEW outcomes     AS SELECT * FROM {revision}.outcomes;
CREATE VIEW event_ledger AS SELECT * FROM {revision}.event_ledger;
CREATE VIEW events       AS SELECT * FROM {revision}.events;
CREATE VIEW activity     AS SELECT * FROM {revision}.activity;
CREATE VIEW activity_days AS SELECT * FROM {revision}.activity_days;
CREATE VIEW changed_days AS SELECT * FROM {revision}.changed_days;
CREATE VIEW days_state   AS SELECT * FROM {revision}.days_state;
CREATE VIEW members      AS SELECT * FROM {revision}.members;
CREATE VIEW objects      AS SELECT * FROM {revision}.objects;
CREATE VIEW tasks        AS SELECT * FROM {revision}.tasks;
CREATE VIEW quality      AS SELECT * FROM {revision}.quality;
CREATE VIEW dead_letters AS SELECT * FROM {revision}.dead_letters UNION ALL SELECT * FROM control.dead_letters;

-- Analyses by their states' names, without their results.
CREATE VIEW analysis_tasks AS
SELECT tenant, request_id, algorithm, (ARRAY['high', 'normal', 'low'])[priority] AS priority,
       (ARRAY['submitted', 'queued', 'scheduled', 'running', 'failed', 'retrying', 'completed', 'abandoned', 'cancelled'])[state] AS state,
       attempts, submitted_at, finished_at, error_code, error_message, (metadata ->> 'duration_ms')::float8 AS duration_ms, metadata ->> 'engine' AS engine
FROM control.tasks;

-- What schedules had analysed, and what came of it.
CREATE VIEW scheduled_results AS
SELECT r.tenant, r.schedule, r.due_at, r.project_id, r.user_id, t.algorithm, (ARRAY['submitted', 'queued', 'scheduled', 'running', 'failed', 'retrying', 'completed', 'abandoned', 'cancelled'])[t.state] AS state,
       t.finished_at, t.result, t.metadata, t.error_code, t.error_message, r.points_at, r.points_fault, r.request_id
FROM control.scheduled_runs r JOIN control.tasks t USING (tenant, request_id, digest);

-- The promise as a query: difference is 0 in every snapshot. In flight is the log's end minus next_offset, which only Kafka knows.
CREATE VIEW conservation AS
SELECT o.consumer, o.topic, o.topic_id, o.partition, o.first_offset, o.next_offset, o.closed_at,
       coalesce(s.n, 0) AS outcomes, o.next_offset - o.first_offset - coalesce(s.n, 0) AS difference
FROM {revision}.offsets o
LEFT JOIN (SELECT consumer, topic_id, partition, sum(n)::bigint AS n FROM {revision}.outcomes GROUP BY 1, 2, 3) s
    USING (consumer, topic_id, partition);

-- Annotation figures by user and project, times in ms; event_type 1 is annotation.
CREATE VIEW user_stats AS
SELECT tenant, user_id, project_id, sum(events)::bigint AS total_annotations, sum(duration_us) / 1000.0 AS total_time,
       coalesce(sum(duration_us) / 1000.0 / nullif(sum(durations), 0), 0) AS avg_annotation_time, max(last_at) AS last_activity
FROM {revision}.activity WHERE event_type = 1 GROUP BY tenant, user_id, project_id;

CREATE VIEW project_stats AS
SELECT tenant, project_id, sum(events)::bigint AS total_annotations, sum(duration_us) / 1000.0 AS total_time,
       coalesce(sum(duration_us) / 1000.0 / nullif(sum(durations), 0), 0) AS avg_annotation_time, count(DISTINCT user_id) AS users_count,
       max(last_at) AS last_activity
FROM {revision}.activity WHERE event_type = 1 GROUP BY tenant, project_id;

-- The metrics of docs/metrics.md by user, project and 15 minutes, over all tools and types, times in ms or s as their names say. Counts add up over rows; rates and percentiles
-- do not: take them from sums. active_time_s is that of the user in this project alone: a user's time over several projects is less than their sum where they overlap.
CREATE VIEW efficiency_metrics AS
WITH occupied AS (
    SELECT tenant, user_id, project_id, extract(epoch FROM bucket)::bigint / 10 - 180 + i AS slot, bool_or(event_type <= 4) AS is_active
    FROM {revision}.activity, generate_series(0, 269) AS i WHERE get_bit(slots, i) = 1 GROUP BY 1, 2, 3, 4
), spans AS (
    -- Each occupied slot with the ones that its gap to the slot before fills: 10 slots of 10 s for activity, 180 for sessions.
    SELECT tenant, user_id, project_id, slot, true AS is_active, slot - lag(slot) OVER same_user AS step, 10 AS gap FROM occupied WHERE is_active
    WINDOW same_user AS (PARTITION BY tenant, user_id, project_id ORDER BY slot)
    UNION ALL
    SELECT tenant, user_id, project_id, slot, false, slot - lag(slot) OVER same_user, 180 FROM occupied
    WINDOW same_user AS (PARTITION BY tenant, user_id, project_id ORDER BY slot)
), filled AS (
    SELECT tenant, user_id, project_id, is_active, s AS slot FROM spans, generate_series(CASE WHEN step <= gap THEN slot - step + 1 ELSE slot END, slot) AS s
), time AS (
    SELECT tenant, user_id, project_id, to_timestamp(slot / 90 * 900) AS bucket,
           10 * count(*) FILTER (WHERE is_active) AS active_time_s, 10 * count(*) FILTER (WHERE NOT is_active) AS session_time_s
    FROM filled GROUP BY 1, 2, 3, 4
), work AS (
    SELECT tenant, user_id, project_id, bucket, sum(events)::bigint AS events, coalesce(sum(events) FILTER (WHERE event_type = 1), 0)::bigint AS total_annotations,
           coalesce(sum(succeeded) FILTER (WHERE event_type = 1), 0)::bigint AS annotations_succeeded, coalesce(sum(duration_us) FILTER (WHERE event_type = 1), 0) / 1000.0 AS total_time,
           sum(completed) AS annotations_completed, sum(net) AS net_annotations, sum(timed_completions) AS timed_completions, sum(completion_us) / 1000.0 AS completion_time_ms,
           sum(saves) AS saves, sum(saves_succeeded) AS saves_succeeded, sum(undos) AS undos, sum(objects_saved) AS objects_saved, sum(objects_reworked) AS objects_reworked,
           sum(sourced) AS objects_sourced, sum(from_model) AS objects_from_model, sum(from_model_changed) AS objects_from_model_changed,
           sum(tasks_submitted) AS tasks_submitted, sum(tasks_first_pass) AS tasks_first_pass, sum(items) AS items,
           coalesce(sum(events) FILTER (WHERE event_type = 6), 0)::bigint AS errors, sum(duration_outliers)::bigint AS duration_outliers,
           {revision}.histogram_percentile(string_agg(completion_times, ''), 0.5) / 1000 AS time_per_object_p50_ms,
           {revision}.histogram_percentile(string_agg(completion_times, ''), 0.9) / 1000 AS time_per_object_p90_ms,
           {revision}.histogram_percentile(string_agg(load_times, ''), 0.95) / 1000 AS load_p95_ms,
           {revision}.histogram_percentile(string_agg(frame_switch_times, ''), 0.95) / 1000 AS frame_switch_p95_ms,
           {revision}.histogram_percentile(string_agg(save_times, ''), 0.95) / 1000 AS save_p95_ms,
           {revision}.histogram_percentile(string_agg(fps, ''), 0.05) / 1000000 AS fps_p5
    FROM {revision}.activity GROUP BY 1, 2, 3, 4
)
SELECT tenant, user_id, project_id, bucket, coalesce(active_time_s, 0) AS active_time_s, coalesce(session_time_s, 0) AS session_time_s,
       coalesce(session_time_s, 0) - coalesce(active_time_s, 0) AS idle_time_s, coalesce(work.events, 0) AS events, coalesce(work.total_annotations, 0) AS total_annotations, coalesce(work.annotations_succeeded, 0) AS annotations_succeeded, coalesce(work.total_time, 0) AS total_time, coalesce(work.annotations_completed, 0) AS annotations_completed,
       coalesce(work.net_annotations, 0) AS net_annotations, coalesce(work.timed_completions, 0) AS timed_completions, coalesce(work.completion_time_ms, 0) AS completion_time_ms, coalesce(work.saves, 0) AS saves, coalesce(work.saves_succeeded, 0) AS saves_succeeded, coalesce(work.undos, 0) AS undos, coalesce(work.objects_saved, 0) AS objects_saved, coalesce(work.objects_reworked, 0) AS objects_reworked, coalesce(work.objects_sourced, 0) AS objects_sourced,
       coalesce(work.objects_from_model, 0) AS objects_from_model, coalesce(work.objects_from_model_changed, 0) AS objects_from_model_changed, coalesce(work.tasks_submitted, 0) AS tasks_submitted, coalesce(work.tasks_first_pass, 0) AS tasks_first_pass, coalesce(work.items, 0) AS items, coalesce(work.errors, 0) AS errors, coalesce(work.duration_outliers, 0) AS duration_outliers,
       work.time_per_object_p50_ms, work.time_per_object_p90_ms, work.load_p95_ms, work.frame_switch_p95_ms, work.save_p95_ms, work.fps_p5
FROM work FULL JOIN time USING (tenant, user_id, project_id, bucket);
