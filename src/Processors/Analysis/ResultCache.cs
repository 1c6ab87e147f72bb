using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Pipeline.Contracts.Analysis;

namespace Pipeline.Processors.Analysis;

/// <summary>What the cache holds and how it does.</summary>
readonly record struct CacheFigures(int Entries, long Bytes, long Hits, long Misses, long Evicted);

/// <summary>
/// Results by algorithm, version, parameters and input. Bounded in bytes: the least recently used go first; each goes after a time. Algorithms that draw random numbers have their seed among the parameters, so that
/// what is remembered is what would be computed again.
/// </summary>
sealed class ResultCache(AnalysisSettings settings, TimeProvider clock)
{
    /// <summary>Of an entry besides its result, about.</summary>
    const int EntryBytes = 200;

    readonly Lock _sync = new();
    readonly Dictionary<CacheKey, LinkedListNode<Entry>> _entries = [];
    readonly LinkedList<Entry> _byUse = new();
    long _bytes, _hits, _misses, _evicted;

    sealed record Entry(CacheKey Key, string Algorithm, ReadOnlyMemory<byte> Result, DateTimeOffset Until)
    {
        public long Bytes => EntryBytes + Result.Length;
    }

    public CacheFigures Figures
    {
        get
        {
            lock (_sync)
                return new CacheFigures(_entries.Count, _bytes, _hits, _misses, _evicted);
        }
    }

    /// <summary>Whether a call of this cost is looked for and remembered at all.</summary>
    public bool Concerns(AlgorithmDescription algorithm, long values) => settings.CacheBytesMax > 0 && algorithm.Cost.Of(values) >= settings.CacheFrom;

    public ReadOnlyMemory<byte>? Find(CacheKey key)
    {
        lock (_sync)
        {
            if (_entries.TryGetValue(key, out var node))
            {
                if (node.Value.Until > clock.GetUtcNow())
                {
                    _hits++;
                    _byUse.Remove(node);
                    _byUse.AddFirst(node);
                    return node.Value.Result;
                }
                Remove(node);
            }
            _misses++;
            return null;
        }
    }

    public void Add(CacheKey key, string algorithm, ReadOnlyMemory<byte> result)
    {
        var entry = new Entry(key, algorithm, result, clock.GetUtcNow() + settings.CacheFor);
        // One result must not throw out all the others.
        if (entry.Bytes > settings.CacheBytesMax / 4)
            return;
        lock (_sync)
        {
            if (_entries.TryGetValue(key, out var before))
                Remove(before);
            while (_bytes + entry.Bytes > settings.CacheBytesMax)
            {
                Remove(_byUse.Last!);
                _evicted++;
            }
            _entries[key] = _byUse.AddFirst(entry);
            _bytes += entry.Bytes;
        }
    }

    /// <summary>Forgets the results of one algorithm, or with null all of them.</summary>
    /// <returns>How many there were.</returns>
    public int Purge(string? algorithm)
    {
        lock (_sync)
        {
            var gone = _entries.Values.Where(e => algorithm is null || e.Value.Algorithm == algorithm).ToList();
            gone.ForEach(Remove);
            return gone.Count;
        }
    }

    void Remove(LinkedListNode<Entry> node)
    {
        _byUse.Remove(node);
        _entries.Remove(node.Value.Key);
        _bytes -= node.Value.Bytes;
    }
}

/// <summary>SHA-256 over everything that a result depends on: whoever could make two alike would be shown another's result.</summary>
readonly record struct CacheKey(UInt128 High, UInt128 Low)
{
    /// <param name="engine">Who computes it, and of which state its code is.</param>
    public static CacheKey Of(string engine, AlgorithmDescription algorithm, JsonElement? parameters, AnalysisInput? input)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(hash, engine);
        Add(hash, algorithm.Name);
        Add(hash, algorithm.Version);
        var canonical = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(canonical))
            WriteCanonical(json, parameters ?? default);
        Add(hash, canonical.WrittenSpan);
        Add(hash, input);
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return new CacheKey(MemoryMarshal.Read<UInt128>(digest), MemoryMarshal.Read<UInt128>(digest[16..]));
    }

    static void Add(IncrementalHash hash, AnalysisInput? input)
    {
        switch (input)
        {
            case ValuesInput one:
                Add(hash, "values");
                Add(hash, MemoryMarshal.AsBytes(one.Values.Span));
                break;
            case ColumnsInput many:
                Add(hash, $"columns {many.Names.Count}");
                for (var i = 0; i < many.Names.Count; i++)
                {
                    Add(hash, many.Names[i]);
                    Add(hash, MemoryMarshal.AsBytes(many.Columns[i].Span));
                }
                break;
            case TextsInput texts:
                Add(hash, "texts");
                foreach (var text in texts.Texts)
                    Add(hash, text);
                break;
        }
    }

    static void Add(IncrementalHash hash, string text) => Add(hash, Encoding.UTF8.GetBytes(text));

    /// <summary>With its length before it, so that no two lists of pieces are one.</summary>
    static void Add(IncrementalHash hash, ReadOnlySpan<byte> bytes)
    {
        hash.AppendData(BitConverter.GetBytes((long)bytes.Length));
        hash.AppendData(bytes);
    }

    /// <summary>Fields in the order of their names: the sender's order and spaces mean nothing.</summary>
    static void WriteCanonical(Utf8JsonWriter json, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Undefined:
                json.WriteNullValue();
                break;
            case JsonValueKind.Object:
                json.WriteStartObject();
                foreach (var field in value.EnumerateObject().OrderBy(f => f.Name, StringComparer.Ordinal))
                {
                    json.WritePropertyName(field.Name);
                    WriteCanonical(json, field.Value);
                }
                json.WriteEndObject();
                break;
            case JsonValueKind.Array:
                json.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                    WriteCanonical(json, item);
                json.WriteEndArray();
                break;
            default:
                value.WriteTo(json);
                break;
        }
    }
}
