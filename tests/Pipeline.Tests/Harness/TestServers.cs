using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>The servers that <c>./dev test</c> started for this run. A test that lacks one is skipped and says so.</summary>
static class TestServers
{
    public static string Kafka => Required("PIPELINE_TEST_KAFKA");

    /// <summary>The embedded broker has no admin API and no transactions, holds 5 MB a partition and makes topics when they are first named.</summary>
    public static bool IsEmbedded => Environment.GetEnvironmentVariable("PIPELINE_TEST_KAFKA_KIND") == "embedded";

    public static string Postgres => Required("PIPELINE_TEST_POSTGRES");

    public static string RabbitMq => Required("PIPELINE_TEST_RABBITMQ");

    public static Uri InfluxUrl => new(Required("PIPELINE_TEST_INFLUX_URL"));

    public static string InfluxToken => Environment.GetEnvironmentVariable("PIPELINE_TEST_INFLUX_TOKEN") ?? "";

    public static string InfluxOrg => Environment.GetEnvironmentVariable("PIPELINE_TEST_INFLUX_ORG") ?? "";

    public static bool InfluxIsV1 => Environment.GetEnvironmentVariable("PIPELINE_TEST_INFLUX_API") == "v1";

    /// <summary>Free now; somebody else may take it before it is used.</summary>
    public static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public static string Repository => Required("PIPELINE_REPO");

    public static string? Toolbox => Optional("PIPELINE_TOOLBOX");

    /// <summary>The whole trace, compressed; where it is absent the excerpt among the fixtures stands in.</summary>
    public static string? WholeTrace => Optional("PIPELINE_TRACE") is { } path && File.Exists(path) ? path : null;

    public static string Fixture(string name) => Path.Combine(Repository, "tests", "Fixtures", name);

    public static void NeedsRealKafka(string what)
    {
        if (IsEmbedded)
            Assert.Skip($"{what}: the embedded broker has none of that; run with Apache Kafka.");
    }

    /// <summary>A <c>postgres://</c> URI as Npgsql's settings.</summary>
    public static NpgsqlConnectionStringBuilder PostgresSettings(string database, string? server = null)
    {
        var uri = new Uri(server ?? Postgres);
        var user = uri.UserInfo.Split(':', 2);
        return new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.Port > 0 ? uri.Port : 5432,
            Username = Uri.UnescapeDataString(user[0]),
            Password = user.Length > 1 ? Uri.UnescapeDataString(user[1]) : null,
            Database = database,
            ApplicationName = "pipeline-tests",
            MaxPoolSize = 6,
            Timeout = 30,
        };
    }

    static string Required(string name)
    {
        var value = Optional(name);
        if (value is null)
            Assert.Skip($"{name} is not set: these tests are run by ./dev test Pipeline.");
        return value;
    }

    static string? Optional(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
