using Npgsql;
using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>Firsts are of the composite type <c>control.first_event</c>: most objects lack most of them, and a null of one column costs less than nulls of six.</summary>
sealed class ObjectTable : SubjectTable<ObjectState>
{
    const string StateColumns = "created, completed, deleted, saved, changed_at";

    /// <summary>Numbers of PostgreSQL's types.</summary>
    const int Timestamptz = 1184, Text = 25, Uuid = 2950, SmallInt = 21;

    const int FirstFields = 6;

    public const string MakeTable = "CREATE TEMPORARY TABLE batch_objects ON COMMIT DELETE ROWS AS SELECT * FROM pipeline.objects WITH NO DATA";

    public static readonly ObjectTable Instance = new();

    public override string Update { get; } = UpdateSql("objects", StateColumns);

    public override string Lock { get; } = LockSql("objects", "object_id", $"{First("created")}, {First("completed")}, {First("deleted")}, {First("saved")}, changed_at");

    public override string CopyNew => $"COPY objects (key, tenant, project_id, object_id, {StateColumns}) FROM STDIN (FORMAT binary)";

    public override string CopyKnown => $"COPY pg_temp.batch_objects (key, tenant, project_id, object_id, {StateColumns}) FROM STDIN (FORMAT binary)";

    public override short Columns => 9;

    public override ObjectState New() => new();

    public override bool Concerns(EventRow row) => ObjectState.Concerns(row);

    public override SubjectKey KeyOf(EventRow row) => new(row.Tenant, row.ProjectId, row.ObjectId!);

    public override ObjectState Read(NpgsqlDataReader reader) => new()
    {
        Created = First(reader, 3),
        Completed = First(reader, 3 + FirstFields),
        Deleted = First(reader, 3 + (2 * FirstFields)),
        Saved = First(reader, 3 + (3 * FirstFields)),
        ChangedUs = UsOrNull(reader, 3 + (4 * FirstFields)),
    };

    public override void Write(ObjectState state, CopyBuffer buffer)
    {
        Write(buffer, state.Created);
        Write(buffer, state.Completed);
        Write(buffer, state.Deleted);
        Write(buffer, state.Saved);
        buffer.TimeOrNull(state.ChangedUs);
    }

    public override string Delete { get; } = DeleteSql("objects");

    public override bool IsEmpty(ObjectState state) => state.IsEmpty;

    public override void Add(ObjectState state, EventRow row) => state.Add(row);

    public override void Credit(ObjectState state, SubjectKey key, ActivityBuckets buckets, int sign) => state.Credit(key, buckets, sign);

    static string First(string column) => string.Join(", ", ((string[])["occurred_at", "user_id", "event_id", "tool", "annotation_type", "source"]).Select(f => $"({column}).{f}"));

    static FirstEvent? First(NpgsqlDataReader reader, int at) => reader.IsDBNull(at) ? null
        : new FirstEvent(Us(reader.GetDateTime(at)), reader.GetString(at + 1), reader.GetGuid(at + 2), reader.GetString(at + 3), reader.GetString(at + 4), (ObjectSource)reader.GetInt16(at + 5));

    static void Write(CopyBuffer buffer, FirstEvent? first)
    {
        if (first is null)
        {
            buffer.Null();
            return;
        }
        var start = buffer.BeginComposite(FirstFields);
        buffer.Field(Timestamptz);
        buffer.Time(first.OccurredAtUs);
        buffer.Field(Text);
        buffer.Text(first.UserId);
        buffer.Field(Uuid);
        buffer.Uuid(first.EventId);
        buffer.Field(Text);
        buffer.Text(first.Tool);
        buffer.Field(Text);
        buffer.Text(first.AnnotationType);
        buffer.Field(SmallInt);
        buffer.SmallInt((short)first.Source);
        buffer.EndComposite(start);
    }
}

sealed class TaskTable : SubjectTable<TaskState>
{
    const string StateColumns = "submitted_at, submitted_by, submitted_event, submitted_tool, item_at, item_by, item_event, item_tool, submits, modified_at";

    public const string MakeTable = "CREATE TEMPORARY TABLE batch_tasks ON COMMIT DELETE ROWS AS SELECT * FROM pipeline.tasks WITH NO DATA";

    public static readonly TaskTable Instance = new();

    public override string Update { get; } = UpdateSql("tasks", StateColumns);

    public override string Lock { get; } = LockSql("tasks", "task_id", StateColumns);

    public override string CopyNew => $"COPY tasks (key, tenant, project_id, task_id, {StateColumns}) FROM STDIN (FORMAT binary)";

    public override string CopyKnown => $"COPY pg_temp.batch_tasks (key, tenant, project_id, task_id, {StateColumns}) FROM STDIN (FORMAT binary)";

    public override short Columns => 14;

    public override TaskState New() => new();

    public override bool Concerns(EventRow row) => TaskState.Concerns(row);

    public override SubjectKey KeyOf(EventRow row) => new(row.Tenant, row.ProjectId, row.TaskId!);

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

    public override string Delete { get; } = DeleteSql("tasks");

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
