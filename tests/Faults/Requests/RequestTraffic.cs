using System.Text;

namespace Pipeline.Faults.Requests;

/// <summary>Makes requests of several kinds with what must come of each. Not for several threads at once.</summary>
sealed class RequestTraffic(Random random, RequestShape shape)
{
    const int MedianValues = 101;

    /// <summary>An algorithm in a file of the test's own.</summary>
    public const string Slow = "slow_sum";

    static readonly string[] Priorities = ["high", "normal", "low"];

    /// <param name="byHttp">Ingest refuses what is no request; the topic takes it, and it ends as a dead letter.</param>
    public AskedRequest Next(bool byHttp)
    {
        var (mark, roll) = (NewMark(), random.NextDouble());
        if (roll < shape.UnreadableShare)
            return Ask(mark, $"{mark}", "\"algorithm\":\"sum\",\"timeout_seconds\":-1", byHttp ? new Expected(Ending.Refused) : new Expected(Ending.Abandoned, Code: "invalid_request"));
        if (roll < shape.UnreadableShare + shape.InvalidShare)
            return random.Next(2) == 0
                ? Ask(mark, $"{mark}", "\"algorithm\":\"nothing\"", new Expected(Ending.Abandoned, Code: "unknown_algorithm"))
                : Ask(mark, $"{mark}", "\"algorithm\":\"mean\",\"input\":{\"values\":[]}", new Expected(Ending.Abandoned, Code: "too_few_values"));
        return Valid(mark, $"{mark}", completed: null);
    }

    /// <summary>Another request under an id that belongs to one already.</summary>
    public AskedRequest Conflicting(AskedRequest first, bool byHttp) => Valid(NewMark(), first.Id, new Expected(byHttp ? Ending.Refused : Ending.Conflict));

    /// <param name="completed">What it comes to instead of its own value.</param>
    AskedRequest Valid(Guid mark, string id, Expected? completed)
    {
        var (algorithm, values, value) = random.NextDouble() < shape.PythonShare ? Sum(Slow) : random.NextDouble() < shape.MedianShare ? Median() : random.Next(2) == 0 ? Sum("sum") : Mean();
        return Ask(mark, id, $$"""
            "algorithm":"{{algorithm}}","priority":"{{Priorities[random.Next(3)]}}","input":{"values":[{{string.Join(',', values)}}]}
            """, completed ?? new Expected(Ending.Completed, value));
    }

    (string, IEnumerable<int>, double) Sum(string algorithm)
    {
        var values = Values(random.Next(1, 8));
        return (algorithm, values, values.Sum());
    }

    /// <summary>Of four whole numbers: exact in binary64.</summary>
    (string, IEnumerable<int>, double) Mean()
    {
        var values = Values(4);
        return ("mean", values, values.Sum() / 4.0);
    }

    (string, IEnumerable<int>, double) Median()
    {
        var values = Values(MedianValues);
        return ("median", values, values.Order().ElementAt(MedianValues / 2));
    }

    int[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(-1_000_000, 1_000_000))];

    static AskedRequest Ask(Guid mark, string id, string fields, Expected expected) => new(mark, id, Encoding.UTF8.GetBytes($$"""{"request_id":"{{id}}",{{fields}}}"""), expected);

    Guid NewMark()
    {
        Span<byte> bytes = stackalloc byte[16];
        random.NextBytes(bytes);
        return new Guid(bytes);
    }
}
