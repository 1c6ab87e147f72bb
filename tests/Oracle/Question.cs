namespace Pipeline.Oracle;

/// <summary>What is asked for. A user with all projects is the level of the user, one project with all users that of the project.</summary>
public sealed record Question
{
    /// <summary>Null: every user.</summary>
    public string? User { get; init; }

    /// <summary>Null: every project.</summary>
    public IReadOnlyCollection<string>? Projects { get; init; }

    public Window Window { get; init; } = Window.Open;

    /// <summary>The gap limit of active time in seconds, 30 to 600.</summary>
    public int GapS { get; init; } = 100;

    /// <summary>Null: events of every tool and of none.</summary>
    public string? Tool { get; init; }

    /// <summary>Null: every event. Else annotation events of this type alone, because others have none.</summary>
    public string? AnnotationType { get; init; }

    /// <summary>Time is not offered by tool or annotation type.</summary>
    internal bool OffersTime => Tool is null && AnnotationType is null;

    /// <summary>Whether the event is of the user and the projects asked for, whatever its time, tool and annotation type.</summary>
    internal bool HasPlaceOf(Occurrence e) => (User is null || e.User == User) && (Projects is null || Projects.Contains(e.Project));

    internal bool Covers(Occurrence e) => HasPlaceOf(e) && (Tool is null || e.Tool == Tool) && (AnnotationType is null || e.AnnotationType == AnnotationType);
}
