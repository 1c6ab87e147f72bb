using System.Collections.Immutable;

namespace Pipeline.Processors.Analysis.Python;

/// <summary>An algorithm and the text of the file that holds it.</summary>
sealed record AlgorithmEntry(AlgorithmDescription Algorithm, string File, string Digest);

/// <summary>A file of algorithms that could not be taken, and why.</summary>
sealed record AlgorithmFault(string File, string Reason);

/// <summary>What the algorithms' folder holds, as it was looked at last: files are asked again when they have changed. Files whose names begin with _ are shared by others.</summary>
sealed class AlgorithmCatalogue(string folder)
{
    readonly System.Collections.Concurrent.ConcurrentDictionary<string, (long Length, DateTime Written)> _seen = new(StringComparer.Ordinal);
    readonly Lock _sync = new();
    ImmutableSortedDictionary<string, FileAlgorithms> _files = ImmutableSortedDictionary.Create<string, FileAlgorithms>(StringComparer.Ordinal);
    volatile ImmutableDictionary<string, AlgorithmEntry> _entries = ImmutableDictionary<string, AlgorithmEntry>.Empty;
    volatile ImmutableList<AlgorithmFault> _faults = [];

    sealed record FileAlgorithms(IReadOnlyList<AlgorithmEntry> Entries, string? Fault);

    public IReadOnlyDictionary<string, AlgorithmEntry> Entries => _entries;

    public IReadOnlyList<AlgorithmFault> Faults => _faults;

    /// <summary>Files that came, changed or went since the last look. <c>Others</c>: something changed that any of them may use.</summary>
    public (IReadOnlyList<string> Files, bool Others) Changes()
    {
        var now = new DirectoryInfo(folder) is { Exists: true } there
            ? there.EnumerateFiles("*", SearchOption.TopDirectoryOnly).Where(f => f.Name[0] != '.').ToDictionary(f => f.Name, f => (f.Length, f.LastWriteTimeUtc)) : [];
        var changed = now.Where(f => !_seen.TryGetValue(f.Key, out var before) || before != f.Value).Select(f => f.Key).Concat(_seen.Keys.Except(now.Keys)).ToList();
        _seen.Clear();
        foreach (var (name, state) in now)
            _seen[name] = state;
        var others = changed.Exists(f => !IsAlgorithms(f));
        return ([.. (others ? now.Keys.Concat(changed) : changed).Where(IsAlgorithms).Distinct().Order(StringComparer.Ordinal)], others);
    }

    static bool IsAlgorithms(string file) => file.EndsWith(".py", StringComparison.Ordinal) && file[0] != '_';

    /// <summary>It could not be asked now: it counts as changed at the next look.</summary>
    public void Forget(string file) => _seen.TryRemove(file, out _);

    public bool Holds(string file) => File.Exists(Path.Combine(folder, file));

    public void Found(string file, string digest, IReadOnlyList<AlgorithmDescription> algorithms) =>
        Set(files => files.SetItem(file, new([.. algorithms.Select(a => new AlgorithmEntry(a, file, digest))], algorithms.Count == 0 ? "it holds no algorithm" : null)));

    public void Failed(string file, string reason) => Set(files => files.SetItem(file, new([], reason)));

    public void Gone(string file) => Set(files => files.Remove(file));

    void Set(Func<ImmutableSortedDictionary<string, FileAlgorithms>, ImmutableSortedDictionary<string, FileAlgorithms>> change)
    {
        // A call that found its file changed asks beside the loop that looks at the folder.
        lock (_sync)
            Enter(_files = change(_files));
    }

    void Enter(ImmutableSortedDictionary<string, FileAlgorithms> files)
    {
        var (entries, faults) = (ImmutableDictionary.CreateBuilder<string, AlgorithmEntry>(StringComparer.Ordinal), ImmutableList.CreateBuilder<AlgorithmFault>());
        foreach (var (file, held) in files)
        {
            if (held.Fault is { } fault)
                faults.Add(new(file, fault));
            foreach (var entry in held.Entries)
                if (!entries.TryAdd(entry.Algorithm.Name, entry))
                    faults.Add(new(file, $"{entry.Algorithm.Name} is in {entries[entry.Algorithm.Name].File} already"));
        }
        (_entries, _faults) = (entries.ToImmutable(), faults.ToImmutable());
    }

    /// <summary>Names that the given one may have meant.</summary>
    public IEnumerable<string> Near(string name) => _entries.Keys.Select(known => (known, far: Distance(name, known)))
        .Where(n => n.far <= Math.Max(2, name.Length / 3)).OrderBy(n => n.far).ThenBy(n => n.known, StringComparer.Ordinal).Select(n => n.known).Take(3);

    /// <summary>Levenshtein's.</summary>
    static int Distance(string a, string b)
    {
        if (Math.Abs(a.Length - b.Length) > 20)
            return int.MaxValue;
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var (diagonal, _) = (row[0], row[0] = i);
            for (var j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }
        return row[b.Length];
    }
}
