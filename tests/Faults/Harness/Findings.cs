namespace Pipeline.Faults.Harness;

/// <summary>Everything that was not as promised. All of it is collected, so that one run says all.</summary>
sealed class Findings
{
    readonly List<string> _list = [];

    public IReadOnlyList<string> List => _list;

    public void Add(string finding) => _list.Add(finding);

    public void AddRange(IEnumerable<string> findings) => _list.AddRange(findings);

    public void Expect(bool isSo, string otherwise)
    {
        if (!isSo)
            _list.Add(otherwise);
    }

    /// <summary>Reports a set that should be empty by its size and some of its members.</summary>
    public void Empty(IReadOnlyCollection<Guid> set, string what, string noun = "events")
    {
        if (set.Count > 0)
            _list.Add($"{set.Count} {noun} {what}, such as {string.Join(", ", set.Take(3))}");
    }
}
