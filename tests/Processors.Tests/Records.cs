using System.Text;
using Confluent.Kafka;
using Pipeline.Processors.Consuming;
using Pipeline.Processors.Failures;

namespace Pipeline.Processors.Tests;

static class Records
{
    public static ConsumeResult<byte[], byte[]> Record(long offset, byte[]? value = null, Headers? headers = null, long timestampMs = 1_704_067_200_000, TimestampType type = TimestampType.LogAppendTime, int partition = 3) => new()
    {
        TopicPartitionOffset = new TopicPartitionOffset("efficiency.events", partition, offset),
        Message = new Message<byte[], byte[]> { Key = "u"u8.ToArray(), Value = value!, Headers = headers!, Timestamp = new Timestamp(timestampMs, type) },
    };

    public static ConsumeResult<byte[], byte[]> End(long offset) => new() { TopicPartitionOffset = new TopicPartitionOffset("efficiency.events", 3, offset), IsPartitionEOF = true };

    public static RecordReading Reading(int faultyMax = 100) =>
        new(new Turns(int.MaxValue), new ProcessingDeadline(TimeSpan.FromSeconds(30), TimeProvider.System), new FailureLimit(faultyMax, TimeProvider.System));

    public static byte[] Bytes(this string text) => Encoding.UTF8.GetBytes(text);

    public static Headers Header(string value, string name = "ingest") => new() { { name, value.Bytes() } };
}
