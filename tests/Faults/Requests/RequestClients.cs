using System.Net;
using System.Net.Http.Headers;
using Pipeline.Faults.Harness;

namespace Pipeline.Faults.Requests;

/// <summary>
/// Clients of Ingest's <c>compute</c>, at a steady rate. Most send a request again until it has its final answer; of those that were accepted, some are cancelled, and some ids are used a second time.
/// </summary>
sealed class RequestClients(Func<Uri?> ingest, RequestLedger ledger, RequestShape shape, Random random) : IDisposable
{
    const int UnderWayMax = 200;
    static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(15), ResendPause = TimeSpan.FromMilliseconds(400);

    readonly HttpClient _http = new() { Timeout = AnswerWithin };
    readonly RequestTraffic _traffic = new(random, shape);
    readonly List<Task> _underWay = [];
    readonly CancellationTokenSource _giveUp = new();

    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / shape.HttpPerSecond));
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
            {
                _underWay.RemoveAll(t => t.IsCompletedSuccessfully);
                if (_underWay.Count < UnderWayMax)
                    _underWay.Add(SendAsync(NextPlan()));
            }
        }
        catch (OperationCanceledException)
        {
            // The load is over.
        }
    }

    /// <summary>Waits for every answer, or gives up what has none by then: it stays unknown.</summary>
    public async Task SettleAsync(TimeSpan within)
    {
        _giveUp.CancelAfter(within);
        await Task.WhenAll(_underWay);
    }

    /// <summary>Everything that is chance about one request: chosen here, on one thread, so that a seed repeats it.</summary>
    /// <param name="Then">A request of the same id, sent once this one is accepted.</param>
    sealed record Plan(AskedRequest Asked, bool Twice, bool Resends, bool Cancels, AskedRequest? Then);

    Plan NextPlan()
    {
        var asked = ledger.Note(_traffic.Next(byHttp: true));
        var then = asked.Expected.Ending != Ending.Refused && random.NextDouble() < shape.ConflictShare ? ledger.Note(_traffic.Conflicting(asked, byHttp: true)) : null;
        return new Plan(asked, random.NextDouble() < shape.TwiceShare, random.NextDouble() < shape.ResendShare, random.NextDouble() < shape.CancelShare, then);
    }

    async Task SendAsync(Plan plan)
    {
        var told = plan.Twice ? Better(await Task.WhenAll(PostAsync(plan.Asked), PostAsync(plan.Asked))) : await PostAsync(plan.Asked);
        while (told == Told.Unknown && plan.Resends && !_giveUp.IsCancellationRequested)
        {
            await Task.Delay(ResendPause);
            told = await PostAsync(plan.Asked);
        }
        if (told != Told.Ok)
            return;
        if (plan.Cancels)
            ledger.Cancel(plan.Asked, await CancelAsync(plan.Asked));
        if (plan.Then is { } other)
            await PostAsync(other);
    }

    static Told Better(Told[] told) => told.Contains(Told.Ok) ? Told.Ok : told.Contains(Told.Unknown) ? Told.Unknown : Told.Refused;

    async Task<Told> PostAsync(AskedRequest asked)
    {
        using var content = new ByteArrayContent(asked.Bytes) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        var told = await AskAsync(HttpMethod.Post, "api/v1/compute", content) switch
        {
            HttpStatusCode.Accepted => Told.Ok,
            HttpStatusCode.BadRequest or HttpStatusCode.Conflict => Told.Refused,
            _ => Told.Unknown,
        };
        ledger.Told.Write(asked.Mark, told);
        return told;
    }

    async Task<CancelWord> CancelAsync(AskedRequest asked) => await AskAsync(HttpMethod.Delete, $"api/v1/task/{asked.Id}") switch
    {
        HttpStatusCode.OK => CancelWord.Cancelled,
        HttpStatusCode.Conflict => CancelWord.TooLate,
        HttpStatusCode.NotFound => CancelWord.Missing,
        _ => CancelWord.Unknown,
    };

    /// <returns>Null where no answer came.</returns>
    async Task<HttpStatusCode?> AskAsync(HttpMethod method, string path, HttpContent? content = null)
    {
        try
        {
            using var request = new HttpRequestMessage(method, new Uri(ingest() ?? throw new HttpRequestException("no host"), path)) { Content = content };
            using var answer = await _http.SendAsync(request);
            return answer.StatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        _http.Dispose();
        _giveUp.Dispose();
    }
}
