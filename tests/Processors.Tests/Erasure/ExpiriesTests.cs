using Pipeline.Processors.Erasure;

namespace Pipeline.Processors.Tests.Erasure;

public sealed class ExpiriesTests
{
    static readonly DateTime Until = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    static readonly Dictionary<string, string> Usual = new()
    {
        ["cleanup.policy"] = "delete", ["retention.ms"] = "3600000", ["segment.ms"] = "600000", ["file.delete.delay.ms"] = "60000", ["message.timestamp.type"] = "LogAppendTime",
    };

    static Dictionary<string, string> With(string name, string value) => new(Usual) { [name] = value };

    [Fact]
    public void A_topics_records_are_gone_when_the_youngest_of_their_segment_is_past_its_retention()
    {
        var expiry = Expiries.OfTopic("t", Usual, Until);
        Assert.Equal(("kafka", "t", Until.AddMinutes(60 + 10 + 1)), (expiry.Store, expiry.Name, expiry.ExpiresBy));
        Assert.Contains("retention.ms 3600000", expiry.Note, StringComparison.Ordinal);
        Assert.DoesNotContain("producers", expiry.Note, StringComparison.Ordinal);
        Assert.Contains("producers", Expiries.OfTopic("t", With("message.timestamp.type", "CreateTime"), Until).Note, StringComparison.Ordinal);
        Assert.Equal(Until.AddMinutes(71), Expiries.OfTopic("t", With("cleanup.policy", "compact,delete"), Until).ExpiresBy);
    }

    [Theory]
    [InlineData("retention.ms", "-1")]
    [InlineData("retention.ms", "9223372036854775807")]
    [InlineData("segment.ms", "9223372036854775807")]
    [InlineData("cleanup.policy", "compact")]
    public void What_never_expires_says_so(string name, string value)
    {
        var expiry = Expiries.OfTopic("t", With(name, value), Until);
        Assert.Null(expiry.ExpiresBy);
        Assert.StartsWith("without limit", expiry.Note, StringComparison.Ordinal);
    }

    [Fact]
    public void A_broker_that_does_not_say_is_not_taken_for_one_that_keeps_nothing()
    {
        var expiry = Expiries.OfTopic("t", new Dictionary<string, string>(), Until);
        Assert.Null(expiry.ExpiresBy);
        Assert.StartsWith("not known", expiry.Note, StringComparison.Ordinal);
    }
}
