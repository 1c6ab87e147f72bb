namespace Pipeline.DevTool;

/// <summary>A stretch of an ndjson file, each line an event.</summary>
static class EventFile
{
    public static List<string> Read(Arguments arguments) =>
        [.. File.ReadLines(arguments.Text("file"))
            .Where(line => line.Length > 0)
            .Skip(arguments.Number("from", 0))
            .Take(arguments.Number("count", int.MaxValue))];
}
