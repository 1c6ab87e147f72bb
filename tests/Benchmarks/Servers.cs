using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Npgsql;

namespace Pipeline.Benchmarks;

/// <summary>The servers of this run, from the environment that ./dev bench sets, and fresh topics, databases and buckets in them.</summary>
sealed class Servers
{
    public const int Partitions = 12;

    public string Kafka { get; } = Required("PIPELINE_TEST_KAFKA");
    public string RabbitMq => Required("PIPELINE_TEST_RABBITMQ");
    public string Postgres { get; } = Required("PIPELINE_TEST_POSTGRES");
    public Uri Influx { get; } = new(Required("PIPELINE_TEST_INFLUX_URL").TrimEnd('/') + "/");
    public string InfluxToken { get; } = Environment.GetEnvironmentVariable("PIPELINE_TEST_INFLUX_TOKEN") ?? "";
    public string InfluxOrg { get; } = Environment.GetEnvironmentVariable("PIPELINE_TEST_INFLUX_ORG") ?? "pipeline";
    public bool InfluxV2 { get; } = Environment.GetEnvironmentVariable("PIPELINE_TEST_INFLUX_API") != "v1";
    public string Repository { get; } = Required("PIPELINE_REPO");
    public string? Toolbox { get; } = Environment.GetEnvironmentVariable("PIPELINE_TOOLBOX") is { Length: > 0 } path ? path : null;

    /// <summary>The broker's process, where this run has started it.</summary>
    public int? KafkaProcess { get; } = Process("KAFKA");

    /// <summary>InfluxDB's, likewise.</summary>
    public int? InfluxProcess { get; } = Process("INFLUX");

    static int? Process(string server) => int.TryParse(Environment.GetEnvironmentVariable($"PIPELINE_TEST_{server}_PID"), out var process) ? process : null;

    public async Task<string> NewTopicAsync(string name)
    {
        var topic = $"bench.{name}.{Guid.NewGuid():N}"[..30];
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Kafka }).Build();
        await admin.CreateTopicsAsync([new TopicSpecification { Name = topic, NumPartitions = Partitions, ReplicationFactor = -1, Configs = new() { ["message.timestamp.type"] = "LogAppendTime" } }]);
        return topic;
    }

    public async Task DropTopicAsync(string topic)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Kafka }).Build();
        await admin.DeleteTopicsAsync([topic]);
    }

    /// <summary>A fresh database's URI.</summary>
    public async Task<string> NewDatabaseAsync()
    {
        var name = $"bench_{Guid.NewGuid():N}";
        await using var admin = NpgsqlDataSource.Create(Keywords(Postgres));
        await using var command = admin.CreateCommand($"CREATE DATABASE {name}");
        await command.ExecuteNonQueryAsync();
        return new UriBuilder(Postgres) { Path = name }.Uri.ToString();
    }

    public async Task DropDatabaseAsync(string uri)
    {
        await using var admin = NpgsqlDataSource.Create(Keywords(Postgres));
        await using var command = admin.CreateCommand($"DROP DATABASE IF EXISTS {new Uri(uri).AbsolutePath.TrimStart('/')} WITH (FORCE)");
        await command.ExecuteNonQueryAsync();
    }

    public static string Keywords(string uri)
    {
        var parsed = new Uri(uri);
        var user = parsed.UserInfo.Split(':', 2);
        return new NpgsqlConnectionStringBuilder
        {
            Host = parsed.Host, Port = parsed.Port, Database = parsed.AbsolutePath.TrimStart('/'),
            Username = Uri.UnescapeDataString(user[0]), Password = Uri.UnescapeDataString(user.ElementAtOrDefault(1) ?? ""), CommandTimeout = 300,
        }.ConnectionString;
    }

    static string Required(string name) =>
        Environment.GetEnvironmentVariable(name) ?? throw new InvalidOperationException($"{name} is not set: run ./dev bench");
}
