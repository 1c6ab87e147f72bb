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

    // A question of one user or one project looks at what it may count alone, so that a real trace can be asked for all of them.
    readonly ILookup<string, Occurrence> _ofUser, _ofProject;
    readonly Func<string, Stories> _storiesOfUser, _storiesOfProject;

    MetricsOracle(IEnumerable<Occurrence> events)
    {
        _events = [.. events];
        _stories = Stories.Of(_events);
        (_ofUser, _storiesOfUser) = (_events.ToLookup(e => e.User), _stories.By(e => e.User));
        (_ofProject, _storiesOfProject) = (_events.ToLookup(e => e.Project), _stories.By(e => e.Project));
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

    /// <summary>The question bucket by bucket.</summary>
    public IReadOnlyList<Bucket> Series(Question question, BucketSize size, TimeZoneInfo zone) => Reckon(question).Series(question.Window, size, zone);

    /// <summary>The projects in which the user has an annotation event in the window, in byte order.</summary>
    public IReadOnlyList<ProjectRow> ProjectsOf(string user, Window? window = null) =>
        [.. from project in InByteOrder(_ofUser[user].Select(e => e.Project))
            let figures = Reckon(new Question { User = user, Projects = [project] }).WorkIn(window ?? Window.Open)
            where figures.TotalAnnotations > 0
            let last = _ofUser[user].Where(e => e.Project == project && e.IsAnnotation && (window ?? Window.Open).Holds(e.At)).Max(e => e.At)
            select new ProjectRow(project, figures.TotalAnnotations, figures.TotalTime, figures.AvgAnnotationTime, Times.At(last))];

    /// <summary>Those with an event in the project, in byte order.</summary>
    public IReadOnlyList<string> MembersOf(string project) => InByteOrder(_ofProject[project].Select(e => e.User));

    /// <summary>The rows that add up to a project: users with an event in the window, or with session time in it, in byte order.</summary>
    public IReadOnlyList<(string User, Figures Figures)> UsersOf(string project, Question? question = null) =>
        [.. from user in MembersOf(project)
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

    /// <summary>For many windows of one question; which one it names itself does not matter.</summary>
    public Reckoning Reckon(Question question)
    {
        if (question.GapS is < GapSMin or > GapSMax)
            throw new ArgumentOutOfRangeException(nameof(question), question.GapS, "The gap limit is 30 to 600 s.");
        if (question.User is { } user)
            return new Reckoning([.. _ofUser[user]], _storiesOfUser(user), question);
        if (question.Projects is { Count: 1 } one)
            return new Reckoning([.. _ofProject[one.Single()]], _storiesOfProject(one.Single()), question);
        return new Reckoning(_events, _stories, question);
    }

    static List<string> InByteOrder(IEnumerable<string> names) => [.. names.Distinct().OrderBy(n => Convert.ToHexString(Encoding.UTF8.GetBytes(n)), StringComparer.Ordinal)];
}
