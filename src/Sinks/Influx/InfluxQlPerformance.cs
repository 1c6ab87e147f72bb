using System.Globalization;
using System.Text;
using System.Text.Json;
using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Influx;

/// <summary>Performance in InfluxQL. What a caller gave is never part of the statement: it comes as <c>params</c>.</summary>
static class InfluxQlPerformance
{
    static readonly string Means = string.Join(", ", PerformancePoints.Fields.Select(f => $"mean(\"{f.Name()}\") AS \"{f.Name()}\""));

    /// <summary>What InfluxDB's JSON writer says of an infinity, instead of all that it would have written.</summary>
    static ReadOnlySpan<byte> UnsayableInJson => "json: unsupported value: "u8;

    /// <summary>Chunks are not cut by the server's limit of rows; these hold all rows of a window. CSV would not tell of a cut.</summary>
    public const string WithoutRowLimit = "&chunked=true&chunk_size=10000";

    /// <summary>Path and query of a GET: InfluxDB 1.x lets a GET read only, whatever the statement says.</summary>
    public static string Path(PerformanceQuery query, InfluxOptions options)
    {
        var given = new Dictionary<string, object>
        {
            ["project_id"] = LineProtocol.TagAsStored(query.ProjectId),
            ["since"] = query.FromNanoseconds,
            ["until"] = query.ToNanoseconds,
        };
        if (query.UserId is { } user)
            given["user_id"] = LineProtocol.TagAsStored(user);
        if (query.Tool is { } tool)
            given["tool"] = LineProtocol.TagAsStored(tool);
        return $"query?{Database(options)}&epoch=ms&q={Uri.EscapeDataString(Statement(query))}&params={Uri.EscapeDataString(JsonSerializer.Serialize(given))}";
    }

    /// <summary>
    /// By v2 the database and retention policy that InfluxDB maps to a bucket of this name by itself. The policy is named always: else a mapping of
    /// somebody's that is the database's default would be read.
    /// </summary>
    static string Database(InfluxOptions options)
    {
        if (options.Api == InfluxApi.V1)
            return $"db={Uri.EscapeDataString(options.Bucket)}";
        var slash = options.Bucket.IndexOf('/', StringComparison.Ordinal);
        var (database, policy) = slash < 0 ? (options.Bucket, "autogen") : (options.Bucket[..slash], options.Bucket[(slash + 1)..]);
        return $"db={Uri.EscapeDataString(database)}&rp={Uri.EscapeDataString(policy)}";
    }

    /// <summary>A duration cannot be a parameter before 1.8; it is a number of ours.</summary>
    static string Statement(PerformanceQuery query) => string.Create(CultureInfo.InvariantCulture, $"""
        SELECT {Means} FROM "efficiency_events"
        WHERE "event_type" = 'performance' AND "project_id" = $project_id{(query.UserId is null ? "" : " AND \"user_id\" = $user_id")}{(query.Tool is null ? "" : " AND \"tool\" = $tool")}
            AND time >= $since AND time < $until
        GROUP BY time({query.StepSeconds}s) fill(none)
        """);

    /// <summary>Whether a mean is no number that JSON has, so that nothing but CSV can say the others.</summary>
    public static bool IsBeyondJson(ReadOnlySpan<byte> answer) => answer.StartsWith("json: "u8) && answer.IndexOf(UnsayableInJson) >= 0;

    /// <exception cref="InfluxUnavailableException">The answer is a failure, or none that can be read.</exception>
    public static PerformanceSeries Read(ReadOnlyMemory<byte> answer, TimeSpan step)
    {
        using var json = Parse(answer);
        Refuse(json.RootElement);
        var points = new PerformancePoints(step);
        foreach (var result in json.RootElement.GetProperty("results").EnumerateArray())
        {
            Refuse(result);
            if (result.TryGetProperty("series", out var series))
                foreach (var one in series.EnumerateArray())
                    Read(one, points);
        }
        return points.ToSeries();
    }

    static JsonDocument Parse(ReadOnlyMemory<byte> answer)
    {
        try
        {
            return JsonDocument.Parse(answer);
        }
        catch (JsonException e)
        {
            throw Unreadable(answer.Span, e);
        }
    }

    static void Read(JsonElement series, PerformancePoints points)
    {
        var fields = series.GetProperty("columns").EnumerateArray().Skip(1).Select(c => Enum.GetValues<DataField>().First(f => f >= 0 && c.ValueEquals(f.Name()))).ToArray();
        foreach (var row in series.GetProperty("values").EnumerateArray())
        {
            var time = DateTime.UnixEpoch.AddMilliseconds(row[0].GetInt64());
            for (var i = 0; i < fields.Length; i++)
                if (row[i + 1].ValueKind == JsonValueKind.Number)
                    points.Add(fields[i], time, row[i + 1].GetDouble());
        }
        if (series.TryGetProperty("partial", out var partial) && partial.GetBoolean())
            throw new InfluxUnavailableException("its own limit of rows cut the answer");
    }

    /// <summary>Reads the CSV of the answer, in which names, times and numbers are never quoted. Of a failure it says nothing at all.</summary>
    /// <exception cref="InfluxUnavailableException">The answer is none that can be read.</exception>
    public static PerformanceSeries ReadCsv(ReadOnlySpan<byte> answer, TimeSpan step)
    {
        var lines = Encoding.UTF8.GetString(answer).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        if (lines.Length == 0 || lines[0].Split(',') is not ["name", "tags", "time", .. var names] || names.Any(n => FieldOf(n) is null))
            throw Unreadable(answer);
        var points = new PerformancePoints(step);
        foreach (var line in lines.Skip(1))
        {
            if (line.Split(',') is not [_, _, var time, .. var values] || values.Length != names.Length || !long.TryParse(time, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var ms))
                throw Unreadable(answer);
            for (var i = 0; i < values.Length; i++)
                // "+Inf" and "NaN" are no numbers of ours: the step has a point without a value.
                if (values[i].Length > 0)
                    points.Add(FieldOf(names[i])!.Value, DateTime.UnixEpoch.AddMilliseconds(ms), double.TryParse(values[i], NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : double.NaN);
        }
        return points.ToSeries();
    }

    static DataField? FieldOf(string name) => PerformancePoints.Fields.Select(f => (DataField?)f).FirstOrDefault(f => name == f!.Value.Name());

    static void Refuse(JsonElement answer)
    {
        if (answer.TryGetProperty("error", out var error))
            throw new InfluxUnavailableException($"{InfluxHttp.Start(error.ToString())}");
    }

    static InfluxUnavailableException Unreadable(ReadOnlySpan<byte> answer, Exception? why = null) =>
        new($"its answer cannot be read: {InfluxHttp.Start(Encoding.UTF8.GetString(answer))}", why);
}
