using System.ComponentModel.DataAnnotations;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Processors.Tests;

public sealed class ConfigurationTests
{
    static Dictionary<string, string> Valid() => new()
    {
        ["Pipeline__Kafka__BootstrapServers"] = "127.0.0.1:1",
        ["Pipeline__Postgres__ConnectionString"] = "postgres://u:secret@127.0.0.1:1/db",
        ["Pipeline__Influx__Url"] = "http://127.0.0.1:1",
        ["Pipeline__RabbitMq__Uri"] = "amqp://u:secret@127.0.0.1:1",
    };

    [Fact]
    public async Task A_valid_configuration_is_called_so()
    {
        var (exit, output) = await RunAsync(Valid(), "--validate");
        Assert.Equal(0, exit);
        Assert.EndsWith("configuration: valid", output.TrimEnd(), StringComparison.Ordinal);
        (exit, output) = await RunAsync([], "--version");
        Assert.Equal(0, exit);
        Assert.Matches(@"pipeline-processors \d+\.\d+\.\d+", output);
    }

    [Fact]
    public void A_topic_that_is_named_twice_is_made_once()
    {
        var options = new KafkaOptions { EventTopics = [new() { Name = "a" }], RequestTopics = [new() { Name = "a" }, new() { Name = "b" }], ResultsTopic = "b" };
        Assert.Equal(["a", "b"], options.NamesFor(new HashSet<string> { Roles.Analysis }));
    }

    [Fact]
    public async Task Every_error_is_named_at_once_and_no_secret_with_it()
    {
        var settings = Valid();
        settings["Pipeline__Kafka__BootstrapServers"] = "";
        settings["Pipeline__Kafka__Partitions"] = "0";
        settings["Pipeline__Processors__BatchEventsMax"] = "0";
        settings["Pipeline__Processors__Roles"] = "events-postgres,events-influx,failures,no-role";
        settings["Pipeline__Postgres__ConnectionString"] = "postgres://u:secret@127.0.0.1/db?colour=red";
        settings["Pipeline__Influx__Bucket"] = "";
        settings["Pipeline__RabbitMq__Uri"] = "http://u:secret@127.0.0.1:1";
        settings["Pipeline__RabbitMq__RetryDelays__0"] = "00:00:00";
        settings["Pipeline__Ingest__BodyBytesMax"] = "5";
        foreach (var argument in (string[])["--validate", "--urls=http://127.0.0.1:0"])
        {
            var (exit, output) = await RunAsync(settings, argument);
            Assert.Equal(1, exit);
            foreach (var word in (string[])["BootstrapServers", "Partitions", "BatchEventsMax", "no-role", "ConnectionString", "Bucket", "Uri must look", "RetryDelays", "Pipeline:Ingest"])
                Assert.Contains(word, output, StringComparison.Ordinal);
            Assert.DoesNotContain("secret", output, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("Pipeline__Kafka__BootstrapServer", "x")]
    [InlineData("Pipeline__Processors__StopBudget", "soon")]
    [InlineData("Pipeline__Processors__BatchEventsMax", "many")]
    [InlineData("Pipeline__Processors__Roles", ",")]
    [InlineData("Pipeline__Kafka__EventTopics__0__Nmae", "x")]
    [InlineData("Pipeline__Influx__Url", "")]
    [InlineData("Pipeline__RabbitMq__Uri", "")]
    [InlineData("Pipeline__RabbitMq__Prefix", "a/b")]
    [InlineData("Pipeline__Retention__Rows", "00:30:00")]
    [InlineData("Pipeline__Retention__Ledger", "-1")]
    [InlineData("Pipeline__Retention__Points", "00:59:59")]
    [InlineData("Pipeline__Retention__Weeks", "4")]
    public async Task An_unknown_key_or_an_unreadable_value_is_refused(string key, string value)
    {
        var settings = Valid();
        settings[key] = value;
        var (exit, output) = await RunAsync(settings, "--validate");
        Assert.Equal(1, exit);
        Assert.Contains(key.Split("__")[^1], output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Addresses_of_the_engine_are_checked_before_anything_listens()
    {
        var settings = Valid();
        settings["Pipeline__Processors__Roles"] = "engine";
        settings["Pipeline__Analysis__GrpcAddress"] = "nowhere:5";
        settings["Pipeline__Analysis__GrpcSocket"] = "engine.sock";
        var (exit, output) = await RunAsync(settings, "--urls=http://127.0.0.1:0");
        Assert.Equal(1, exit);
        Assert.Contains("GrpcAddress: It must look like", output, StringComparison.Ordinal);
        Assert.Contains("GrpcSocket: It must be an absolute path", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task InfluxDB_and_RabbitMQ_are_asked_for_only_where_their_roles_run()
    {
        var settings = Valid();
        settings.Remove("Pipeline__RabbitMq__Uri");
        settings.Remove("Pipeline__Influx__Url");
        settings["Pipeline__Processors__Roles"] = "events-postgres";
        Assert.Equal(0, (await RunAsync(settings, "--validate")).Exit);
    }

    [Fact]
    public void Roles_are_read_with_their_white_space()
    {
        Assert.Equal(Roles.Default.ToHashSet(), new ProcessorsOptions().RoleSet);
        Assert.Equal(["events-influx"], new ProcessorsOptions { Roles = " events-influx ,," }.RoleSet);
        Assert.Equal(["Role nonsense is unknown; known are " + string.Join(", ", Roles.All) + "."],
            new ProcessorsOptions { Roles = "events-postgres,nonsense" }.Validate(new ValidationContext(new object())).Select(r => r.ErrorMessage));
    }

    [Fact]
    public void The_consumer_is_set_up_to_lose_nothing_whatever_the_settings_say()
    {
        var options = new KafkaOptions { BootstrapServers = "b", Client = new() { ["enable.auto.offset.store"] = "true", ["auto.offset.reset"] = "latest", ["security.protocol"] = "ssl" } };
        var consumer = options.Consumer("events-postgres", TimeSpan.FromMilliseconds(50));
        Assert.Equal((false, Confluent.Kafka.AutoOffsetReset.Error, Confluent.Kafka.IsolationLevel.ReadCommitted, "pipeline.events-postgres"), (consumer.EnableAutoOffsetStore, consumer.AutoOffsetReset, consumer.IsolationLevel, consumer.GroupId));
        Assert.Equal(Confluent.Kafka.SecurityProtocol.Ssl, consumer.SecurityProtocol);
        Assert.Equal(["efficiency.events"], options.Events.Select(t => t.Name));
        Assert.Equal("latest", options.Client["auto.offset.reset"]);
    }

    [Theory, InlineData(0, 1, 50), InlineData(1, 131_072, 1), InlineData(50, 131_072, 50), InlineData(10_000, 131_072, 50)]
    public void The_broker_waits_for_company_where_batches_do_and_no_longer(int lingerMs, int minBytes, int waitMs)
    {
        var consumer = new KafkaOptions { BootstrapServers = "b" }.Consumer("any", TimeSpan.FromMilliseconds(lingerMs));
        Assert.Equal((minBytes, waitMs), (consumer.FetchMinBytes, consumer.FetchWaitMaxMs));
    }

    static async Task<(int Exit, string Output)> RunAsync(Dictionary<string, string> settings, params string[] arguments)
    {
        await using var process = new HostProcess("Processors", settings, arguments);
        var exit = await process.ExitAsync(TimeSpan.FromSeconds(60));
        await Until.TrueAsync("its output was read", TimeSpan.FromSeconds(10), () => process.Output.Length > 0);
        return (exit, process.Output);
    }
}
