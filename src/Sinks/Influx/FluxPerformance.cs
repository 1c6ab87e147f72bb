using System.Globalization;
using System.Text;
using Pipeline.Contracts.Events;

namespace Pipeline.Sinks.Influx;

/// <summary>
/// Performance in Flux.
/// </summary>
static class FluxPerformance
{
    static readonly string Fields = string.Join(" or ", PerformancePoints.Fields.Select(f => $"r._field == \"{f.Name()}\""));

    /// <summary>The body of <c>/api/v2/query</c>.</summary>
    public static byte[] Body(PerformanceQuery query, string bucket)
    {
        var script = new FluxScript(Script(query)).With("bucket", bucket).With("since", query.From).With("until", query.To).With("step", TimeSpan.FromSeconds(query.StepSeconds))
            .With("project", LineProtocol.TagAsStored(query.ProjectId));
        if (query.UserId is { } user)
            script.With("user", LineProtocol.TagAsStored(user));
        if (query.Tool is { } tool)
            script.With("tool", LineProtocol.TagAsStored(tool));
        return script.Body();
    }

    static string Script(PerformanceQuery query) => $"""
        from(bucket: bucket)
          |> range(start: since, stop: until)
          |> filter(fn: (r) => r._measurement == "efficiency_events" and r.event_type == "performance" and r.project_id == project)
          |> filter(fn: (r) => {Fields})
          {(query.UserId is null ? "" : "|> filter(fn: (r) => r.user_id == user)")}
          {(query.Tool is null ? "" : "|> filter(fn: (r) => r.tool == tool)")}
          |> group(columns: ["_field"])
          |> aggregateWindow(every: step, fn: mean, timeSrc: "_start", createEmpty: false)
          |> keep(columns: ["_field", "_time", "_value"])
        """;

    /// <summary>Reads the CSV of the answer. Names, times and numbers are never quoted; a failure in mid-answer is a table with the column <c>error</c>.</summary>
    /// <exception cref="InfluxUnavailableException">The answer is a failure, or none that can be read.</exception>
    public static PerformanceSeries Read(ReadOnlySpan<byte> csv, TimeSpan step)
    {
        var points = new PerformancePoints(step);
        var columns = default(Columns?);
        while (!csv.IsEmpty)
        {
            var line = NextLine(ref csv);
            if (line.IsEmpty)
                columns = null;
            else if (columns is { } known)
                known.Read(line, points);
            else
                columns = Columns.Of(line, csv);
        }
        return points.ToSeries();
    }

    static ReadOnlySpan<byte> NextLine(ref ReadOnlySpan<byte> csv)
    {
        var end = csv.IndexOf((byte)'\n');
        var line = end < 0 ? csv : csv[..end];
        csv = end < 0 ? [] : csv[(end + 1)..];
        return line.TrimEnd((byte)'\r');
    }

    /// <summary>Where a table has what is read of it.</summary>
    readonly record struct Columns(int Field, int Time, int Value)
    {
        public static Columns Of(ReadOnlySpan<byte> header, ReadOnlySpan<byte> rest)
        {
            int field = -1, time = -1, value = -1, i = 0;
            foreach (var range in header.Split((byte)','))
            {
                var name = header[range];
                if (name.SequenceEqual("error"u8))
                    throw new InfluxUnavailableException($"{InfluxHttp.Start(Encoding.UTF8.GetString(rest).Trim())}");
                (field, time, value) = name.SequenceEqual("_field"u8) ? (i, time, value) : name.SequenceEqual("_time"u8) ? (field, i, value)
                    : name.SequenceEqual("_value"u8) ? (field, time, i) : (field, time, value);
                i++;
            }
            return field >= 0 && time >= 0 && value >= 0 ? new Columns(field, time, value) : throw Unreadable(header);
        }

        public void Read(ReadOnlySpan<byte> line, PerformancePoints points)
        {
            ReadOnlySpan<byte> field = [], time = [], value = [];
            var i = 0;
            foreach (var range in line.Split((byte)','))
            {
                if (i == Field)
                    field = line[range];
                else if (i == Time)
                    time = line[range];
                else if (i == Value)
                    value = line[range];
                i++;
            }
            if (!Rfc3339.TryParse(time, out var us) || DataFields.Parse(field) is var known && !PerformancePoints.Fields.Contains(known))
                throw Unreadable(line);
            // "+Inf" and "NaN" are no numbers of ours: the step has a point without a value.
            points.Add(known, DateTime.UnixEpoch.AddMicroseconds(us), double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : double.NaN);
        }

        static InfluxUnavailableException Unreadable(ReadOnlySpan<byte> line) => new($"a line of its answer cannot be read: {InfluxHttp.Start(Encoding.UTF8.GetString(line))}");
    }
}
