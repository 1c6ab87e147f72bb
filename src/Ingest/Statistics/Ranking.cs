namespace Pipeline.Ingest.Statistics;

/// <summary>Keeps the best of any number of members. A rank depends only on those before it, so the best are enough to tell their ranks.</summary>
/// <param name="limit">How many are kept.</param>
sealed class Ranking(int limit, bool descending)
{
    readonly SortedSet<(double? Value, int Arrival, string User)> _best = new(Comparer<(double? Value, int Arrival, string User)>.Create((a, b) => Compare(a, b, descending)));

    public int Members { get; private set; }

    public int MembersWithValue { get; private set; }

    /// <summary>In byte order of ids where values are equal, which is the order of adding.</summary>
    public void Add(string user, double? value)
    {
        MembersWithValue += value is null ? 0 : 1;
        _best.Add((value, Members++, user));
        if (_best.Count > limit)
            _best.Remove(_best.Max);
    }

    /// <summary>As sports count: 1, 2, 2, 4.</summary>
    public IReadOnlyList<Ranked> Best
    {
        get
        {
            var ranked = new List<Ranked>();
            foreach (var (value, _, user) in _best)
            {
                var ties = ranked.Count > 0 && ranked[^1].Value == value;
                ranked.Add(new Ranked(value is null ? null : ties ? ranked[^1].Rank : ranked.Count + 1, user, value));
            }
            return ranked;
        }
    }

    static int Compare((double? Value, int Arrival, string User) a, (double? Value, int Arrival, string User) b, bool descending)
    {
        if (a.Value is null || b.Value is null)
            return a.Value is null && b.Value is null ? a.Arrival.CompareTo(b.Arrival) : a.Value is null ? 1 : -1;
        var values = descending ? b.Value.Value.CompareTo(a.Value.Value) : a.Value.Value.CompareTo(b.Value.Value);
        return values != 0 ? values : a.Arrival.CompareTo(b.Arrival);
    }
}
