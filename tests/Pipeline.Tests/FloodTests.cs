using System.Net;
using System.Text;
using System.Text.Json;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>A client whose events all become dead letters: its tenant is turned away for a while, and let in again.</summary>
public sealed class FloodTests
{
    const int BatchEvents = 100;
    static readonly TimeSpan Window = TimeSpan.FromSeconds(4);

    [Fact]
    public async Task Ingest_answers_429_while_a_tenant_floods_the_dead_letters_and_nothing_accepted_is_lost()
    {
        await using var pipeline = await PipelineUnderTest.CreateAsync(2);
        await pipeline.StartProcessorsAsync(("Pipeline__DeadLetterQuota__Window", $"{Window}"), ("Pipeline__DeadLetterQuota__DeadLettersMin", "150"));
        var ingest = await pipeline.StartIngestAsync();
        var accepted = 0;
        HttpResponseMessage answer;
        // One id over and over, each time with another content: only the first of all is stored.
        for (; (answer = await PostAsync(ingest, accepted)).StatusCode == HttpStatusCode.OK; accepted++)
            await Until.TrueAsync("the batch is stored", TimeSpan.FromSeconds(30), async () => await pipeline.PassedAsync() >= (accepted + 1) * BatchEvents);
        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        using var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        Assert.Equal("tenant_flood", problem.RootElement.GetProperty("code").GetString());
        Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), Window + TimeSpan.FromSeconds(1));

        await Until.TrueAsync("the tenant is let in again", TimeSpan.FromSeconds(30), async () => (await PostAsync(ingest, accepted)).StatusCode == HttpStatusCode.OK);
        await pipeline.StoredToTheEndAsync();
        Assert.Equal(new Outcomes(Stored: 1, DeadLettered: ((accepted + 1) * BatchEvents) - 1), await pipeline.Database.OutcomesAsync());
        await pipeline.Watch.AssertAlwaysZeroAsync();
    }

    static async Task<HttpResponseMessage> PostAsync(HostProcess ingest, int batch)
    {
        var events = Enumerable.Range(0, BatchEvents).Select(i =>
            $$$"""{"event_id":"00000000-0000-8000-8000-000000000001","event_type":"annotation","timestamp":"2024-05-01T00:00:00Z","user_id":"u","project_id":"p","data":{"type":"create","annotationType":"box","duration":{{{(batch * BatchEvents) + i}}},"success":true}}""");
        using var content = new StringContent($$"""{"batch_id":"flood-{{batch}}","events":[{{string.Join(',', events)}}]}""", Encoding.UTF8, "application/json");
        return await PipelineUnderTest.Http.PostAsync(new Uri(ingest.Url, "api/v1/events/batch"), content);
    }
}
