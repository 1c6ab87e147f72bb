using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>
/// What the metrics need to know of one object: the first event of each kind that counts once, and its last change. Events may come in any order; the
/// state after them is the same.
/// </summary>
sealed class ObjectState
{
    public FirstEvent? Created { get; set; }
    public FirstEvent? Completed { get; set; }
    public FirstEvent? Deleted { get; set; }
    public FirstEvent? Saved { get; set; }

    /// <summary>The latest update, modify or delete, whoever sent it and however it ended.</summary>
    public long? ChangedUs { get; set; }

    public bool IsEmpty => Created is null && Completed is null && Deleted is null && Saved is null && ChangedUs is null;

    /// <summary>Whether this event says anything about its object.</summary>
    public static bool Concerns(EventRow row) => row.ObjectId is not null && (IsChange(row.Action) || (row.Success && row.Action is EventAction.Create or EventAction.Complete or EventAction.Save));

    static bool IsChange(EventAction action) => action is EventAction.Update or EventAction.Modify or EventAction.Delete;

    public void Add(EventRow row)
    {
        if (IsChange(row.Action))
            ChangedUs = Math.Max(ChangedUs ?? long.MinValue, row.OccurredAtUs);
        if (!row.Success)
            return;
        switch (row.Action)
        {
            case EventAction.Create:
                Created = FirstEvent.Least(Created, row);
                Completed = FirstEvent.Least(Completed, row);
                break;
            case EventAction.Complete:
                Completed = FirstEvent.Least(Completed, row);
                break;
            case EventAction.Save:
                Saved = FirstEvent.Least(Saved, row);
                break;
            case EventAction.Delete:
                Deleted = FirstEvent.Least(Deleted, row);
                break;
        }
    }

    /// <summary>Adds to the buckets what this object counts for (<paramref name="sign"/> 1), or takes it away again (−1).</summary>
    public void Credit(SubjectKey key, ActivityBuckets buckets, int sign)
    {
        if (Created is not null)
            buckets.Of(key, Created, EventType.Annotation).Net += sign;
        if (Deleted is not null)
            buckets.Of(key, Deleted, EventType.Annotation).Net -= sign;
        if (Completed is not null)
        {
            var sums = buckets.Of(key, Completed, EventType.Annotation);
            var fromModel = Completed.Source == ObjectSource.Model;
            sums.Completed += sign;
            sums.Sourced += Completed.Source == ObjectSource.None ? 0 : sign;
            sums.FromModel += fromModel ? sign : 0;
            sums.FromModelChanged += fromModel && ChangedUs > Completed.OccurredAtUs ? sign : 0;
        }
        if (Saved is not null)
        {
            var sums = buckets.Of(key, Saved, EventType.Annotation);
            sums.ObjectsSaved += sign;
            sums.ObjectsReworked += ChangedUs > Saved.OccurredAtUs ? sign : 0;
        }
    }
}

/// <summary>What the metrics need to know of one task.</summary>
sealed class TaskState
{
    public FirstEvent? Submitted { get; set; }

    /// <summary>The first submit or complete.</summary>
    public FirstEvent? Item { get; set; }

    public int Submits { get; set; }

    public long? ModifiedUs { get; set; }

    public bool IsEmpty => Submitted is null && Item is null && ModifiedUs is null;

    public static bool Concerns(EventRow row) => row.TaskId is not null && row.Action is EventAction.Submit or EventAction.Complete or EventAction.Modify;

    public void Add(EventRow row)
    {
        switch (row.Action)
        {
            case EventAction.Submit:
                Submits++;
                Submitted = FirstEvent.Least(Submitted, row);
                Item = FirstEvent.Least(Item, row);
                break;
            case EventAction.Complete:
                Item = FirstEvent.Least(Item, row);
                break;
            case EventAction.Modify:
                ModifiedUs = Math.Max(ModifiedUs ?? long.MinValue, row.OccurredAtUs);
                break;
        }
    }

    /// <inheritdoc cref="ObjectState.Credit"/>
    public void Credit(SubjectKey key, ActivityBuckets buckets, int sign)
    {
        if (Submitted is not null)
        {
            var sums = buckets.Of(key, Submitted, EventType.TaskStatus);
            sums.TasksSubmitted += sign;
            sums.TasksFirstPass += Submits == 1 && !(ModifiedUs > Submitted.OccurredAtUs) ? sign : 0;
        }
        if (Item is not null)
            buckets.Of(key, Item, EventType.TaskStatus).Items += sign;
    }
}
