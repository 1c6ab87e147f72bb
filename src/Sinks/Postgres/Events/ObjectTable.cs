using Npgsql;
using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Postgres.Events;

sealed class ObjectTable : SubjectTable<ObjectState>
{
    const string StateColumns = "created_at, created_by, created_event, created_tool, created_type, "
        + "completed_at, completed_by, completed_event, completed_tool, completed_type, completed_source, "
        + "deleted_at, deleted_by, deleted_event, deleted_tool, deleted_type, saved_at, saved_by, saved_event, saved_tool, saved_type, changed_at";

    public const string MakeTable = "CREATE TEMPORARY TABLE batch_objects ON COMMIT DELETE ROWS AS SELECT * FROM pipeline.objects WITH NO DATA";

    public static readonly ObjectTable Instance = new();

    public static readonly string Update = UpdateSql("objects", "object_id", StateColumns);

    public override string Lock { get; } = LockSql("objects", "object_id", StateColumns);

    public override string CopyNew => $"COPY objects (tenant, project_id, object_id, {StateColumns}) FROM STDIN (FORMAT binary)";

    public override string CopyKnown => $"COPY pg_temp.batch_objects (tenant, project_id, object_id, {StateColumns}) FROM STDIN (FORMAT binary)";

    public override short Columns => 25;

    public override ObjectState New() => new();

    public override ObjectState Read(NpgsqlDataReader reader) => new()
    {
        Created = First(reader, 3),
        Completed = First(reader, 8) is { } completed ? completed with { Source = (ObjectSource)reader.GetInt16(13) } : null,
        Deleted = First(reader, 14),
        Saved = First(reader, 19),
        ChangedUs = UsOrNull(reader, 24),
    };

    public override void Write(ObjectState state, CopyBuffer buffer)
    {
        Write(buffer, state.Created);
        Write(buffer, state.Completed);
        if (state.Completed is { } completed)
            buffer.SmallInt((short)completed.Source);
        else
            buffer.Null();
        Write(buffer, state.Deleted);
        Write(buffer, state.Saved);
        buffer.TimeOrNull(state.ChangedUs);
    }

    public override string Delete { get; } = DeleteSql("objects", "object_id");

    public override bool IsEmpty(ObjectState state) => state.IsEmpty;

    public override void Add(ObjectState state, EventRow row) => state.Add(row);

    public override void Credit(ObjectState state, SubjectKey key, ActivityBuckets buckets, int sign) => state.Credit(key, buckets, sign);

    static FirstEvent? First(NpgsqlDataReader reader, int at) => reader.IsDBNull(at) ? null
        : new FirstEvent(Us(reader.GetDateTime(at)), reader.GetString(at + 1), reader.GetGuid(at + 2), reader.GetString(at + 3), reader.GetString(at + 4));

    static void Write(CopyBuffer buffer, FirstEvent? first)
    {
        if (first is null)
        {
            for (var i = 0; i < 5; i++)
                buffer.Null();
            return;
        }
        buffer.Time(first.OccurredAtUs);
        buffer.Text(first.UserId);
        buffer.Uuid(first.EventId);
        buffer.Text(first.Tool);
        buffer.Text(first.AnnotationType);
    }
}

sealed class TaskTable : SubjectTable<TaskState>
{
    const string StateColumns = "submitted_at, submitted_by, submitted_event, submitted_tool, item_at, item_by, item_event, item_tool, submits, modified_at";

    public const string MakeTable = "CREATE TEMPORARY TABLE batch_tasks ON COMMIT DELETE ROWS AS SELECT * FROM pipeline.tasks WITH NO DATA";

    public static readonly TaskTable Instance = new();

    public static readonly string Update = UpdateSql("tasks", "task_id", StateColumns);

    public override string Lock { get; } = LockSql("tasks", "task_id", StateColumns);

    public override string CopyNew => $"COPY tasks (tenant, project_id, task_id, {StateColumns}) FROM STDIN (FORMAT binary)";

    public override string CopyKnown => $"COPY pg_temp.batch_tasks (tenant, project_id, task_id, {StateColumns}) FROM STDIN (FORMAT binary)";

    public override short Columns => 13;

    public override TaskState New() => new();

    public override TaskState Read(NpgsqlDataReader reader) => new()
    {
        Submitted = First(reader, 3),
        Item = First(reader, 7),
        Submits = reader.GetInt32(11),
        ModifiedUs = UsOrNull(reader, 12),
    };

    public override void Write(TaskState state, CopyBuffer buffer)
    {
        Write(buffer, state.Submitted);
        Write(buffer, state.Item);
        buffer.Int(state.Submits);
        buffer.TimeOrNull(state.ModifiedUs);
    }

    public override string Delete { get; } = DeleteSql("tasks", "task_id");

    public override bool IsEmpty(TaskState state) => state.IsEmpty;

    public override void Add(TaskState state, EventRow row) => state.Add(row);

    public override void Credit(TaskState state, SubjectKey key, ActivityBuckets buckets, int sign) => state.Credit(key, buckets, sign);

    static FirstEvent? First(NpgsqlDataReader reader, int at) => reader.IsDBNull(at) ? null
        : new FirstEvent(Us(reader.GetDateTime(at)), reader.GetString(at + 1), reader.GetGuid(at + 2), reader.GetString(at + 3), "");

    static void Write(CopyBuffer buffer, FirstEvent? first)
    {
        if (first is null)
        {
            for (var i = 0; i < 4; i++)
                buffer.Null();
            return;
        }
        buffer.Time(first.OccurredAtUs);
        buffer.Text(first.UserId);
        buffer.Uuid(first.EventId);
        buffer.Text(first.Tool);
    }
}
