-- Schema pipeline: what readers use. Made anew whenever the live revision or this file changes; {revision} is the live one.
CREATE VIEW offsets      AS SELECT * FROM {revision}.offsets;
CREATE VIEW outcomes     AS SELECT * FROM {revision}.outcomes;
CREATE VIEW event_ledger AS SELECT * FROM {revision}.event_ledger;
CREATE VIEW events       AS SELECT * FROM {revision}.events;
CREATE VIEW activity     AS SELECT * FROM {revision}.activity;
CREATE VIEW dead_letters AS SELECT * FROM {revision}.dead_letters UNION ALL SELECT * FROM control.dead_letters;

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
