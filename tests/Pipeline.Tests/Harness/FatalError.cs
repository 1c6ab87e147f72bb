using System.Reflection;
using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>Lets a client of Kafka meet a fatal error, by librdkafka's own entry for tests. Its reports, its queue and its error callback are then as after one from a broker.</summary>
public static class FatalError
{
    public static void Raise(Handle client)
    {
        var native = (SafeHandle)typeof(Handle).GetProperty("LibrdkafkaHandle", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(client)!;
        Assert.Equal(ErrorCode.NoError, Raise(native.DangerousGetHandle(), ErrorCode.OutOfOrderSequenceNumber, "raised by a test"u8.ToArray()));
    }

    [DllImport("librdkafka", EntryPoint = "rd_kafka_test_fatal_error")]
    static extern ErrorCode Raise(nint client, ErrorCode code, byte[] reason);
}
