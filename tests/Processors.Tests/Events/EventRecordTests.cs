using Confluent.Kafka;
using Pipeline.Contracts.Events;
using Pipeline.Processors.Events;
using static Pipeline.Processors.Tests.Records;

namespace Pipeline.Processors.Tests.Events;

public sealed class EventRecordTests
{
    const long Logged = 1_704_067_200_000, Now = 1_800_000_000_000;
    const string Value = """{"event_type":"performance","timestamp":"2024-01-01T00:00:00Z","user_id":"u","project_id":"p","data":{"fps":60}}""";
    const string Id = "0190a2c4-5b1e-7c3d-8a5f-0123456789ab";

    static (EventFault Fault, EventOrigin Origin) Read(ConsumeResult<byte[], byte[]> record, bool trust = true, string tenant = "topic-tenant")
    {
        var reader = new EventRecord(new TopicOptions { Name = "efficiency.events", Tenant = tenant, TrustHeaders = trust }, "topic-id", new ManualClock(DateTimeOffset.FromUnixTimeMilliseconds(Now)));
        return (reader.Read(record), reader.Origin);
    }

    [Fact]
    public void Without_a_header_the_topic_and_the_record_say_whose_and_when()
    {
        var (fault, origin) = Read(Record(7, Value.Bytes()));
        Assert.Equal(EventFault.None, fault);
        Assert.Equal(new EventOrigin("topic-tenant", null, EventIdentity.FromLog("topic-id", 3, 7), Logged * 1000, Logged * 1000, Logged * 1000, false, null), origin);
    }

    [Fact]
    public void A_trusted_header_says_how_the_event_came_in()
    {
        var header = $"1;{Logged - 5000};team;b%3B1;4;{Logged - 4000};tool;1.0";
        var (fault, origin) = Read(Record(7, Value.Bytes(), Header(header)));
        Assert.Equal(EventFault.None, fault);
        Assert.Equal(("team", "tool", (Logged - 5000) * 1000, Logged * 1000, false), (origin.Tenant, origin.Tool, origin.ReceivedAtUs, origin.LoggedAtUs, origin.Corrected));
        Assert.Equal(EventIdentity.FromBatch("b;1", 4, Value.Bytes()), origin.EventId);
        Assert.Equal(header.Bytes(), origin.Header);
    }

    [Fact]
    public void The_derived_id_of_a_batch_does_not_know_where_in_the_log_or_in_white_space_the_event_stands()
    {
        var header = $"1;{Logged};;b;4;;;";
        var ids = new[] { Record(7, Value.Bytes(), Header(header)), Record(99, Value.Bytes(), Header(header), partition: 1), Record(7, $" {Value}\n".Bytes(), Header(header)) }.Select(r => Read(r).Origin.EventId);
        Assert.Equal(EventIdentity.FromBatch("b", 4, Value.Bytes()), Assert.Single(ids.Distinct()));
    }

    [Fact]
    public void A_header_without_a_batch_leaves_the_id_to_the_log() =>
        Assert.Equal(EventIdentity.FromLog("topic-id", 3, 7), Read(Record(7, Value.Bytes(), Header($"1;{Logged};;;0;;;"))).Origin.EventId);

    [Fact]
    public void An_id_of_the_senders_is_the_id()
    {
        var value = Value.Insert(1, $"\"event_id\":\"{Id}\",").Bytes();
        Assert.Equal(Guid.Parse(Id), Read(Record(7, value)).Origin.EventId);
        Assert.Equal(Guid.Parse(Id), Read(Record(7, value, Header($"1;{Logged};;b;4;;;"))).Origin.EventId);
    }

