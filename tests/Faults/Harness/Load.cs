using Pipeline.Faults.Requests;

namespace Pipeline.Faults.Harness;

/// <summary>Clients of both kinds, from a moment to another.</summary>
sealed class Load(FaultRun run) : IAsyncDisposable
{
    readonly CancellationTokenSource _stop = new();
    readonly HttpClients _http = new(() => run.IngestAddress(), run.Ledger, run.Fault.Load, new Random(run.Random.Next()));
    Task _running = Task.CompletedTask;

    public DirectProducer Direct { get; } = new(run.Brokers, run.Topic.Name, run.Ledger, run.Fault.Load, new Random(run.Random.Next()));

    /// <summary>Null where the fault has none.</summary>
    public RequestLoad? Requests { get; } = run.Fault.Requests is { } shape ? new RequestLoad(run, shape) : null;

    public void Begin() => _running = Task.WhenAll(_http.RunAsync(_stop.Token), Direct.RunAsync(_stop.Token), Requests?.RunAsync(_stop.Token) ?? Task.CompletedTask);

    /// <summary>Sends nothing new; what waits to be sent again has this long.</summary>
    public async Task EndAsync(TimeSpan within)
    {
        await _stop.CancelAsync();
        await _running;
        await Task.WhenAll(_http.SettleAsync(within), Direct.SettleAsync(), Requests?.SettleAsync(within) ?? Task.CompletedTask);
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync(TimeSpan.Zero);
        _http.Dispose();
        Direct.Dispose();
        Requests?.Dispose();
        _stop.Dispose();
    }
}
