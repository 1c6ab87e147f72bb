using System.Net;
using System.Text.Json;
using Microsoft.Extensions.Options;
using Pipeline.Sinks.Hosting;

namespace Pipeline.Ingest.Engines;

/// <summary>An engine as <c>/health</c> shows it.</summary>
/// <param name="Pending">Requests that wait for its answer.</param>
/// <param name="LastError">Why it is avoided now; null where it is not.</param>
public sealed record EngineState(Uri Address, int Pending, string? LastError);

/// <param name="State">Null where it did not answer: then <paramref name="Error"/> says why.</param>
public sealed record EngineAnswer(Uri Address, int Pending, JsonElement? State, string? Error);

/// <summary>
/// The engines that execute analyses. A request goes to the one with the fewest pending ones; where that cannot be reached, ends in the middle (once), or has no room, to the next:
/// an analysis changes nothing, so that asking again is safe.
/// </summary>
sealed class EnginePool : IDisposable
{
    static readonly TimeSpan StateWithin = TimeSpan.FromSeconds(3);

    /// <summary>An engine that has not said by then whether it takes a streamed body is sent it.</summary>
    static readonly TimeSpan ContinueWithin = TimeSpan.FromSeconds(5);

    readonly Engine[] _engines;
    readonly TimeSpan _avoidFor;
    readonly TimeProvider _clock;
    readonly HttpClient _http;
    int _turn;

    public EnginePool(IOptions<EngineOptions> options, TimeProvider clock)
    {
        _engines = [.. options.Value.Engines.Select(e => new Engine(new Uri(e.TrimEnd('/') + "/")))];
        (_avoidFor, _clock) = (options.Value.AvoidFor, clock);
        Budget = new InFlightBytes(options.Value.InFlightBytesMax);
        // The engine keeps the request's own timeout; this one is for an engine that stands still.
        _http = new HttpClient(new SocketsHttpHandler { ConnectTimeout = options.Value.ConnectTimeout, AutomaticDecompression = DecompressionMethods.None, Expect100ContinueTimeout = ContinueWithin }) { Timeout = options.Value.AnswerTimeout };
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

    /// <summary>Bytes of bodies under way: a budget of their own, so that slow analyses hold no event up.</summary>
    public InFlightBytes Budget { get; }

    /// <param name="path">Below the engine's address.</param>
    /// <param name="body">Null for GET.</param>
    /// <returns>An engine's answer, whole; null where none could be asked: <see cref="States"/> says why.</returns>
    public async Task<HttpResponseMessage?> AskAsync(string path, ReadOnlyMemory<byte>? body, CancellationToken stop)
    {
        var (failed, refusal) = (0, (HttpResponseMessage?)null);
        foreach (var engine in InTurn())
        {
            Interlocked.Increment(ref engine.Pending);
            try
            {
                using var request = new HttpRequestMessage(body is null ? HttpMethod.Get : HttpMethod.Post, new Uri(engine.Address, path));
                if (body is { } bytes)
                    request.Content = new ReadOnlyMemoryContent(bytes) { Headers = { ContentType = new("application/json") } };
                // The whole answer is here before any of it goes on, so that an engine that ends in its middle costs nothing but time.
                var response = await _http.SendAsync(request, HttpCompletionOption.ResponseContentRead, stop);
                refusal?.Dispose();
                refusal = response;
                // Another one may have room; or what this one lacks, or a worker that lives on, which is tried once.
                if (response.StatusCode is not (HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable) || (response.StatusCode == HttpStatusCode.ServiceUnavailable && ++failed > 1))
                    return response;
            }
            catch (Exception e) when (e is HttpRequestException or IOException || (e is TaskCanceledException && !stop.IsCancellationRequested))
            {
                (engine.AvoidUntil, engine.LastError) = (_clock.GetUtcNow() + _avoidFor, e.Message);
                // A request that ended one engine may end the next one as well: after its body was sent it is tried once more, and not carried to all of them.
                if (e is not HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError } && ++failed > 1)
                    break;
            }
            finally
            {
                Interlocked.Decrement(ref engine.Pending);
            }
        }
        return refusal;
    }

    /// <summary>Sends a body as it comes. An engine is asked first whether it takes it (Expect: 100-continue); once it was sent a part, no other can be asked.</summary>
    /// <returns>As <see cref="AskAsync(string, ReadOnlyMemory{byte}?, CancellationToken)"/>; null too where the body itself came to an end: it says why.</returns>
    public async Task<HttpResponseMessage?> StreamAsync(string path, StreamedBody body, CancellationToken stop)
    {
        var refusal = (HttpResponseMessage?)null;
        foreach (var engine in InTurn())
        {
            Interlocked.Increment(ref engine.Pending);
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(engine.Address, path)) { Content = body.Content };
                request.Headers.ExpectContinue = true;
                var response = await _http.SendAsync(request, HttpCompletionOption.ResponseContentRead, stop);
                refusal?.Dispose();
                refusal = response;
                if (body.IsBegun || response.StatusCode is not (HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable))
                    return response;
            }
            catch (Exception e) when (e is HttpRequestException or IOException || (e is TaskCanceledException && !stop.IsCancellationRequested))
            {
                var failedByClient = body.ClientFailure is not null || body.Refusal is not null;
                if (!failedByClient)
                    (engine.AvoidUntil, engine.LastError) = (_clock.GetUtcNow() + _avoidFor, e.Message);
                if (failedByClient || body.IsBegun)
                {
                    refusal?.Dispose();
                    return null;
                }
            }
            finally
            {
                Interlocked.Decrement(ref engine.Pending);
            }
        }
        return refusal;
    }

    /// <summary>What every engine says of itself; its error where it does not answer.</summary>
    public async Task<IResult> AskAllAsync(string path, CancellationToken stop) =>
        TypedResults.Json(new { engines = await AskAllAsync(HttpMethod.Get, path, stop) }, Events.BatchAnswer.Json);

    /// <inheritdoc cref="AskAllAsync(string, CancellationToken)"/>
    public Task<EngineAnswer[]> AskAllAsync(HttpMethod method, string path, CancellationToken stop) => Task.WhenAll(_engines.Select(e => AskAsync(e, method, path, stop)));

    async Task<EngineAnswer> AskAsync(Engine engine, HttpMethod method, string path, CancellationToken stop)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stop);
        deadline.CancelAfter(StateWithin);
        try
        {
            using var request = new HttpRequestMessage(method, new Uri(engine.Address, path));
            using var answer = await _http.SendAsync(request, deadline.Token);
            return new EngineAnswer(engine.Address, Volatile.Read(ref engine.Pending), await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonElement>(deadline.Token), null);
        }
        catch (Exception e) when (!stop.IsCancellationRequested && e is HttpRequestException or IOException or JsonException or OperationCanceledException)
        {
            return new EngineAnswer(engine.Address, Volatile.Read(ref engine.Pending), null, e.Message);
        }
    }

    /// <summary>Those that answer before those that do not, the least busy first; equals take turns.</summary>
    List<Engine> InTurn()
    {
        var (turn, now) = (Interlocked.Increment(ref _turn), _clock.GetUtcNow());
        return [.. _engines.Select((engine, i) => (engine, i)).OrderBy(e => e.engine.AvoidUntil > now).ThenBy(e => Volatile.Read(ref e.engine.Pending))
            .ThenBy(e => (uint)(e.i + turn) % _engines.Length).Select(e => e.engine)];
    }

    public void Dispose() => _http.Dispose();
}
