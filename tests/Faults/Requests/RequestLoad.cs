using Npgsql;
using Pipeline.Faults.Catalogue;
using Pipeline.Faults.Harness;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Requests;

/// <summary>Requests of both kinds of clients, beside the events, from a moment to another.</summary>
sealed class RequestLoad(FaultRun run, RequestShape shape) : IDisposable
{
    const string NotEnded = """
        SELECT count(*) FROM unnest($1::text[]) AS g(id) WHERE NOT EXISTS (SELECT FROM control.tasks t WHERE t.tenant = 'default' AND t.request_id = g.id AND t.state >= 7)
        """;

    readonly RequestLedger _ledger = new();
    RequestClients? _http;
    DirectRequests? _direct;

    public RequestLedger Ledger => _ledger;

    public RequestShape Shape => shape;

    public DirectRequests Direct => _direct ?? throw new InvalidOperationException("the load has not begun");

    public Task RunAsync(CancellationToken stop)
    {
        _http = new RequestClients(() => run.IngestAddress(), _ledger, shape, new Random(run.Random.Next()));
        _direct = new DirectRequests(run.Brokers, run.Requests!.Name, _ledger, shape, new Random(run.Random.Next()));
        return Task.WhenAll(_http.RunAsync(stop), _direct.RunAsync(stop));
    }

    public async Task SettleAsync(TimeSpan within)
    {
        if (_http is not null)
            await Task.WhenAll(_http.SettleAsync(within), Direct.SettleAsync());
    }

    /// <summary>Waits until each of these has one of the final states.</summary>
    public Task EndedAsync(string[] ids, TimeSpan within) => Until.TrueAsync($"{ids.Length} accepted requests have ended", within, async () =>
    {
        try
        {
            return $"{await run.Database.ValueAsync<long>(NotEnded, (object)ids)} have not";
        }
        catch (NpgsqlException e) when (e.IsTransient)
        {
            return e.Message;
        }
    }, left => left == "0 have not");

    /// <summary>Waits until what is in the topic has ended as well, whatever its client was told, and no queue holds anything.</summary>
    public async Task SettledAsync(TimeSpan within)
    {
        var ends = await run.EndsAsync(run.Requests!);
        await EndedAsync(await Task.Run(() => TopicRecords.Read(run.Brokers, run.Requests!.Name, ends).Select(m => System.Text.Encoding.UTF8.GetString(m.Key)).Distinct().ToArray()), within);
        if (shape.UnreadEnds)
            await Until.TrueAsync("what nobody read is given up", within, () => run.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks WHERE state < 7"), n => n == 0);
        await new RabbitQueues(run, "analysis").SettledAsync(within);
    }

    public Task EndedAtLeastAsync(int count, TimeSpan within) =>
        Until.TrueAsync($"{count} requests have ended", within, () => run.Database.ValueAsync<long>("SELECT count(*) FROM control.tasks WHERE state >= 7"), n => n >= count);

    public void Dispose()
    {
        _http?.Dispose();
        _direct?.Dispose();
    }
}
