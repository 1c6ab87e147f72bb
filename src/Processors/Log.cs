namespace Pipeline.Processors;

static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "{Road}: Kafka client: {Code} {Reason}")]
    public static partial void ClientError(this ILogger log, string road, string code, string reason);

    [LoggerMessage(2, LogLevel.Warning, "{Road}: {Partition} cannot be read on: {Code} {Reason}")]
    public static partial void ConsumeError(this ILogger log, string road, string partition, string code, string reason);

    [LoggerMessage(3, LogLevel.Debug, "{Road}: {Partition} is not ready to seek: {Reason}")]
    public static partial void SeekLater(this ILogger log, string road, string partition, string reason);

    [LoggerMessage(4, LogLevel.Error, "{Road}: {Partition} stopped, {Code}: {Message} It waits for an operator: --accept")]
    public static partial void PartitionStopped(this ILogger log, string road, string partition, string code, string message);

    [LoggerMessage(5, LogLevel.Information, "{Road}: {Partition} is acquired again: {Reason}")]
    public static partial void Fenced(this ILogger log, string road, string partition, string reason);

    [LoggerMessage(6, LogLevel.Warning, "{Road}: {Partition} waits: {Reason}")]
    public static partial void Waiting(this ILogger log, string road, string partition, string reason);

    [LoggerMessage(7, LogLevel.Warning, "{Road}: {Partition} was not released in order: {Reason}")]
    public static partial void NotReleased(this ILogger log, string road, string partition, string reason);

    [LoggerMessage(8, LogLevel.Warning, "Topics were not made, trying again: {Reason}")]
    public static partial void TopicsNotCreated(this ILogger log, string reason);

    [LoggerMessage(11, LogLevel.Warning, "{Topic} has timestamp type {Type}: use LogAppendTime, so that no producer decides how long an id is remembered")]
    public static partial void TopicTakesProducersTime(this ILogger log, string topic, string type);

    [LoggerMessage(12, LogLevel.Warning, "{Road}: {Partition} was processed up to offset {Offset}, but the log holds {Start} to {End} now; going on at its start")]
    public static partial void PlaceLost(this ILogger log, string road, string partition, long offset, long start, long end);

    [LoggerMessage(9, LogLevel.Critical, "{Road}: the process stops, nothing of the failed batch counts.")]
    public static partial void Fatal(this ILogger log, Exception exception, string road);

    [LoggerMessage(10, LogLevel.Information, "{Road}: consuming {Topics}")]
    public static partial void Consuming(this ILogger log, string road, string topics);

    [LoggerMessage(13, LogLevel.Warning, "{Dependency} fails: its breaker is open for {Seconds} s: {Reason}")]
    public static partial void BreakerOpened(this ILogger log, string dependency, double seconds, string reason);

    [LoggerMessage(14, LogLevel.Information, "{Dependency} works again: its breaker is closed")]
    public static partial void BreakerClosed(this ILogger log, string dependency);

    [LoggerMessage(15, LogLevel.Error, "{Road}: the record at {Partition} offset {Offset} ended every process that read it; it is a dead letter now, unread")]
    public static partial void RecordKills(this ILogger log, string road, string partition, long offset);

    [LoggerMessage(16, LogLevel.Error, "Tenant {Tenant} floods the dead letters: {DeadLetters} of {Records} records within the window; Ingest refuses its batches for a while")]
    public static partial void Flood(this ILogger log, string tenant, long deadLetters, long records);

    [LoggerMessage(17, LogLevel.Warning, "Ingest could not be told of a flood, trying again: {Reason}")]
    public static partial void FloodNotTold(this ILogger log, string reason);

    [LoggerMessage(18, LogLevel.Warning, "{Road}: Kafka does not answer; the process ends without having left the group")]
    public static partial void GroupNotLeft(this ILogger log, string road);

    [LoggerMessage(30, LogLevel.Information, "Receiving from {Queue}")]
    public static partial void Receiving(this ILogger log, string queue);

    [LoggerMessage(31, LogLevel.Warning, "Receiving from {Queue} is interrupted: {Reason}")]
    public static partial void ReceiverWaits(this ILogger log, string queue, string reason);

    [LoggerMessage(32, LogLevel.Warning, "RabbitMQ is not ready, trying again: {Reason}")]
    public static partial void RabbitMqWaits(this ILogger log, string reason);

    [LoggerMessage(33, LogLevel.Critical, "{Reason}")]
    public static partial void TopologyMismatch(this ILogger log, string reason);

    [LoggerMessage(34, LogLevel.Warning, "A message in {Queue} waits: {Reason}")]
    public static partial void MessageWaits(this ILogger log, string queue, string reason);

    [LoggerMessage(35, LogLevel.Warning, "{Queue} held a message that is none of ours; it is a dead letter now, topic_id {Digest}")]
    public static partial void UnreadableMessage(this ILogger log, string queue, string digest);

    [LoggerMessage(36, LogLevel.Warning, "The outbox waits: {Reason}")]
    public static partial void OutboxWaits(this ILogger log, string reason);

    [LoggerMessage(40, LogLevel.Information, "{Store}: erasure {Id} was carried out; verified by a scan: {Verified}")]
    public static partial void Erased(this ILogger log, string store, Guid id, bool verified);

    [LoggerMessage(41, LogLevel.Warning, "{Store}: an erasure waits: {Reason}")]
    public static partial void ErasureFailed(this ILogger log, string store, string reason);

    [LoggerMessage(37, LogLevel.Information, "This process publishes the dead letters from now on")]
    public static partial void OutboxTaken(this ILogger log);

    [LoggerMessage(50, LogLevel.Critical, "{Reason}")]
    public static partial void RetentionRefused(this ILogger log, string reason);

    [LoggerMessage(51, LogLevel.Information, "Ids are remembered for {Window}")]
    public static partial void LedgerWindow(this ILogger log, string window);

    [LoggerMessage(52, LogLevel.Warning, "Retention waits: {Reason}")]
    public static partial void RetentionWaits(this ILogger log, string reason);

    [LoggerMessage(53, LogLevel.Warning, "Retention failed, trying again: {Reason}")]
    public static partial void RetentionFailed(this ILogger log, string reason);

    [LoggerMessage(58, LogLevel.Information, "{Revision}: days before {Before:u} are added up")]
    public static partial void DaysAddedUp(this ILogger log, string revision, DateTime before);

    [LoggerMessage(59, LogLevel.Warning, "Days are not added up now, answers of long windows take longer: {Reason}")]
    public static partial void DaysFailed(this ILogger log, string reason);

    [LoggerMessage(54, LogLevel.Information, "{Revision}: week {Week} of rows was dropped, {Bytes} bytes")]
    public static partial void WeekDropped(this ILogger log, string revision, string week, long bytes);

    [LoggerMessage(55, LogLevel.Information, "{Revision}: {Ids} ids that were logged before {Until:u} were taken from the ledger")]
    public static partial void LedgerTrimmed(this ILogger log, string revision, long ids, DateTime until);

    [LoggerMessage(56, LogLevel.Information, "InfluxDB keeps points for {Days} days")]
    public static partial void PointsRetained(this ILogger log, double days);

    [LoggerMessage(57, LogLevel.Warning, "InfluxDB was to keep points for {Days} days, and does not: {Problem}")]
    public static partial void PointsNotRetained(this ILogger log, double days, string problem);

    [LoggerMessage(60, LogLevel.Warning, "The hold on {Tasks} running tasks could not be renewed: {Reason}")]
    public static partial void LeasesNotKept(this ILogger log, int tasks, string reason);

    [LoggerMessage(61, LogLevel.Error, "The producer of results and requests met a fatal error and is replaced: {Reason}")]
    public static partial void TopicProducerReplaced(this ILogger log, string reason);

    [LoggerMessage(62, LogLevel.Warning, "{Tasks} tasks were abandoned: nobody read their records in time")]
    public static partial void TasksNotRead(this ILogger log, int tasks);

    [LoggerMessage(63, LogLevel.Information, "{Tasks} tasks that ended long ago were removed")]
    public static partial void TasksForgotten(this ILogger log, int tasks);

    [LoggerMessage(64, LogLevel.Warning, "Looking after old tasks waits: {Reason}")]
    public static partial void TaskKeepingWaits(this ILogger log, string reason);

    [LoggerMessage(66, LogLevel.Information, "{Schedules} scheduled analyses were read from {File}")]
    public static partial void SchedulesRead(this ILogger log, int schedules, string file);

    [LoggerMessage(67, LogLevel.Warning, "Scheduled analysis {Schedule} is due and waits: {Reason}")]
    public static partial void ScheduleWaits(this ILogger log, string schedule, string reason);

    [LoggerMessage(68, LogLevel.Information, "Scheduled analysis {Schedule}, due at {Due:u}: {Runs} requests are in the topic, for {Subjects} of whom there is enough")]
    public static partial void ScheduleSubmitted(this ILogger log, string schedule, DateTime due, int runs, int subjects);

    [LoggerMessage(69, LogLevel.Warning, "Points of scheduled analyses wait: {Reason}")]
    public static partial void ScheduledPointsWait(this ILogger log, string reason);

    [LoggerMessage(70, LogLevel.Warning, "InfluxDB refused the points of scheduled analysis {Schedule}, due at {Due:u}: {Reason}")]
    public static partial void ScheduledPointsRefused(this ILogger log, string schedule, DateTime due, string reason);
}
