using System.Globalization;

namespace Pipeline.Benchmarks;

enum Question { UserMonth, UserAll, ProjectMonth, ProjectAll, Performance }

/// <summary>Questions of chance, the same for the same seed: two thirds about a user, the others about a project; of a month anywhere in the year, or of all that there is.</summary>
static class QueryMix
{
    const int MonthDays = 30, YearDays = 365;

    /// <summary>How many of twenty.</summary>
    static readonly (Question Question, int Weight)[] Weights =
        [(Question.UserMonth, 6), (Question.UserAll, 6), (Question.ProjectMonth, 4), (Question.ProjectAll, 2), (Question.Performance, 2)];

    /// <param name="year">The people and projects that are asked about.</param>
    /// <param name="from">Where the year that is stored begins.</param>
    public static List<(Question Question, string Path)> Draw(SimulatedYear year, DateTimeOffset from, int count, bool withPerformance, int seed)
    {
        var random = new Random(seed);
        var deck = Weights.Where(w => withPerformance || w.Question != Question.Performance).SelectMany(w => Enumerable.Repeat(w.Question, w.Weight)).ToArray();
        return [.. Enumerable.Range(0, count).Select(_ => deck[random.Next(deck.Length)]).Select(q => (q, Path(q, year, from, random)))];
    }

    static string Path(Question question, SimulatedYear year, DateTimeOffset from, Random random)
    {
        var (user, project) = (SimulatedYear.UserId(random.Next(year.Users)), SimulatedYear.ProjectId(random.Next(year.Projects)));
        var begin = from.AddDays(random.Next(YearDays - MonthDays));
        var month = string.Create(CultureInfo.InvariantCulture, $"from={begin:yyyy-MM-dd}T00:00:00Z&to={begin.AddDays(MonthDays):yyyy-MM-dd}T00:00:00Z");
        return question switch
        {
            Question.UserMonth => $"events/stats/{user}?{month}",
            Question.UserAll => $"events/stats/{user}",
            Question.ProjectMonth => $"stats/projects/{project}?{month}",
            Question.ProjectAll => $"stats/projects/{project}",
            _ => $"events/performance/{project}?range=24h",
        };
    }
}
