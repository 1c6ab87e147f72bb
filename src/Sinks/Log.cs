using Microsoft.Extensions.Logging;

namespace Pipeline.Sinks;

static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Schema migrated: {Files}")]
    public static partial void Migrated(this ILogger log, string files);

    [LoggerMessage(2, LogLevel.Warning, "PostgreSQL is not reachable; the schema is checked as soon as it is: {Reason}")]
    public static partial void MigrationWaits(this ILogger log, string reason);

    [LoggerMessage(3, LogLevel.Critical, "The schema cannot be brought up to date; the host stops.")]
    public static partial void MigrationFailed(this ILogger log, Exception exception);
}
