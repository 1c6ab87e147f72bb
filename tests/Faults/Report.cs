using Pipeline.Faults.Harness;

namespace Pipeline.Faults;

/// <summary>The table of a run: printed at its end, and kept as a file where <c>PIPELINE_FAULTS_RESULTS</c> names a folder.</summary>
public sealed class Report : IAsyncDisposable
{
    static readonly Lock Sync = new();
    static readonly List<string> Rows = [];

    static string? File => Environment.GetEnvironmentVariable("PIPELINE_FAULTS_RESULTS") is { Length: > 0 } folder ? Path.Combine(folder, "faults.md") : null;

    internal static void Add(string row)
    {
        lock (Sync)
        {
            Rows.Add(row);
            if (File is { } file)
                System.IO.File.WriteAllText(file, $"{CourseReport.Head}\n{string.Join('\n', Rows)}\n");
        }
    }

    public ValueTask DisposeAsync()
    {
        lock (Sync)
            if (Rows.Count > 0)
                Console.WriteLine($"\nseed {Selection.Seed}\n{CourseReport.Head}\n{string.Join('\n', Rows)}\n");
        return ValueTask.CompletedTask;
    }
}
