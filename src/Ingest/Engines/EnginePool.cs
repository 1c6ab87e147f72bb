using System.Net;
using Microsoft.Extensions.Options;

namespace Pipeline.Ingest.Engines;

/// <summary>An engine as <c>/health</c> shows it.</summary>
/// <param name="Pending">Requests that wait for its answer.</param>
/// <param name="LastError">Why it is avoided now; null where it is not.</param>
public sealed record EngineState(Uri Address, int Pending, string? LastError);

/// <summary>
/// The engines that execute analyses. A request goes to the one with the fewest pending ones; where that cannot be reached, ends in the middle, or has no room, to the next:
/// an analysis changes nothing, so that asking again is safe.
/// </summary>
sealed class EnginePool : IDisposable
{
    readonly Engine[] _engines;
    readonly TimeSpan _avoidFor;
    readonly TimeProvider _clock;
    readonly HttpClient _http;
    int _turn;

    public EnginePool(IOptions<EngineOptions> options, TimeProvider clock)
    {
        _engines = [.. options.Value.Engines.Select(e => new Engine(new Uri(e.TrimEnd('/') + "/")))];
        (_avoidFor, _clock) = (options.Value.AvoidFor, clock);
        // How long an answer takes is the request's own timeout, which the engine keeps.
        _http = new HttpClient(new SocketsHttpHandler { ConnectTimeout = options.Value.ConnectTimeout, AutomaticDecompression = DecompressionMethods.None }) { Timeout = Timeout.InfiniteTimeSpan };
    }

    sealed class Engine(Uri address)
    {
        public Uri Address => address;
        public int Pending;
        public DateTimeOffset AvoidUntil;
        public string? LastError;
    }

    public bool IsEmpty => _engines.Length == 0;

    public IReadOnlyList<EngineState> States => [.. _engines.Select(e => new EngineState(e.Address, Volatile.Read(ref e.Pending), e.AvoidUntil > _clock.GetUtcNow() ? e.LastError : null))];

    /// <param name="path">Below the engine's address.</param>
    /// <param name="body">Null for GET.</param>
    /// <param name="answer">Takes the answer on. It is called once at most.</param>
    /// <returns>Null, or why nobody answered.</returns>
    public async Task<string?> AskAsync(string path, ReadOnlyMemory<byte>? body, Func<HttpResponseMessage, Task> answer, CancellationToken stop)
    {
        var errors = new List<string>();
        var turn = Interlocked.Increment(ref _turn);
        // Equals take turns.
        var order = _engines.Select((engine, i) => (engine, i)).OrderBy(e => e.engine.AvoidUntil > _clock.GetUtcNow()).ThenBy(e => Volatile.Read(ref e.engine.Pending))
            .ThenBy(e => (uint)(e.i + turn) % _engines.Length).Select(e => e.engine).ToList();
        for (var i = 0; i < order.Count; i++)
        {
            var engine = order[i];
            Interlocked.Increment(ref engine.Pending);
            try
            {
                using var request = new HttpRequestMessage(body is null ? HttpMethod.Get : HttpMethod.Post, new Uri(engine.Address, path));
                if (body is { } bytes)
                    request.Content = new ReadOnlyMemoryContent(bytes) { Headers = { ContentType = new("application/json") } };
                // The whole answer is here before any of it goes on, so that an engine that ends in its middle costs nothing but time.
                using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseContentRead, stop);
                if (response.StatusCode == HttpStatusCode.TooManyRequests && i < order.Count - 1)
                    continue;
                await answer(response);
                return null;
            }
            catch (Exception e) when (e is HttpRequestException or IOException)
            {
                (engine.AvoidUntil, engine.LastError) = (_clock.GetUtcNow() + _avoidFor, e.Message);
                errors.Add($"{engine.Address}: {e.Message}");
            }
            finally
            {
                Interlocked.Decrement(ref engine.Pending);
            }
        }
        return string.Join("; ", errors);
    }

    public void Dispose() => _http.Dispose();
}
