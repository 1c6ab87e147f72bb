using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Ingest.Tests.Host;

public sealed class ConfigurationTests
{
    static Dictionary<string, string> Valid() => IngestUnderTest.Settings("127.0.0.1:1", "topic", "postgres://u:secret@127.0.0.1:1/db");

    [Fact]
    public async Task Says_its_version()
    {
        var (exit, output) = await RunAsync([], "--version");
        Assert.Equal(0, exit);
        Assert.Matches(@"pipeline-ingest \d+\.\d+\.\d+", output);
    }

    [Fact]
    public async Task A_valid_configuration_is_called_so_and_nothing_is_started()
    {
        var (exit, output) = await RunAsync(Valid(), "--validate");
        Assert.Equal(0, exit);
        Assert.EndsWith("configuration: valid", output.TrimEnd(), StringComparison.Ordinal);
        Assert.DoesNotContain("listening", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InfluxDB_may_be_configured()
    {
        var settings = Valid();
        settings["Pipeline__Influx__Url"] = "http://127.0.0.1:1";
        Assert.Equal(0, (await RunAsync(settings, "--validate")).Exit);
    }

    [Fact]
    public async Task Every_error_is_named_at_once_and_no_secret_with_it()
    {
        var settings = Valid();
        settings["Pipeline__Kafka__BootstrapServers"] = "";
        settings["Pipeline__Kafka__DeliveryTimeout"] = "01:00:00";
        settings["Pipeline__Ingest__BodyBytesMax"] = "1";
        settings["Pipeline__Ingest__AllowCredentials"] = "true";
        settings["Pipeline__Ingest__AllowedOrigins__0"] = "*";
        settings["Pipeline__Postgres__ConnectionString"] = "postgres://u:secret@127.0.0.1/db?colour=red";
        settings["Pipeline__Kafak__BootstrapServers"] = "x";
        foreach (var argument in (string[])["--validate", "--urls=http://127.0.0.1:0"])
        {
            var (exit, output) = await RunAsync(settings, argument);
            Assert.NotEqual(0, exit);
            foreach (var word in (string[])["BootstrapServers", "DeliveryTimeout", "BodyBytesMax", "AllowCredentials", "ConnectionString", "Pipeline:Kafak"])
                Assert.Contains(word, output, StringComparison.Ordinal);
            Assert.DoesNotContain("secret", output, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("Pipeline__Kafka__BootstrapServer", "x")]
    [InlineData("Pipeline__Ingest__BodyByteMax", "5")]
    [InlineData("Pipeline__Ingest__BodyBytesMax", "many")]
    [InlineData("Pipeline__Ingest__RetryAfter", "soon")]
    [InlineData("Pipeline__RabbitMq__Uri", "amqp://127.0.0.1:1")]
    [InlineData("Pipeline__Influx__Url", "127.0.0.1:8086")]
    [InlineData("Pipeline__Influx__Bucket", "no_address")]
    [InlineData("Pipeline__Influx__QueryTimeout", "00:00:00")]
    [InlineData("Pipeline__Postgres__ConnectionString", "Host=")]
    [InlineData("Pipeline__Postgres__ConnectionString", "nonsense")]
    public async Task An_unknown_key_or_an_unreadable_value_is_refused(string key, string value)
    {
        var settings = Valid();
        settings[key] = value;
        var (exit, output) = await RunAsync(settings, "--validate");
        Assert.Equal(1, exit);
        Assert.Contains(key.Split("__")[1], output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wildcard_with_credentials_is_refused_at_start()
    {
        var settings = Valid();
        settings["Pipeline__Ingest__AllowCredentials"] = "true";
        settings["Pipeline__Ingest__AllowedOrigins__0"] = "*";
        var (exit, output) = await RunAsync(settings);
        Assert.Equal(1, exit);
        Assert.Contains("AllowedOrigins must name origins", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stop_must_leave_the_broker_the_time_that_it_has_else()
    {
        var settings = Valid();
        settings["Pipeline__Ingest__StopBudget"] = "00:00:10";
        var (exit, output) = await RunAsync(settings, "--validate");
        Assert.Equal(1, exit);
        Assert.Contains("IngestOptions.StopBudget: must be longer than Pipeline:Kafka:DeliveryTimeout", output, StringComparison.Ordinal);
        settings["Pipeline__Kafka__DeliveryTimeout"] = "00:00:09";
        Assert.Equal(0, (await RunAsync(settings, "--validate")).Exit);
    }

    static async Task<(int Exit, string Output)> RunAsync(Dictionary<string, string> settings, params string[] arguments)
    {
        await using var process = new HostProcess("Ingest", settings, arguments);
        var exit = await process.ExitAsync(TimeSpan.FromSeconds(60));
        await Until.TrueAsync("its output was read", TimeSpan.FromSeconds(10), () => process.Output.Length > 0);
        return (exit, process.Output);
    }
}
