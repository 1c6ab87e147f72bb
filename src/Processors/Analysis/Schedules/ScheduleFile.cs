using System.Globalization;
using System.Text.Json.Nodes;
using Pipeline.Contracts;
using Pipeline.Contracts.Analysis;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Pipeline.Processors.Analysis.Schedules;

/// <summary>A schedule file cannot be used; says the line.</summary>
sealed class ScheduleException(string file, long line, string problem) : Exception($"{file}{(line > 0 ? $", line {line}" : "")}: {problem}");

/// <summary>The schedules of a process, and where they were read.</summary>
sealed record ScheduleList(IReadOnlyList<Schedule> Schedules, string File);

/// <summary>Reads schedules from a YAML list. Every field is named or refused: a misspelt one would be passed over for months.</summary>
static class ScheduleFile
{
    static readonly string[] Known = ["name", "tenant", "algorithm", "parameters", "cron", "input", "points", "priority", "timeout_seconds"],
        KnownInputs = ["metric", "bucket", "window", "each", "project_id", "user_id", "least_days", "least_users"], KnownPoints = ["rows", "ahead"];

    /// <summary>What is wrong with a file; null when nothing is.</summary>
    public static string? Problem(string path)
    {
        try
        {
            Read(path);
            return null;
        }
        catch (ScheduleException e)
        {
            return e.Message;
        }
    }

    /// <exception cref="ScheduleException">What is wrong, and where.</exception>
    public static IReadOnlyList<Schedule> Read(string path)
    {
        var file = Path.GetFileName(path);
        var yaml = new YamlStream();
        try
        {
            using var text = File.OpenText(path);
            yaml.Load(text);
        }
        catch (YamlException e)
        {
            throw new ScheduleException(file, e.Start.Line, e.Message);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException or FormatException)
        {
            // The parser's own, where it does not know what it reads.
            throw new ScheduleException(file, 0, $"it is no YAML ({e.Message})");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ScheduleException(file, 0, e.Message);
        }
        if (yaml.Documents.Count == 0)
            return [];
        if (yaml.Documents[0].RootNode is not YamlSequenceNode list)
            throw new ScheduleException(file, 1, "a list of schedules is wanted.");
        var schedules = list.Children.Select(n => Schedule(new Mapping(file, n, Known))).ToList();
        return schedules.CountBy(s => s.Name).FirstOrDefault(n => n.Value > 1) is { Key: { } twice } ? throw new ScheduleException(file, 1, $"two schedules are named {twice}.") : schedules;
    }

