using System.Globalization;
using System.Text;
using System.Text.Json;
using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Influx;

/// <summary>Performance in InfluxQL. What a caller gave is never part of the statement: it comes as <c>params</c>.</summary>
static class InfluxQlPerformance
{
    static readonly string Means = string.Join(", ", PerformancePoints.Fields.Select(f => $"mean(\"{f.Name()}\") AS \"{f.Name()}\""));

    /// <summary>Path and query of a GET: InfluxDB 1.x lets a GET read only, whatever the statement says.</summary>
    public static string Path(PerformanceQuery query, string database)
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
        return $"query?db={Uri.EscapeDataString(database)}&epoch=ms&q={Uri.EscapeDataString(Statement(query))}&params={Uri.EscapeDataString(JsonSerializer.Serialize(given))}";
    }

    /// <summary>A duration cannot be a parameter before 1.8; it is a number of ours.</summary>
    static string Statement(PerformanceQuery query) => string.Create(CultureInfo.InvariantCulture, $"""
        SELECT {Means} FROM "efficiency_events"
        WHERE "event_type" = 'performance' AND "project_id" = $project_id{(query.UserId is null ? "" : " AND \"user_id\" = $user_id")}{(query.Tool is null ? "" : " AND \"tool\" = $tool")}
            AND time >= $since AND time < $until
        GROUP BY time({query.StepSeconds}s) fill(none)
        """);

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

    /// <summary>Of a mean beyond all numbers, which JSON cannot say, InfluxDB sends the complaint of its own writer instead.</summary>
    static JsonDocument Parse(ReadOnlyMemory<byte> answer)
    {
        try
        {
            return JsonDocument.Parse(answer);
        }
        catch (JsonException e)
        {
            throw new InfluxUnavailableException($"its answer cannot be read: {InfluxHttp.Start(Encoding.UTF8.GetString(answer.Span))}", e);
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

    static void Refuse(JsonElement answer)
    {
        if (answer.TryGetProperty("error", out var error))
            throw new InfluxUnavailableException($"{InfluxHttp.Start(error.ToString())}");
    }
}
