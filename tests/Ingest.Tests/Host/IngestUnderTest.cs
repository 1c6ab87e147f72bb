using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Tests.Prometheus;

namespace Pipeline.Ingest.Tests.Host;

/// <summary>One host process with a topic and, where asked for, a database of its own.</summary>
sealed class IngestUnderTest : IAsyncDisposable
{
    static int _made;

    readonly TestTopic? _topic;

    IngestUnderTest(HostProcess process, TestTopic? topic, TestDatabase? database)
    {
        (Process, _topic, Database) = (process, topic, database);
        Http = new HttpClient { BaseAddress = process.Url, Timeout = TimeSpan.FromSeconds(100) };
    }

    public HostProcess Process { get; }
    public HttpClient Http { get; }
    public TestDatabase? Database { get; }
    public string Topic => _topic!.Name;

    /// <param name="settings">As environment variables.</param>
    public static async Task<IngestUnderTest> StartAsync(Dictionary<string, string>? settings = null, bool database = false, string? kafka = null)
    {
        var name = $"ingest-{Environment.ProcessId}-{Interlocked.Increment(ref _made)}";
        var topic = kafka is null ? await TestTopic.CreateAsync(name, 4) : null;
        var store = database ? await TestDatabase.CreateAsync(name.Replace('-', '_')) : null;
        var all = Settings(kafka ?? TestServers.Kafka, name, store?.Uri ?? "postgres://nobody@127.0.0.1:1/none");
        foreach (var (key, value) in settings ?? [])
            all[key] = value;
        var process = new HostProcess("Ingest", all);
        await process.ListeningAsync();
        var host = new IngestUnderTest(process, topic, store);
        if (kafka is null)
            await Until.TrueAsync("ingest is ready", TimeSpan.FromSeconds(30), async () => (await host.Http.GetAsync("/health/ready")).IsSuccessStatusCode);
        return host;
    }

    public static Dictionary<string, string> Settings(string kafka, string topic, string postgres) => new()
    {
        ["Pipeline__Kafka__BootstrapServers"] = kafka,
        ["Pipeline__Kafka__EventsTopic"] = topic,
        ["Pipeline__Postgres__ConnectionString"] = postgres,
        ["Logging__LogLevel__Default"] = "Information",
    };

    public Task<Answer> PostAsync(string body, string type = "application/json", string? encoding = null, string query = "") => PostAsync(Encoding.UTF8.GetBytes(body), type, encoding, query);

    public async Task<Answer> PostAsync(byte[] body, string? type = "application/json", string? encoding = null, string query = "", bool chunked = false)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/events/batch" + query) { Content = new ByteArrayContent(body) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        if (encoding is not null)
            request.Content.Headers.TryAddWithoutValidation("Content-Encoding", encoding);
        request.Headers.TransferEncodingChunked = chunked ? true : null;
        return await SendAsync(request);
    }

    public Task<Answer> GetAsync(string path) => SendAsync(new HttpRequestMessage(HttpMethod.Get, path));

    public async Task<Answer> SendAsync(HttpRequestMessage request)
    {
        using var answer = await Http.SendAsync(request);
        return await Answer.OfAsync(answer);
    }

    public async Task<Exposition> MetricsAsync() => Exposition.Read(await Http.GetStringAsync("/metrics"));

    /// <summary>Every record of the topic, up to its ends of now.</summary>
    public async Task<List<Message<byte[], byte[]>>> RecordsAsync()
    {
        var ends = (await _topic!.EndsAsync()).Where(e => e.Value > 0).ToDictionary();
        using var consumer = new ConsumerBuilder<byte[], byte[]>(new ConsumerConfig { BootstrapServers = TestServers.Kafka, GroupId = Topic + "-reader", EnablePartitionEof = false }).SetLogHandler((_, _) => { }).Build();
        consumer.Assign(ends.Keys.Select(p => new TopicPartitionOffset(Topic, p, Offset.Beginning)));
        var records = new List<Message<byte[], byte[]>>();
        var deadline = DateTime.UtcNow.AddSeconds(30);
        while (records.Count < ends.Values.Sum())
        {
            Assert.True(DateTime.UtcNow < deadline, $"{records.Count} of {ends.Values.Sum()} records read");
            if (consumer.Consume(TimeSpan.FromMilliseconds(500)) is { } record)
                records.Add(record.Message);
        }
        consumer.Close();
        return records;
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await Process.DisposeAsync();
        if (_topic is not null)
            await _topic.DisposeAsync();
        if (Database is not null)
            await Database.DisposeAsync();
    }
}

/// <summary>An answer with its body read as JSON where it is some.</summary>
sealed record Answer(int Status, string? Type, string Text, HttpResponseHeaders Headers, HttpContentHeaders ContentHeaders)
{
    public static async Task<Answer> OfAsync(HttpResponseMessage answer) =>
        new((int)answer.StatusCode, answer.Content.Headers.ContentType?.MediaType, await answer.Content.ReadAsStringAsync(), answer.Headers, answer.Content.Headers);

    public JsonElement Json => JsonDocument.Parse(Text).RootElement;

    public string? Code => Json.GetProperty("code").GetString();

    /// <summary>Index, verdict and reason of each event that was not accepted.</summary>
    public List<string> Results => [.. Json.GetProperty("results").EnumerateArray().Select(r => $"{r.GetProperty("index")} {r.GetProperty("verdict")} {r.GetProperty("reason")}")];

    /// <summary>The form that every error has.</summary>
    public void IsProblem(int status, string code)
    {
        Assert.Equal((status, code, "application/problem+json", Text), (Status, Code, Type, Text));
        Assert.Equal(status, Json.GetProperty("status").GetInt32());
        Assert.NotEmpty(Json.GetProperty("title").GetString()!);
        Assert.NotEmpty(Json.GetProperty("detail").GetString()!);
        Assert.Equal($"urn:pipeline:problem:{code}", Json.GetProperty("type").GetString());
    }

    public string? Header(string name) => Headers.TryGetValues(name, out var values) || ContentHeaders.TryGetValues(name, out values) ? string.Join(',', values) : null;
}
