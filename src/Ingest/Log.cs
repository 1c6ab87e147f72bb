namespace Pipeline.Ingest;

static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "Kafka client: {Code} {Reason}")]
    public static partial void ClientError(this ILogger log, string code, string reason);

    [LoggerMessage(2, LogLevel.Error, "The Kafka producer met a fatal error and is replaced; events it had not delivered are answered retry: {Reason}")]
    public static partial void ProducerReplaced(this ILogger log, string reason);

    [LoggerMessage(3, LogLevel.Warning, "Floods of dead letters cannot be read; what was known of them counts until it is over: {Reason}")]
    public static partial void FloodsNotRead(this ILogger log, string reason);

    [LoggerMessage(4, LogLevel.Warning, "InfluxDB does not answer what was asked for performance; the caller is told to come back: {Reason}")]
    public static partial void PerformanceNotRead(this ILogger log, string reason);

    [LoggerMessage(5, LogLevel.Warning, "An export ended in the middle and its connection was cut, so that it does not look whole: {Reason}")]
    public static partial void ExportCut(this ILogger log, string reason);

    [LoggerMessage(6, LogLevel.Warning, "Counts of refused and dropped events wait for the store; {Dropped} of them found no room: {Reason}")]
    public static partial void CountsNotAdded(this ILogger log, string reason, long dropped);

    [LoggerMessage(7, LogLevel.Information, "An operator purged remembered results of {Algorithm}: {Removed} went; complete: {Complete}")]
    public static partial void CachePurged(this ILogger log, string algorithm, long removed, bool complete);
}
