using Npgsql;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres.Erasure;

namespace Pipeline.Processors.Erasure;

/// <summary>One store from which a user's events are deleted.</summary>
/// <param name="Name">As receipts name it.</param>
/// <param name="EraseAsync">Deletes what is there and says what that was, by kind. Repeated, it deletes what is left.</param>
/// <param name="FindAsync">A scan: what is still there, by place. Empty when the store is done.</param>
sealed record ErasedStore(string Name, Func<ErasureRequest, CancellationToken, Task<IReadOnlyDictionary<string, long>>> EraseAsync,
    Func<ErasureRequest, CancellationToken, Task<IReadOnlyDictionary<string, long>>> FindAsync);

/// <param name="Sessions">In no pool: they hold a lock, or settings of their own.</param>
/// <param name="Armed">Told of the points that an erasure passes; null in operation.</param>
sealed record ErasureTools(ErasureRequests Requests, NpgsqlDataSource Sessions, Task SchemaReady, Action<ErasurePoint>? Armed);

/// <summary>
/// Carries erasures out, for each store on its own: deletes, scans, and writes both in the receipt. Any number of processes may run it: a lock lets one of them at a store's work.
/// What is open is read from the store, so that a crash at any line, or a store that is down, leaves it open, and it is taken up again.
/// </summary>
sealed class ErasureWorker(ErasedStore store, ErasureTools tools, TimeProvider clock, ILogger<ErasureWorker> log) : BackgroundService
{
    static readonly TimeSpan Pause = TimeSpan.FromSeconds(1), AfterFailure = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await tools.SchemaReady.WaitAsync(stoppingToken);
        var isRegistered = false;
        while (!stoppingToken.IsCancellationRequested)
        {
            var pause = Pause;
            try
            {
                if (!isRegistered)
                    await tools.Requests.RegisterAsync(store.Name, stoppingToken);
                isRegistered = true;
                await using var turn = await TurnAsync(stoppingToken);
                if (turn is not null)
                    foreach (var request in await tools.Requests.OpenAsync(store.Name, stoppingToken))
                        if (!await TryEraseAsync(request, stoppingToken))
                            pause = AfterFailure;
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                log.ErasureFailed(store.Name, e.Message);
                pause = AfterFailure;
            }
            await Task.Delay(pause, clock, stoppingToken);
        }
    }

    /// <returns>False when it failed; the others are carried out all the same.</returns>
    async Task<bool> TryEraseAsync(ErasureRequest request, CancellationToken stop)
    {
        IReadOnlyDictionary<string, long> deleted = new Dictionary<string, long>();
        try
        {
            tools.Armed?.Invoke(ErasurePoint.TakenUp);
            // 1. Deleted. A crash after it loses the counts of the receipt and nothing else.
            deleted = await store.EraseAsync(request, stop);
            // 2. Looked through. Whatever is found is deleted the next time.
            var found = await store.FindAsync(request, stop);
            if (found.Count == 0)
                tools.Armed?.Invoke(ErasurePoint.BeforeReceipt);
            // 3. The receipt; with the last store's the user's name goes.
            await tools.Requests.NoteAsync(request.Id, store.Name, deleted, found.Count == 0 ? null : $"still there: {string.Join(", ", found.Select(f => $"{f.Value} in {f.Key}"))}", found.Count == 0, stop);
            log.Erased(store.Name, request.Id, found.Count == 0);
            return true;
        }
        catch (Exception e) when (!stop.IsCancellationRequested && FailureClassifier.Classify(e).Kind != FailureKind.Stopped)
        {
            await tools.Requests.NoteAsync(request.Id, store.Name, deleted, e.Message, verified: false, stop);
            log.ErasureFailed(store.Name, e.Message);
            return false;
        }
    }

    /// <summary>The lock is the session's, which must not go back to a pool with it.</summary>
    /// <returns>Null while another process has it.</returns>
    async Task<NpgsqlConnection?> TurnAsync(CancellationToken stop)
    {
        var connection = await tools.Sessions.OpenConnectionAsync(stop);
        try
        {
            await using var command = new NpgsqlCommand("SELECT pg_try_advisory_lock(hashtextextended('pipeline.erasure.' || $1, 0))", connection) { Parameters = { new() { Value = store.Name } } };
            if ((bool)(await command.ExecuteScalarAsync(stop))!)
                return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
        await connection.DisposeAsync();
        return null;
    }
}
