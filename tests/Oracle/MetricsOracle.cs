using System.Text;

namespace Pipeline.Oracle;

/// <summary>The annotation figures of a user in one project.</summary>
public sealed record ProjectRow(string ProjectId, long TotalAnnotations, decimal TotalTime, decimal AvgAnnotationTime, DateTimeOffset LastActivity);

/// <summary>
/// Computes every metric of docs/metrics.md from the events as they entered: plainly, slowly, by the definition, and without any code of the product,
/// so that the product can be held to it. One oracle knows one tenant.
/// </summary>
public sealed class MetricsOracle
{
    const int GapSMin = 30, GapSMax = 600;

    readonly List<Occurrence> _events;
    readonly Stories _stories;

    MetricsOracle(IEnumerable<Occurrence> events)
    {
        _events = [.. events];
        _stories = new Stories(_events);
    }

    /// <summary>An oracle of these events, each id once: the first in the order given.</summary>
    public static MetricsOracle Of(IEnumerable<TraceEvent> events, string tenant = "default") =>
        new(events.Where(e => e.Tenant == tenant).Select(Occurrence.Read).DistinctBy(e => e.Id));

    /// <summary>In byte order.</summary>
    public IReadOnlyList<string> Users => InByteOrder(_events.Select(e => e.User));

    /// <summary>In byte order.</summary>
    public IReadOnlyList<string> Projects => InByteOrder(_events.Select(e => e.Project));

    /// <summary>In byte order.</summary>
    public IReadOnlyList<string> Tools => InByteOrder(_events.Where(e => e.Tool is not null).Select(e => e.Tool!));

    /// <summary>In byte order.</summary>
    public IReadOnlyList<string> AnnotationTypes => InByteOrder(_events.Where(e => e.AnnotationType is not null).Select(e => e.AnnotationType!));

    public Figures Ask(Question question) => Reckon(question).In(question.Window);

    /// <summary>The level of a user: the question says in which window, projects and so on.</summary>
    public Figures User(string user, Question? question = null) => Ask((question ?? new Question()) with { User = user });

    /// <summary>The level of a project: the sum over its users, each with the time in that project alone.</summary>
    public Figures Project(string project, Question? question = null) => Ask((question ?? new Question()) with { Projects = [project] });

    /// <summary>
    /// The question bucket by bucket, empty ones too. Where the window is open, from the bucket of the first slot that an event occupies to that of the last.
    /// </summary>
    public IReadOnlyList<Bucket> Series(Question question, BucketSize size, TimeZoneInfo zone)
    {
        var reckoning = Reckon(question);
        if (question.Window is { From: null } or { To: null } && reckoning.Times.Span is null)
            return [];
        var span = reckoning.Times.Span.GetValueOrDefault();
        var start = question.Window.From ?? Times.At(span.First / Times.QuarterUs * Times.QuarterUs);
        var end = question.Window.To ?? Times.At(((span.Last / Times.QuarterUs) + 1) * Times.QuarterUs);
        return [.. from bucket in Buckets.Touching(start, end, size, zone)
            let window = new Window(bucket.From, bucket.To)
            select new Bucket(bucket.Start, window, reckoning.In(window))];
    }

    /// <summary>The projects in which the user has an annotation event in the window, in byte order.</summary>
    public IReadOnlyList<ProjectRow> ProjectsOf(string user, Window? window = null) =>
        [.. from project in Projects
            let figures = Ask(new Question { User = user, Projects = [project], Window = window ?? Window.Open })
            where figures.TotalAnnotations > 0
            let last = _events.Where(e => e.User == user && e.Project == project && e.IsAnnotation && (window ?? Window.Open).Holds(e.At)).Max(e => e.At)
            select new ProjectRow(project, figures.TotalAnnotations, figures.TotalTime, figures.AvgAnnotationTime, Times.At(last))];

    /// <summary>The rows that add up to a project: users with an event in the window, or with session time in it, in byte order.</summary>
    public IReadOnlyList<(string User, Figures Figures)> UsersOf(string project, Question? question = null) =>
        [.. from user in Users
            let figures = Ask((question ?? new Question()) with { User = user, Projects = [project] })
            where figures.Events > 0 || figures.SessionTimeS > 0
            select (user, figures)];

    /// <summary>Of a project, or of the whole tenant; the window is one of receipt.</summary>
    public Quality Quality(string? project = null, Window? window = null)
    {
        var events = _events.Where(e => project is null || e.Project == project).ToList();
        return Oracle.Quality.Of(events, new UserTimes(events, GapSMin), window ?? Window.Open);
    }

    /// <summary>By bucket of 15 minutes: those in which an event was received or a session began.</summary>
    public IReadOnlyList<(DateTimeOffset Bucket, Quality Quality)> QualityByReceipt(string? project = null)
    {
        var events = _events.Where(e => project is null || e.Project == project).ToList();
        var times = new UserTimes(events, GapSMin);
        var buckets = events.Select(e => e.ReceivedAt).Concat(times.SessionStarts).Select(us => us / Times.QuarterUs * Times.QuarterUs).Distinct().Order();
        return [.. buckets.Select(us => (Times.At(us), Oracle.Quality.Of(events, times, new Window(Times.At(us), Times.At(us + Times.QuarterUs)))))];
    }

    Reckoning Reckon(Question question) => question.GapS is >= GapSMin and <= GapSMax
        ? new Reckoning(_events, _stories, question) : throw new ArgumentOutOfRangeException(nameof(question), question.GapS, "The gap limit is 30 to 600 s.");

    static List<string> InByteOrder(IEnumerable<string> names) => [.. names.Distinct().OrderBy(n => Convert.ToHexString(Encoding.UTF8.GetBytes(n)), StringComparer.Ordinal)];
}
