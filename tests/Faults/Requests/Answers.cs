using System.Text;
using System.Text.Json;
using Npgsql;
using Pipeline.Faults.Harness;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Requests;

/// <summary>A row of <c>control.tasks</c>: the answer of an id.</summary>
/// <param name="Digest">Whose request it is.</param>
/// <param name="States">Every state it came into, in their order.</param>
sealed record TaskRow(string Id, string Digest, short State, short[] States, DateTime[] Entered, double? Value, string? Code)
{
    public static TaskRow Read(NpgsqlDataReader row) => new(row.GetString(0), row.GetString(1), row.GetInt16(2), row.GetFieldValue<short[]>(3), row.GetFieldValue<DateTime[]>(4),
        row.IsDBNull(5) ? null : row.GetDouble(5), row.IsDBNull(6) ? null : row.GetString(6));
}

/// <summary>A dead letter of a request.</summary>
/// <param name="Digest">Of its bytes; null where it has none.</param>
sealed record RequestLetter(string? Id, string? Digest, string Reason, string Fingerprint, string Message);

/// <summary>One record of the results' topic.</summary>
/// <param name="Answer">What it says, without how it was made: the same answer twice is the same text.</param>
sealed record TopicAnswer(string Id, string Answer, double? Value)
{
    public static TopicAnswer Read(byte[] json)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        var result = root.TryGetProperty("result", out var found) && found.ValueKind == JsonValueKind.Object ? found : (JsonElement?)null;
        var code = root.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.Object ? error.GetProperty("code").GetString() : null;
        return new TopicAnswer(root.GetProperty("request_id").GetString()!, $"{root.GetProperty("status").GetString()} {code}{result?.GetRawText()}",
            result is { } r && r.TryGetProperty("value", out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null);
    }
}

/// <summary>What became of requests, read once nothing moves any more. What it must be is <see cref="AnswerChecks"/>' business.</summary>
/// <param name="Logged">Digests of everything that is in the requests' topic.</param>
sealed record Answers(IReadOnlyList<TaskRow> Rows, IReadOnlyList<RequestLetter> Letters, IReadOnlyList<TopicAnswer> Results, IReadOnlySet<string> Logged)
{
    const string Tasks = "SELECT request_id, encode(digest, 'hex'), state, states, entered, (result ->> 'value')::float8, error_code FROM control.tasks WHERE tenant = 'default'";

    const string DeadLetters = "SELECT key, value, reason, fingerprint, message FROM pipeline.dead_letters WHERE consumer = 'analysis'";

    public static async Task<Answers> ReadAsync(FaultRun run)
    {
        var (requests, results) = (await run.EndsAsync(run.Requests!), await run.EndsAsync(run.Results!));
        var logged = await Task.Run(() => TopicRecords.Read(run.Brokers, run.Requests!.Name, requests).Select(m => AskedRequest.DigestOf(m.Value)).ToHashSet());
        var answers = await Task.Run(() => TopicRecords.Read(run.Brokers, run.Results!.Name, results).ConvertAll(m => TopicAnswer.Read(m.Value)));
        var rows = await run.Database.RowsAsync(Tasks, TaskRow.Read);
        var letters = await run.Database.RowsAsync(DeadLetters, r => new RequestLetter(r.IsDBNull(0) ? null : Encoding.UTF8.GetString(r.GetFieldValue<byte[]>(0)),
            r.IsDBNull(1) ? null : AskedRequest.DigestOf(r.GetFieldValue<byte[]>(1)), r.GetString(2), r.GetString(3), r.IsDBNull(4) ? "" : r.GetString(4)));
        return new Answers(rows, letters, answers, logged);
    }

    public override string ToString() =>
        $"{Rows.Count(r => r.State == TaskChain.Completed)} completed, {Rows.Count(r => r.State == TaskChain.Abandoned)} abandoned, {Rows.Count(r => r.State == TaskChain.Cancelled)} cancelled, {Results.Count} answers";
}