    [Fact]
    public void Headers_of_a_topic_that_is_not_trusted_count_nothing()
    {
        foreach (var header in (string[])[$"1;{Logged - 5000};other-tenant;b;4;;tool;1", "nonsense"])
        {
            var (fault, origin) = Read(Record(7, Value.Bytes(), Header(header)), trust: false);
            Assert.Equal(EventFault.None, fault);
            Assert.Equal(new EventOrigin("topic-tenant", null, EventIdentity.FromLog("topic-id", 3, 7), Logged * 1000, Logged * 1000, Logged * 1000, false, null), origin);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("2;1;t;b;0;;;")]
    [InlineData("1;x;t;b;0;;;")]
    [InlineData("1;253402300799999;t;b;0;;;")]
    public void A_header_that_cannot_be_read_is_a_fault_and_the_tenant_is_the_topics(string header)
    {
        var (fault, origin) = Read(Record(7, Value.Bytes(), Header(header)));
        Assert.Equal(new EventFault(FaultReason.InvalidHeader, "ingest"), fault);
        Assert.Equal(("topic-tenant", Logged * 1000), (origin.Tenant, origin.LoggedAtUs));
    }

    [Fact]
    public void Other_headers_are_nobodys_business_and_the_last_of_ours_counts()
    {
        Assert.Equal("topic-tenant", Read(Record(7, Value.Bytes(), Header("nonsense", "traceparent"))).Origin.Tenant);
        var headers = Header("nonsense");
        headers.Add("ingest", $"1;{Logged};team;;0;;;".Bytes());
        Assert.Equal((EventFault.None, "team"), (Read(Record(7, Value.Bytes(), headers)).Fault, Read(Record(7, Value.Bytes(), headers)).Origin.Tenant));
    }

    [Theory]
    [InlineData(TimestampType.LogAppendTime, Logged, Logged, Logged)]
    [InlineData(TimestampType.CreateTime, Logged, Logged, Now)]
    [InlineData(TimestampType.CreateTime, -1, Now, Now)]
    [InlineData(TimestampType.NotAvailable, 0, Now, Now)]
    public void The_time_of_receipt_is_the_records_and_that_of_the_log_the_brokers_or_ours(TimestampType type, long recordMs, long receivedMs, long loggedMs)
    {
        var (fault, origin) = Read(Record(7, Value.Bytes(), timestampMs: recordMs, type: type));
        Assert.Equal(EventFault.None, fault);
        Assert.Equal((receivedMs * 1000, loggedMs * 1000), (origin.ReceivedAtUs, origin.LoggedAtUs));
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(253_402_300_799_999)]
    [InlineData(long.MinValue)]
    public void A_producers_impossible_time_overflows_nothing(long recordMs)
    {
        // A timestamp that the calendar cannot hold is one the client cannot either.
        foreach (var stamp in (string[])["9999-12-31T23:59:60-23:59", "9000-01-01T12:00:00Z", "0001-01-01T00:00:00+23:59", "2024-01-01T00:00:00Z"])
        {
            var record = Record(7, Value.Replace("2024-01-01T00:00:00Z", stamp, StringComparison.Ordinal).Bytes(), type: TimestampType.CreateTime);
            record.Message.Timestamp = recordMs is long.MaxValue or long.MinValue ? new Timestamp(recordMs > 0 ? 253_402_300_799_999 : -62_135_596_800_000, TimestampType.CreateTime) : new Timestamp(recordMs, TimestampType.CreateTime);
            var (fault, origin) = Read(record);
            if (!fault.Exists)
                Assert.InRange(DateTime.UnixEpoch.AddTicks(origin.OccurredAtUs * 10), DateTime.UnixEpoch, DateTime.MaxValue);
            Assert.InRange(DateTime.UnixEpoch.AddTicks(origin.LoggedAtUs * 10), DateTime.UnixEpoch, DateTime.MaxValue);
        }
    }

    [Fact]
    public void A_clock_that_is_visibly_wrong_is_corrected_by_the_header()
    {
        // Sent two hours in the future, dated ten minutes before that.
        var header = $"1;{Logged};;b;0;{Logged + 7_200_000};;";
        var value = Value.Replace("2024-01-01T00:00:00Z", "2024-01-01T01:50:00Z", StringComparison.Ordinal);
        var (fault, origin) = Read(Record(7, value.Bytes(), Header(header)));
        Assert.Equal((EventFault.None, true, (Logged - 600_000) * 1000), (fault, origin.Corrected, origin.OccurredAtUs));
    }

    [Theory]
    [InlineData(null, FaultReason.MalformedJson)]
    [InlineData("", FaultReason.MalformedJson)]
    [InlineData("{}", FaultReason.MissingField)]
    [InlineData("\ufeff{}", FaultReason.MalformedJson)]
    public void What_is_no_event_has_its_reason_and_its_place(string? value, FaultReason reason)
    {
        var (fault, origin) = Read(Record(7, value?.Bytes(), Header($"1;{Logged};team;b;0;;;")));
        Assert.Equal((reason, "team", Logged * 1000), (fault.Reason, origin.Tenant, origin.LoggedAtUs));
    }

    [Fact]
    public void A_time_outside_the_bounds_is_judged_by_the_receipt()
    {
        foreach (var (stamp, valid) in ((string, bool)[])[("2024-01-02T00:00:00Z", true), ("2024-01-02T00:00:00.000001Z", false), ("1999-12-31T23:59:59Z", false), ("2000-01-01T00:00:00Z", true)])
            Assert.Equal((stamp, valid), (stamp, !Read(Record(7, Value.Replace("2024-01-01T00:00:00Z", stamp, StringComparison.Ordinal).Bytes())).Fault.Exists));
    }
}
