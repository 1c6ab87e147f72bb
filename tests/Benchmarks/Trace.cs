using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Confluent.Kafka;
using Pipeline.Contracts;

namespace Pipeline.Benchmarks;

/// <summary>
/// Real events: the whole trace where it is, else the excerpt in tests/Fixtures. Events made of it have ids of their own, and each repetition of the trace
/// names objects of its own: it names nearly every object once, and with the same ones again each event of a repetition would change an object that is stored.
/// </summary>
sealed class Trace
{
    /// <summary>An event's bytes as they are but for its id and its object's, which stand at these places.</summary>
    readonly record struct Template(byte[] Bytes, int IdAt, int ObjectAt, int ObjectLength, byte[] User);

    readonly List<Template> _events = [];

    public Trace(string repository, Func<JsonObject, JsonObject>? change = null)
    {
        var whole = Environment.GetEnvironmentVariable("PIPELINE_TRACE");
        var path = !string.IsNullOrEmpty(whole) && File.Exists(whole) ? whole : Path.Combine(repository, "tests", "Fixtures", "activity-2000.ndjson");
        Source = Path.GetFileName(path);
        using var file = File.OpenRead(path);
        using var reader = new StreamReader(path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(file, CompressionMode.Decompress) : file);
        while (reader.ReadLine() is { } line)
            Add(change is null ? line : change((JsonObject)JsonNode.Parse(line)!).ToJsonString(), line);
    }

    public string Source { get; }

    public int Count => _events.Count;

    public byte[] User(int index) => _events[index % Count].User;

    /// <summary>The event with a fresh id, which depends on the seed and the index alone.</summary>
    public byte[] Event(int index, int seed, bool sameObjects = false)
    {
        var template = _events[index % Count];
        var bytes = (byte[])template.Bytes.Clone();
        IdOf(index, seed).TryFormat(bytes.AsSpan(template.IdAt, 36), out _);
        if (index >= Count && !sameObjects)
            Rename(bytes.AsSpan(template.ObjectAt, template.ObjectLength), index / Count);
        return bytes;
    }

    /// <summary>Another name of the same length for each repetition; the same one wherever the trace has the same one.</summary>
    static void Rename(Span<byte> name, int repetition)
    {
        var hash = 0xCBF29CE484222325 ^ (ulong)repetition;
        foreach (var letter in name)
            hash = (hash ^ letter) * 0x100000001B3;
        for (var i = 0; i < name.Length; i++)
        {
            hash = (hash ^ (hash >> 31)) * 0x94D049BB133111EB;
            name[i] = (byte)"0123456789abcdef"[(int)(hash >> 60)];
        }
    }

    public static Guid IdOf(int index, int seed)
    {
        Span<byte> bytes = stackalloc byte[16];
        var random = (ulong)index * 0x9E3779B97F4A7C15 + (ulong)(uint)seed * 0xD1B54A32D192ED03;
        for (var i = 0; i < 16; i += 8)
        {
            random = (random ^ (random >> 30)) * 0xBF58476D1CE4E5B9;
            random = (random ^ (random >> 27)) * 0x94D049BB133111EB;
            random ^= random >> 31;
            BitConverter.TryWriteBytes(bytes[i..], random);
        }
        bytes[6] = (byte)((bytes[6] & 0x0F) | 0x80);
        return new Guid(bytes, bigEndian: true);
    }

    public IEnumerable<string> Batches(int size, int seed)
    {
        for (var start = 0; start + size <= Count; start += size)
            yield return $"{{\"batch_id\":\"bench-{seed}-{start}\",\"events\":[{string.Join(',', Enumerable.Range(start, size).Select(i => Encoding.UTF8.GetString(Event(i, seed))))}],\"metadata\":{{\"tool\":\"bench\",\"version\":\"1.0.0\"}}}}";
    }

    /// <summary>Puts events into a topic with the header that Ingest would write.</summary>
    public void Publish(string servers, string topic, int count, int seed, bool header = true, bool sameObjects = false)
    {
        using var producer = RawProducer.Build(servers);
        var template = new IngestHeader.Template(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), "default", $"bench-{seed}", null, "bench", "1.0.0");
        for (var i = 0; i < count; i++)
        {
            var bytes = new byte[template.Length(i % 1000)];
            template.Write(i % 1000, bytes);
            RawProducer.Produce(producer, topic, User(i), Event(i, seed, sameObjects), header ? bytes : null, null);
        }
        producer.Flush(TimeSpan.FromMinutes(2));
    }

    void Add(string line, string original)
    {
        var bytes = Encoding.UTF8.GetBytes(line);
        var node = JsonNode.Parse(line)!;
        var named = (string?)node["data"]?["objectId"] ?? "";
        _events.Add(new Template(bytes, bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes((string)JsonNode.Parse(original)!["event_id"]!)),
            named.Length == 0 ? 0 : bytes.AsSpan().IndexOf(Encoding.UTF8.GetBytes(named)), named.Length, Encoding.UTF8.GetBytes((string)node["user_id"]!)));
    }
}

/// <summary>Confluent.Kafka alone, with the settings that Ingest uses.</summary>
static class RawProducer
{
    public static IProducer<byte[], byte[]> Build(string servers) => new ProducerBuilder<byte[], byte[]>(new ProducerConfig
    {
        BootstrapServers = servers, EnableIdempotence = true, Acks = Acks.All, CompressionType = CompressionType.Lz4, LingerMs = 5, BatchSize = 256 * 1024,
        QueueBufferingMaxKbytes = 64 * 1024, QueueBufferingMaxMessages = 1_000_000, Partitioner = Partitioner.Murmur2Random, DeliveryReportFields = "none",
    }).Build();

    public static void Produce(IProducer<byte[], byte[]> producer, string topic, byte[] key, byte[] value, byte[]? header, Action<DeliveryReport<byte[], byte[]>>? done)
    {
        var message = new Message<byte[], byte[]> { Key = key, Value = value, Headers = header is null ? null : new Headers { { "ingest", header } } };
        while (true)
        {
            try
            {
                producer.Produce(topic, message, done);
                return;
            }
            catch (ProduceException<byte[], byte[]> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
            {
                producer.Poll(TimeSpan.FromMilliseconds(10));
            }
        }
    }
}