    static Schedule Schedule(Mapping fields)
    {
        var name = fields.Required("name");
        if (name.Length > 64 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            throw fields.Wrong("name", "a name has up to 64 letters, digits, hyphens and underscores.");
        if (!AnalysisPriorities.TryParse(fields.Text("priority") ?? "low", out var priority))
            throw fields.Wrong("priority", "priority must be high, normal or low.");
        var points = fields.Inner("points", KnownPoints);
        return new Schedule(name, fields.Text("tenant") ?? Topics.DefaultTenant, fields.Required("algorithm"), Cron(fields), Input(fields),
            new SchedulePoints(points?.Texts("rows") ?? [], points?.Texts("ahead") ?? []))
        {
            Parameters = fields.Json("parameters") as JsonObject,
            Priority = priority,
            TimeoutMs = fields.Number("timeout_seconds", 300, AnalysisLimits.TimeoutMsMax / 1000) * 1000,
        };
    }

    static ScheduleInput Input(Mapping fields)
    {
        var input = fields.Inner("input", KnownInputs) ?? throw fields.Wrong("input", "input is required.");
        var (project, user, each, bucket) = (input.Text("project_id"), input.Text("user_id"), Each(input), input.Text("bucket"));
        if (each == ScheduleEach.None && project is null && user is null)
            throw input.Wrong("each", "each (project or user), project_id or user_id is required.");
        if (each != ScheduleEach.None && user is not null)
            throw input.Wrong("user_id", "user_id and each exclude each other.");
        if (bucket is not (null or "hour" or "day" or "week"))
            throw input.Wrong("bucket", "bucket must be hour, day or week.");
        foreach (var (least, needed) in ((string, bool)[])[("least_days", each != ScheduleEach.None), ("least_users", each == ScheduleEach.Project)])
            if (!needed && input.Text(least) is not null)
                throw input.Wrong(least, $"{least} chooses among those of each{(least == "least_users" ? ": project" : "")}.");
        var (metric, window) = (input.Required("metric"), Window(input));
        if (metric == StoredInputs.UserFeatures && (project is null && each != ScheduleEach.Project || user is not null || each == ScheduleEach.User))
            throw input.Wrong("metric", "user_features are those of a project's users: each: project or a project_id is required.");
        if (bucket is not null && metric is StoredInputs.UserFeatures or StoredInputs.Durations)
            throw input.Wrong("bucket", $"{metric} have no bucket.");
        if (window / (bucket switch { "hour" => TimeSpan.FromHours(1), "week" => TimeSpan.FromDays(7), _ => TimeSpan.FromDays(1) }) is < 1 or > StoredInputs.BucketsMax)
            throw input.Wrong("window", $"window must have 1 to {StoredInputs.BucketsMax} buckets.");
        return new ScheduleInput(metric, bucket, window, each, project, user, input.Number("least_days", 1, 10_000), input.Number("least_users", 1, 10_000));
    }

    static CronExpression Cron(Mapping fields)
    {
        try
        {
            return CronExpression.Parse(fields.Required("cron"));
        }
        catch (FormatException e)
        {
            throw fields.Wrong("cron", e.Message);
        }
    }

    static ScheduleEach Each(Mapping input) => input.Text("each") switch
    {
        null => ScheduleEach.None,
        "project" => ScheduleEach.Project,
        "user" => ScheduleEach.User,
        _ => throw input.Wrong("each", "each must be project or user."),
    };

    static TimeSpan Window(Mapping input)
    {
        if (input.Required("window") is not [.. var digits, 'd' or 'h'] text || !int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || count is < 1 or > 10_000)
            throw input.Wrong("window", "window must be a number of days or hours, like 90d or 24h.");
        return text[^1] == 'd' ? TimeSpan.FromDays(count) : TimeSpan.FromHours(count);
    }

    /// <summary>A mapping of known fields.</summary>
    sealed class Mapping
    {
        readonly string _file;
        readonly YamlMappingNode _node;

        public Mapping(string file, YamlNode node, string[] known)
        {
            _file = file;
            _node = node as YamlMappingNode ?? throw new ScheduleException(file, node.Start.Line, $"a mapping is wanted, with {string.Join(", ", known)}.");
            foreach (var key in _node.Children.Keys)
                if (!known.Contains(key.ToString()))
                    throw new ScheduleException(file, key.Start.Line, $"there is no field {key}; known are {string.Join(", ", known)}.");
        }

        YamlNode? Find(string name) => _node.Children.FirstOrDefault(c => c.Key.ToString() == name).Value;

        public ScheduleException Wrong(string name, string problem) => new(_file, (Find(name) ?? _node).Start.Line, problem);

        public string? Text(string name) => Find(name) switch { null => null, YamlScalarNode { Value: { Length: > 0 } text } => text, _ => throw Wrong(name, $"{name} must be a text.") };

        public string Required(string name) => Text(name) ?? throw Wrong(name, $"{name} is required.");

        public int Number(string name, int without, int most) => Text(name) is not { } text ? without
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var given) && given > 0 && given <= most ? given : throw Wrong(name, $"{name} must be a whole number from 1 to {most}.");

        public IReadOnlyList<string>? Texts(string name) => Find(name) switch
        {
            null => null,
            YamlSequenceNode list => [.. list.Children.Select(c => c is YamlScalarNode { Value: { Length: > 0 } text } ? text : throw Wrong(name, $"{name} must be a list of names."))],
            _ => throw Wrong(name, $"{name} must be a list of names."),
        };

        public Mapping? Inner(string name, string[] known) => Find(name) is { } node ? new Mapping(_file, node, known) : null;

        public JsonNode? Json(string name) => Find(name) is not { } node ? null : node is YamlMappingNode ? Json(node) : throw Wrong(name, $"{name} must be a mapping.");

        /// <summary>By YAML's core schema: what is quoted is a text.</summary>
        JsonNode? Json(YamlNode node) => node switch
        {
            YamlMappingNode map => new JsonObject(map.Children.Select(c => KeyValuePair.Create(c.Key.ToString(), Json(c.Value)))),
            YamlSequenceNode list => new JsonArray([.. list.Children.Select(Json)]),
            YamlScalarNode { Style: ScalarStyle.Plain, Value: var text } => text switch
            {
                null or "" or "null" or "~" => null,
                "true" => JsonValue.Create(true),
                "false" => JsonValue.Create(false),
                _ when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => JsonValue.Create(whole),
                _ when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) => JsonValue.Create(number),
                _ => JsonValue.Create(text),
            },
            YamlScalarNode scalar => JsonValue.Create(scalar.Value),
            _ => throw new ScheduleException(_file, node.Start.Line, "this cannot stand here."),
        };
    }
}
