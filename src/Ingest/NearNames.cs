namespace Pipeline.Ingest;

/// <summary>What somebody may have meant who wrote a name that there is not.</summary>
static class NearNames
{
    const int NamesMax = 3;

    /// <returns>The nearest first (Levenshtein 1966).</returns>
    public static IEnumerable<string> Of(string name, IEnumerable<string> names) => names.OrderBy(n => Distance(n, name)).Take(NamesMax);

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
