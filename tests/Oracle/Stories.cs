namespace Pipeline.Oracle;

/// <summary>What happened to each object and each task, by whomever and whenever: what is counted once is decided over all events, then credited to its first.</summary>
sealed record Stories(IReadOnlyList<ObjectStory> Objects, IReadOnlyList<TaskStory> Tasks)
{
    public static Stories Of(IReadOnlyList<Occurrence> events) => new(
        [.. events.Where(e => e.ObjectId is not null).GroupBy(e => (e.Project, e.ObjectId)).Select(g => new ObjectStory([.. g]))],
        [.. events.Where(e => e.TaskId is not null).GroupBy(e => (e.Project, e.TaskId)).Select(g => new TaskStory([.. g]))]);

    /// <summary>Those in which any of these places had a part, by place. Whatever is credited to a place is among them.</summary>
    public Func<string, Stories> By(Func<Occurrence, string> place)
    {
        var objects = Objects.SelectMany(o => o.Events.Select(place).Distinct().Select(p => (Place: p, Story: o))).ToLookup(o => o.Place, o => o.Story);
        var tasks = Tasks.SelectMany(t => t.Events.Select(place).Distinct().Select(p => (Place: p, Story: t))).ToLookup(t => t.Place, t => t.Story);
        return name => new Stories([.. objects[name]], [.. tasks[name]]);
    }
}

sealed class ObjectStory(IReadOnlyList<Occurrence> events)
{
    public IReadOnlyList<Occurrence> Events => events;
    public Occurrence? FirstCompletion { get; } = First(events, e => e.IsCompletion);
    public Occurrence? FirstCreate { get; } = First(events, e => e.Is("annotation", "create") && e.Succeeded);
    public Occurrence? FirstDelete { get; } = First(events, e => e.Is("annotation", "delete") && e.Succeeded);
    public Occurrence? FirstSave { get; } = First(events, e => e.Is("annotation", "save") && e.Succeeded);

    public bool HasChangeAfter(Occurrence first) => events.Any(e => e.IsChange && e.At > first.At);

    internal static Occurrence? First(IEnumerable<Occurrence> events, Func<Occurrence, bool> matches) => events.Where(matches).Order(FirstOrder.Instance).FirstOrDefault();
}

sealed class TaskStory(IReadOnlyList<Occurrence> events)
{
    public IReadOnlyList<Occurrence> Events => events;
    public Occurrence? FirstSubmit { get; } = ObjectStory.First(events, e => e.Is("task_status", "submit"));
    public Occurrence? FirstItem { get; } = ObjectStory.First(events, e => e.Is("task_status", "submit", "complete"));

    public bool PassedAtFirst =>
        events.Count(e => e.Is("task_status", "submit")) == 1 && !events.Any(e => e.Is("task_status", "modify") && e.At > FirstSubmit!.At);
}
