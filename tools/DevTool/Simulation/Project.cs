using System.Text;

namespace Pipeline.DevTool.Simulation;

/// <summary>A kind of annotation and how long a practised person takes for one object.</summary>
sealed record AnnotationKind(string Text, double MedianMs)
{
    public byte[] Name { get; } = Encoding.ASCII.GetBytes(Text);
}

/// <summary>The program that people annotate in: what the event's <c>tool</c> says.</summary>
/// <param name="Instruments">What is used within it: <c>data.tool</c> of tool_efficiency events.</param>
/// <param name="LoadMs">The median time until an item is there.</param>
sealed record Workbench(string Text, byte[][] Instruments, AnnotationKind[] Kinds, bool HasFrames, double LoadMs)
{
    static readonly AnnotationKind Box = new("box", 6000), Polygon = new("polygon", 17_000), Segmentation = new("segmentation", 26_000), Keypoint = new("keypoint", 4500),
        Cuboid = new("cuboid", 19_000), Track = new("track", 14_000), Span = new("span", 5000), Classification = new("classification", 2500);

    public static readonly Workbench[] All =
    [
        new("image-tool", Instrument("box", "polygon", "brush", "magic_wand", "select"), [Box, Polygon, Segmentation, Keypoint], HasFrames: false, LoadMs: 900),
        new("pc-tool", Instrument("cuboid", "brush", "ruler", "select"), [Cuboid, Segmentation], HasFrames: true, LoadMs: 3800),
        new("video-tool", Instrument("box", "track", "interpolate", "select"), [Box, Track, Keypoint], HasFrames: true, LoadMs: 2600),
        new("text-tool", Instrument("span", "label", "search"), [Span, Classification], HasFrames: false, LoadMs: 350),
    ];

    public byte[] Name { get; } = Encoding.ASCII.GetBytes(Text);

    static byte[][] Instrument(params string[] names) => [.. names.Select(Encoding.ASCII.GetBytes)];
}

/// <summary>A project: what is annotated in it, in which tools, and what waits there for review.</summary>
sealed class Project
{
    /// <summary>Beyond this the oldest task is taken as it is.</summary>
    const int SubmittedMax = 64;

    static readonly string[] Subjects = ["street", "harbour", "orchard", "warehouse", "railway", "clinic", "retail", "wildlife", "airport", "satellite", "mining", "newswire"];
    static readonly string[] Stages = ["pilot", "training", "validation", "relabel", "night", "rain", "edge-cases"];

    /// <summary>Tasks that were handed in and that nobody has looked at.</summary>
    readonly List<WorkItem> _submitted = [];

    public Project(int seed, int number)
    {
        var chance = Chance.Of(seed, Purpose.Project, number);
        Name = Encoding.ASCII.GetBytes($"sim-{Subjects[number % Subjects.Length]}-{chance.Pick(Stages)}-{number + 1:000}");
        var first = number % Workbench.All.Length;
        Workbenches = chance.Is(0.6) ? [Workbench.All[first]] : [Workbench.All[first], Workbench.All[(first + 1 + chance.Below(Workbench.All.Length - 1)) % Workbench.All.Length]];
        Kinds = [.. Workbenches.Select(w => w.Kinds.Where((_, i) => i == number % w.Kinds.Length || chance.Is(0.4)).ToArray())];
        ObjectsPerTask = chance.Between(4, 14);
    }

    /// <summary>Begins with <c>sim-</c>, so that simulated events are told apart.</summary>
    public byte[] Name { get; }

    public Workbench[] Workbenches { get; }

    /// <summary>The kinds annotated here, for each of <see cref="Workbenches"/>.</summary>
    public AnnotationKind[][] Kinds { get; }

    public double ObjectsPerTask { get; }

    public void Submit(WorkItem task)
    {
        if (_submitted.Count == SubmittedMax)
            _submitted.RemoveAt(0);
        _submitted.Add(task);
    }

    /// <summary>The first task that waits for review and is one of these, or null.</summary>
    public WorkItem? Take(Predicate<WorkItem> isOne)
    {
        if (_submitted.FindIndex(isOne) is not (>= 0 and var place))
            return null;
        var task = _submitted[place];
        _submitted.RemoveAt(place);
        return task;
    }
}

/// <summary>A task with its objects, whose numbers follow one another.</summary>
sealed class WorkItem(Annotator owner, Project project, int workbench, int number, int wanted)
{
    public Annotator Owner => owner;
    public Project Project => project;
    public Workbench Workbench => project.Workbenches[workbench];
    public AnnotationKind[] Kinds => project.Kinds[workbench];
    public int Number => number;
    public int FirstObject { get; } = owner.Objects;

    /// <summary>How many objects there are to find in it.</summary>
    public int Wanted => wanted;

    public int Objects { get; set; }
    public bool IsCompleted { get; set; }

    /// <summary>It came back from the review.</summary>
    public bool IsRework { get; set; }

    /// <summary>Its owner is at it: it can be paused.</summary>
    public bool IsRunning { get; set; }

    public bool IsPaused { get; set; }

    public long StartedAtMs { get; set; }

    /// <summary>From when the next may take it: users are simulated one after the other, and nobody reviews what is handed in later that day.</summary>
    public long ReadyAtMs { get; set; }
}
