using System.Globalization;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Pipeline.Processors.Failures;
using Pipeline.Processors.Failures.RabbitMq;
using Pipeline.Sinks.Postgres.Erasure;

namespace Pipeline.Processors.Erasure;

/// <summary>When what no erasure reaches goes by age: asked when an erasure is carried out, because settings change, and kept with its receipt.</summary>
/// <param name="rabbit">Null where this processor was given no RabbitMQ.</param>
sealed class Expiries(IAdminClient admin, KafkaOptions kafka, RabbitMqOptions? rabbit, TimeProvider clock)
{
    const string Kafka = "kafka", RabbitMq = "rabbitmq";

    static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    /// <param name="until">What is erased was received until then.</param>
    public async Task<IReadOnlyList<ErasureExpiry>> ReadAsync(DateTime until, CancellationToken stop) => [.. await TopicsAsync(until, stop), .. Queues(until)];

    IEnumerable<string> Topics => kafka.Events.Select(t => t.Name).Concat(kafka.Requests.Select(t => t.Name)).Append(kafka.ResultsTopic).Distinct();

    /// <summary>Events, and requests and their results, which may name users: these only where they are, because not every installation analyses. Where they are is not known of a broker that is away.</summary>
    async Task<IEnumerable<ErasureExpiry>> TopicsAsync(DateTime until, CancellationToken stop)
    {
        try
        {
            var topics = Topics.Select(name => new ConfigResource { Type = ResourceType.Topic, Name = name });
            var answer = await admin.DescribeConfigsAsync(topics, new DescribeConfigsOptions { RequestTimeout = Timeout }).WaitAsync(Timeout * 2, clock, stop);
            return answer.Select(t => OfTopic(t.ConfigResource.Name, t.Entries.ToDictionary(e => e.Key, e => e.Value.Value), until));
        }
        catch (DescribeConfigsException e)
        {
            return e.Results.Where(t => t.Error.Code != ErrorCode.UnknownTopicOrPart || kafka.Events.Any(o => o.Name == t.ConfigResource.Name)).Select(t => t.Error.IsError
                ? new ErasureExpiry(Kafka, t.ConfigResource.Name, null, $"not known: the broker did not say its retention ({t.Error.Reason})")
                : OfTopic(t.ConfigResource.Name, t.Entries.ToDictionary(c => c.Key, c => c.Value.Value), until));
        }
        catch (Exception e) when (e is KafkaException or TimeoutException or ObjectDisposedException)
        {
            // No right to read it, no admin API, or away: the erasure does not wait for it, and the next attempt, if there is one, asks again.
            return Topics.Select(name => new ErasureExpiry(Kafka, name, null, $"not known: the broker did not say its retention ({e.Message})"));
        }
    }

    /// <summary>
    /// The latest time. A segment goes as a whole when its youngest record is older than retention.ms; it is no longer written when its first is older than segment.ms.
    /// </summary>
    public static ErasureExpiry OfTopic(string topic, IReadOnlyDictionary<string, string> settings, DateTime until)
    {
        if (!settings.GetValueOrDefault("cleanup.policy", "delete").Contains("delete", StringComparison.Ordinal))
            return new ErasureExpiry(Kafka, topic, null, "without limit: cleanup.policy deletes nothing by age");
        if (Milliseconds(settings, "retention.ms") is not { } retention)
            return new ErasureExpiry(Kafka, topic, null, "not known: the broker did not say its retention");
        if (retention < 0)
            return new ErasureExpiry(Kafka, topic, null, $"without limit: retention.ms is {retention}, so that the records stay until somebody removes them");
        var (segment, delay) = (Milliseconds(settings, "segment.ms") ?? 0, Milliseconds(settings, "file.delete.delay.ms") ?? 0);
        var whose = settings.GetValueOrDefault("message.timestamp.type") == "CreateTime" ? "; by the producers' own times" : "";
        var note = $"retention.ms {retention} after the youngest record of the segment, which holds records of up to segment.ms {segment}, and file.delete.delay.ms {delay}, at the broker's next look{whose}";
        // A retention beyond the calendar is as good as none.
        return (double)retention + segment + delay is var sum && sum >= (DateTime.MaxValue - until).TotalMilliseconds
            ? new ErasureExpiry(Kafka, topic, null, $"without limit: retention.ms is {retention}") : new ErasureExpiry(Kafka, topic, until.AddMilliseconds(sum), note);
    }

    IEnumerable<ErasureExpiry> Queues(DateTime until)
    {
        if (rabbit is null)
            return [new ErasureExpiry(RabbitMq, "queues of failures", null, "not known: the processor that erased was given no RabbitMQ")];
        var ladder = new RetrySchedule(rabbit.Delays, rabbit.AttemptsMax).Whole;
        return
        [
            new ErasureExpiry(RabbitMq, "queues of retries", until + ladder, $"the delays of all attempts together, {ladder}; where no processor takes them, a message waits in its work queue besides"),
            new ErasureExpiry(RabbitMq, "queues of long requests and of what is tried alone", null, "do not expire: each message goes when it has had its turn; what is answered then about erased events is not stored"),
            new ErasureExpiry(RabbitMq, new RabbitMqNames(rabbit.Prefix).DeadLetters, null, "does not expire: role failures takes each letter into PostgreSQL as it comes, where none is stored that the erasure covers"),
        ];
    }

    static long? Milliseconds(IReadOnlyDictionary<string, string> settings, string name) =>
        settings.TryGetValue(name, out var text) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var ms) ? ms : null;
}
