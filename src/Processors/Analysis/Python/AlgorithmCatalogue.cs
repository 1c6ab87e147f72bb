using System.Collections.Immutable;

namespace Pipeline.Processors.Analysis.Python;

/// <summary>An algorithm and the text of the file that holds it.</summary>
sealed record AlgorithmEntry(AlgorithmDescription Algorithm, string File, string Digest);

/// <summary>A file of algorithms that could not be taken, and why.</summary>
sealed record AlgorithmFault(string File, string Reason);

/// <summary>What the algorithms' folder holds, as it was looked at last: files are asked again when they have changed. Files whose names begin with _ are shared by others.</summary>
sealed class AlgorithmCatalogue(string folder)
{
    const int LateMax = 3;

    readonly System.Collections.Concurrent.ConcurrentDictionary<string, (long Length, DateTime Written)> _seen = new(StringComparer.Ordinal);
    readonly System.Collections.Concurrent.ConcurrentDictionary<string, int> _late = new(StringComparer.Ordinal);
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

    public void Found(string file, string digest, IReadOnlyList<AlgorithmDescription> algorithms)
    {
        _late.TryRemove(file, out _);
        Set(files => files.SetItem(file, new([.. algorithms.Select(a => new AlgorithmEntry(a, file, digest))], algorithms.Count == 0 ? "it holds no algorithm" : null)));
    }

    /// <param name="isLate">It did not answer in time: it counts as changed at the next look, the first few times, and what was known of it is until then.</param>
    public void Failed(string file, string reason, bool isLate)
    {
        var again = isLate && _late.AddOrUpdate(file, 1, (_, times) => times + 1) < LateMax;
        Set(files => files.SetItem(file, new(again && files.TryGetValue(file, out var before) ? before.Entries : [], reason)));
        if (again)
            Forget(file);
        else
            _late.TryRemove(file, out _);
    }

    /// <summary>Whether files are to be asked again that did not answer in time: what they hold is not known.</summary>
    public bool IsLate => !_late.IsEmpty;

    public void Gone(string file)
    {
        _late.TryRemove(file, out _);
        Set(files => files.Remove(file));
    }

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
}
