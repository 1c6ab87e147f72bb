using System.ComponentModel.DataAnnotations;
using System.Net;
using Pipeline.Processors.Analysis.Python;

namespace Pipeline.Processors.Analysis;

/// <summary>How analyses are executed and bounded. Section <c>Pipeline:Analysis</c>; those of the Python workers stand in the same section.</summary>
public sealed class AnalysisSettings : PythonOptions, IValidatableObject
{
    public const string Section = "Pipeline:Analysis";

    /// <summary>Requests that are executed at a time, native and Python together; one more is refused as overloaded. Default 64.</summary>
    [Range(1, 10_000)]
    public int MaxConcurrent { get; set; } = 64;

    /// <summary>Bytes of one request, or of one batch, by HTTP; more is answered 413. Default 16 MiB.</summary>
    [Range(1024, 256 * 1024 * 1024)]
    public int BodyBytesMax { get; set; } = 16 * 1024 * 1024;

    /// <summary>Bytes of results that are remembered; 0 for none. Default 64 MiB.</summary>
    [Range(0L, 1L << 40)]
    public long CacheBytesMax { get; set; } = 64L << 20;

    /// <summary>How long a result is remembered. Default an hour.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "365.00:00:00")]
    public TimeSpan CacheFor { get; set; } = TimeSpan.FromHours(1);

    /// <summary>A result is remembered where making it is estimated to take longer than this: below, looking costs as much. Default 5 ms.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan CacheFrom { get; set; } = TimeSpan.FromMilliseconds(5);

    /// <summary>Bytes of results that all engines share in PostgreSQL; 0 for none. Trimmed once a minute by role results-postgres. Default 256 MiB.</summary>
    [Range(0L, 1L << 40)]
    public long SharedCacheBytesMax { get; set; } = 256L << 20;

    /// <summary>A result is shared where making it is estimated to take longer than this. Default 100 ms.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan SharedCacheFrom { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Batches of the topic's requests that are under way at a time, each of at most 64 requests and their results. Most of a batch is waiting for PostgreSQL and Kafka. Default 12.</summary>
    [Range(1, 64)]
    public int ConcurrentBatchesMax { get; set; } = 12;

    /// <summary>A request of the topic that is estimated to take longer waits in a queue of its priority instead of holding its partition. Default 200 ms.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan LongFrom { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Such requests that run at a time, shared by the priorities 8 : 3 : 1. Default: the number of cores.</summary>
    [Range(1, 1000)]
    public int JobsMax { get; set; } = Environment.ProcessorCount;

    /// <summary>What a request of the topic may take at most, whatever its own timeout: with twice five minutes of waiting before it, less than RabbitMQ's consumer timeout of 30 minutes. Default 15 min.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:18:00")]
    public TimeSpan JobTimeoutMax { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>A process that has not renewed its hold on a task for so long has lost it. Default 30 s.</summary>
    [Range(typeof(TimeSpan), "00:00:03", "00:10:00")]
    public TimeSpan Lease { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>A task of which nobody read the record for so long is abandoned: longer than a backlog lasts. Default a day.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "365.00:00:00")]
    public TimeSpan UnreadAfter { get; set; } = TimeSpan.FromDays(1);

    /// <summary>How long tasks that ended are kept with their results. Default 30 days.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "3650.00:00:00")]
    public TimeSpan TasksFor { get; set; } = TimeSpan.FromDays(30);

    /// <summary>Path of the YAML list of scheduled analyses, which role schedules submits. Default: <c>schedules.yaml</c> beside the host.</summary>
    public string SchedulesFile { get; set; } = "";

    /// <summary>Bytes of a gRPC message that comes in, as sent and as decompressed. Default 64 MiB: 8 Mi numbers.</summary>
    [Range(1024, 1024 * 1024 * 1024)]
    public int GrpcMessageBytesMax { get; set; } = 64 * 1024 * 1024;

    /// <summary>Where gRPC is served: an IP address and a port (0: any), of HTTP/2 alone. Default 127.0.0.1:50051; empty: nowhere.</summary>
    public string GrpcAddress { get; set; } = "127.0.0.1:50051";

    /// <summary>Path of a Unix socket where the same is served, for this user alone (mode 0600). Default none.</summary>
    public string GrpcSocket { get; set; } = "";

    /// <summary>Bytes of one body of float64; more is answered 413. Default 64 MiB: 8 Mi numbers.</summary>
    [Range(1024, 1024 * 1024 * 1024)]
    public int Float64BytesMax { get; set; } = 64 * 1024 * 1024;

    /// <summary>Bytes of all float64 bodies, and of all gRPC messages above 64 KiB, that are being read or worked on; beyond it they are refused as overloaded. Default 256 MiB.</summary>
    [Range(1024 * 1024, 1L << 40)]
    public long InFlightBytesMax { get; set; } = 256L << 20;

    /// <summary>How long a float64 body, or the message of a gRPC call, may take to arrive. Default a minute.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan BodyTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Where the schedules are.</summary>
    public string SchedulesPath => SchedulesFile.Length > 0 ? SchedulesFile : Path.Combine(AppContext.BaseDirectory, "schedules.yaml");

    public new IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var error in base.Validate(validationContext))
            yield return error;
        if (GrpcAddress.Length > 0 && !IPEndPoint.TryParse(GrpcAddress, out _))
            yield return new ValidationResult("It must look like 127.0.0.1:50051.", [nameof(GrpcAddress)]);
        // What sockaddr_un holds, less the suffix of the lock.
        if (GrpcSocket.Length > 0 && (!Path.IsPathRooted(GrpcSocket) || System.Text.Encoding.UTF8.GetByteCount(GrpcSocket) > 100))
            yield return new ValidationResult("It must be an absolute path of at most 100 bytes.", [nameof(GrpcSocket)]);
        if (GrpcMessageBytesMax > InFlightBytesMax)
            yield return new ValidationResult("GrpcMessageBytesMax must not exceed InFlightBytesMax.", [nameof(GrpcMessageBytesMax)]);
        if (System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)Float64BytesMax) > (ulong)InFlightBytesMax)
            yield return new ValidationResult("Float64BytesMax, rounded up to a power of two, must not exceed InFlightBytesMax.", [nameof(Float64BytesMax)]);
    }
}
