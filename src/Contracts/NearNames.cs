namespace Pipeline.Contracts;

/// <summary>What somebody may have meant who wrote a name that there is not.</summary>
public static class NearNames
{
    const int NamesMax = 3, LongestDifference = 20, ShownCharactersMax = 64;

    /// <summary>A name from outside as an answer or a log repeats it: its beginning, and never half of a surrogate pair.</summary>
    public static string Shown(string name) => name.Length <= ShownCharactersMax ? name : name[..(char.IsHighSurrogate(name[ShownCharactersMax - 1]) ? ShownCharactersMax - 1 : ShownCharactersMax)] + "…";

    /// <returns>The nearest first (Levenshtein 1966), however far.</returns>
    public static IEnumerable<string> Of(string name, IEnumerable<string> names) => names.OrderBy(n => Distance(n, name)).Take(NamesMax);

    /// <returns>Those that differ by no more than a third of the name's letters, or two.</returns>
    public static List<string> Like(string name, IEnumerable<string> names) => [.. names.Where(n => Math.Abs(n.Length - name.Length) <= LongestDifference)
        .Select(n => (Name: n, Far: Distance(n, name))).Where(n => n.Far <= Math.Max(2, name.Length / 3)).OrderBy(n => n.Far).ThenBy(n => n.Name, StringComparer.Ordinal).Select(n => n.Name).Take(NamesMax)];

    static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 0; i < a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i + 1;
            for (var j = 0; j < b.Length; j++)
                (diagonal, row[j + 1]) = (row[j + 1], Math.Min(Math.Min(row[j], row[j + 1]) + 1, diagonal + (a[i] == b[j] ? 0 : 1)));
        }
        return row[^1];
    }
}
