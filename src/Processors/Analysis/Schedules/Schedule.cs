using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Pipeline.Contracts;
using Pipeline.Contracts.Analysis;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Analysis.Schedules;

/// <summary>For each of whom an analysis is done.</summary>
enum ScheduleEach
{
    /// <summary>Once, for the project or the user that is named.</summary>
    None,
    Project,

    /// <summary>Each user of each project.</summary>
    User,
}

/// <summary>What of stored events is analysed.</summary>
/// <param name="Window">How far back it reaches from the last whole bucket before the time at which it is due.</param>
/// <param name="LeastDays">Who has annotated on fewer days of the window is left out.</param>
/// <param name="LeastUsers">A project in which fewer have annotated is left out.</param>
sealed record ScheduleInput(string Metric, string? Bucket, TimeSpan Window, ScheduleEach Each, string? ProjectId, string? UserId, int LeastDays, int LeastUsers);

/// <summary>Which arrays of the result become points of InfluxDB, besides its numbers.</summary>
/// <param name="Rows">One value for each of the input: at its time, or of its user.</param>
/// <param name="Ahead">One value for each bucket after the window, as of a forecast.</param>
sealed record SchedulePoints(IReadOnlyList<string> Rows, IReadOnlyList<string> Ahead);

/// <summary>An analysis of stored events that is done at fixed times.</summary>
sealed record Schedule(string Name, string Tenant, string Algorithm, CronExpression Cron, ScheduleInput Input, SchedulePoints Points)
{
    public JsonObject? Parameters { get; init; }

    public AnalysisPriority Priority { get; init; }

    public int TimeoutMs { get; init; }

    public TimeSpan Bucket => Input.Bucket switch { "hour" => TimeSpan.FromHours(1), "week" => TimeSpan.FromDays(7), _ => TimeSpan.FromDays(1) };

    /// <summary>Whole buckets: half a day would look like a bad one.</summary>
    public (DateTime From, DateTime To) Window(DateTime due)
    {
        var to = new DateTime(due.Ticks - (due.Ticks % Bucket.Ticks), DateTimeKind.Utc);
        return (to - Input.Window, to);
    }

    /// <summary>The task of one time, for one project or user, and its request's bytes: the same from every process that makes it.</summary>
    public (NewTask Task, byte[] Request) Request(DateTime due, string? projectId, string? userId)
    {
        // Ids of projects and users may be as long as a request's own; and this one names no user.
        var whom = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{projectId}\n{userId}")))[..16];
        var id = string.Create(CultureInfo.InvariantCulture, $"{Topics.ScheduledRequests}{Name}/{due:yyyyMMdd'T'HHmm'Z'}/{whom}");
        var request = Request(id, due, projectId, userId);
        return (new NewTask(new TaskKey(Tenant, id), SHA256.HashData(request), Algorithm, Priority), request);
    }

    byte[] Request(string id, DateTime due, string? projectId, string? userId)
    {
        var (from, to) = Window(due);
        var buffer = new ArrayBufferWriter<byte>();
        // As others write it, so that bytes that name a user do so as they are.
        using var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        json.WriteString("request_id", id);
        json.WriteString("algorithm", Algorithm);
        if (Parameters is not null)
        {
            json.WritePropertyName("parameters");
            Parameters.WriteTo(json);
        }
        json.WriteString("priority", Priority.Name());
        json.WriteStartObject("input");
        json.WriteStartObject("events");
        json.WriteString("metric", Input.Metric);
        if (projectId is not null)
            json.WriteString("project_id", projectId);
        if (userId is not null)
            json.WriteString("user_id", userId);
        json.WriteString("from", from);
        json.WriteString("to", to);
        if (Input.Bucket is not null)
            json.WriteString("bucket", Input.Bucket);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteStartObject("options");
        json.WriteNumber("timeout_ms", TimeoutMs);
        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }
}
