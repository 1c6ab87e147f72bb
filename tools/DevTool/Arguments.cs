using System.Globalization;

namespace Pipeline.DevTool;

/// <summary>The command line is wrong; the usage is shown.</summary>
sealed class UsageException(string message) : Exception(message);

/// <summary>The work could not be done; the message says why, and nothing else is shown.</summary>
sealed class FailureException(string message) : Exception(message);

/// <summary><c>--name value</c> pairs and the words beside them.</summary>
sealed class Arguments
{
    readonly Dictionary<string, string> named = [];

    public List<string> Words { get; } = [];

    /// <param name="flags">Names that stand alone.</param>
    public static Arguments Parse(IEnumerable<string> args, params string[] flags)
    {
        var result = new Arguments();
        string? name = null;
        foreach (var arg in args)
        {
            if (name is not null)
            {
                result.named[name] = arg;
                name = null;
            }
            else if (arg.StartsWith("--", StringComparison.Ordinal) && flags.Contains(arg[2..]))
                result.named[arg[2..]] = "yes";
            else if (arg.StartsWith("--", StringComparison.Ordinal))
                name = arg[2..];
            else
                result.Words.Add(arg);
        }
        return name is null ? result : throw new UsageException($"--{name} lacks its value");
    }

    /// <summary>An empty value is as good as none: the shell passes empty variables on.</summary>
    public string? Find(string name) => named.GetValueOrDefault(name) is { Length: > 0 } value ? value : null;

    public string Text(string name, string? fallback = null) =>
        Find(name) ?? fallback ?? throw new UsageException($"--{name} is missing");

    public int Number(string name, int fallback) =>
        Find(name) is not { } text ? fallback
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : throw new UsageException($"--{name} is not a number: {text}");

    public double Decimal(string name, double fallback) =>
        Find(name) is not { } text ? fallback
        : double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) ? number
        : throw new UsageException($"--{name} is not a number: {text}");

    /// <summary>RFC 3339, or a day; without an offset it is UTC.</summary>
    public DateTimeOffset Time(string name, DateTimeOffset fallback) =>
        Find(name) is not { } text ? fallback
        : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time) ? time
        : throw new UsageException($"--{name} is not a time: {text}");

    public bool Has(string name) => Find(name) is not null;

    /// <summary>A misspelt option would otherwise be an option that is not given.</summary>
    public void OnlyNamed(string[] known)
    {
        if (named.Keys.Concat(Words).FirstOrDefault(word => !known.Contains(word)) is { } unknown)
            throw new UsageException($"'{unknown}' is not known here; known are {string.Join(", ", known.Select(name => "--" + name))}");
    }
}
