using System.Runtime.InteropServices;

namespace Pipeline.DevTool;

/// <summary>
/// librdkafka's own mock cluster as a process: a broker for machines without Java. It speaks enough of the protocol for
/// producers and consumer groups, holds everything in memory and at most 5 MB per partition (older records fall away),
/// and is empty after a restart.
/// </summary>
static partial class EmbeddedBroker
{
    const int Producer = 0;
    const int FirstBroker = 1;

    public static async Task<int> Run(Arguments arguments)
    {
        var topics = arguments.Text("topics").Split(',').Select(ParseTopic).ToList();
        var cluster = Start(topics, out var bootstrap);
        if (arguments.Find("port-file") is { } file)
        {
            // Readers wait for the file, so it must appear whole.
            await File.WriteAllTextAsync(file + ".new", bootstrap + "\n");
            File.Move(file + ".new", file, overwrite: true);
        }
        Console.WriteLine($"embedded broker at {bootstrap}: in memory, 5 MB per partition, empty after a restart");
        await UntilTerminated();
        rd_kafka_mock_cluster_destroy(cluster);
        return 0;
    }

    static async Task UntilTerminated()
    {
        var terminated = new TaskCompletionSource();
        void Handle(PosixSignalContext context)
        {
            context.Cancel = true;
            terminated.TrySetResult();
        }
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle);
        await terminated.Task;
    }

    static nint Start(List<(string Name, int Partitions)> topics, out string bootstrap)
    {
        var error = new byte[512];
        // The client only hosts the cluster's thread; it connects to nothing itself.
        var client = rd_kafka_new(Producer, rd_kafka_conf_new(), error, (nuint)error.Length);
        if (client == 0)
            throw new FailureException($"librdkafka: {System.Text.Encoding.UTF8.GetString(error).TrimEnd('\0')}");
        var cluster = rd_kafka_mock_cluster_new(client, brokers: 1);
        if (cluster == 0)
            throw new FailureException("librdkafka could not open the embedded broker's sockets");
        // Admin requests, such as the one for a topic's id, go to the controller, and a mock cluster has none by itself.
        rd_kafka_mock_set_controller_id(cluster, FirstBroker);
        foreach (var (name, partitions) in topics)
            if (rd_kafka_mock_topic_create(cluster, name, partitions, replicas: 1) is not 0 and var code)
                throw new FailureException($"the embedded broker refused topic {name} (code {code})");
        bootstrap = Marshal.PtrToStringUTF8(rd_kafka_mock_cluster_bootstraps(cluster))!;
        return cluster;
    }

    static (string, int) ParseTopic(string text) =>
        text.Split(':') is [var name, var count] && int.TryParse(count, out var partitions) ? (name, partitions)
        : throw new UsageException($"--topics: '{text}' is not name:partitions");

    [LibraryImport("librdkafka")]
    private static partial nint rd_kafka_conf_new();

    [LibraryImport("librdkafka")]
    private static partial nint rd_kafka_new(int type, nint configuration, [Out] byte[] error, nuint errorSize);

    [LibraryImport("librdkafka")]
    private static partial nint rd_kafka_mock_cluster_new(nint client, int brokers);

    [LibraryImport("librdkafka")]
    private static partial nint rd_kafka_mock_cluster_bootstraps(nint cluster);

    [LibraryImport("librdkafka", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int rd_kafka_mock_topic_create(nint cluster, string topic, int partitions, int replicas);

    [LibraryImport("librdkafka")]
    private static partial void rd_kafka_mock_set_controller_id(nint cluster, int broker);

    [LibraryImport("librdkafka")]
    private static partial void rd_kafka_mock_cluster_destroy(nint cluster);
}
