using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Pipeline.Ingest.Events;

namespace Pipeline.Ingest.Statistics;

/// <summary>How rows become bytes. Nothing here waits: the bytes go into the pipe and are sent by whoever reads the rows.</summary>
interface IExportFormat
{
    string MediaType { get; }

    string FileName { get; }

    void Begin();

    void Write(MemberRow row);

    /// <summary>What was written is to be sent now.</summary>
    void EndPage();

    void End();
}

/// <summary>RFC 4180: a header, CRLF, quotes where needed. What is null is empty. Texts are left as they are, also where a spreadsheet would take one for a formula.</summary>
sealed class CsvExport(PipeWriter pipe) : IExportFormat
{
    static readonly char[] Quoted = [',', '"', '\r', '\n'];

    public string MediaType => "text/csv; charset=utf-8; header=present";

    public string FileName => "metrics.csv";

    public void Begin() => Line(["user_id", "project_id", "start", "end", .. MetricColumn.All.Select(c => c.Name)]);

    public void Write(MemberRow row) =>
        Line([Text(row.UserId), Text(row.ProjectId), Time(row.Start), Time(row.End), .. MetricColumn.All.Select(c => c.TextOf(row.Figures))]);

    public void EndPage()
    {
        // Lines are in the pipe already.
    }

    public void End()
    {
        // A table has no end of its own.
    }

    void Line(IEnumerable<string> fields) => Encoding.UTF8.GetBytes(string.Join(',', fields) + "\r\n", pipe);

    internal static string Text(string text) => text.IndexOfAny(Quoted) < 0 ? text : $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    static string Time(DateTime? time) => time?.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture) ?? "";
}

/// <summary>An array with an object for each row.</summary>
sealed class JsonExport(PipeWriter pipe) : IExportFormat
{
    readonly Utf8JsonWriter _writer = new(pipe);

    public string MediaType => "application/json; charset=utf-8";

    public string FileName => "metrics.json";

    public void Begin() => _writer.WriteStartArray();

    public void Write(MemberRow row) => JsonSerializer.Serialize(_writer, row, BatchAnswer.Json);

    public void EndPage() => _writer.Flush();

    public void End()
    {
        _writer.WriteEndArray();
        _writer.Flush();
    }
}
