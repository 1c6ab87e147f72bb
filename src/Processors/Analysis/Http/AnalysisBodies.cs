using System.Buffers;
using Pipeline.Contracts.Analysis;
using Pipeline.Sinks.Hosting;

namespace Pipeline.Processors.Analysis.Http;

/// <summary>Reads bodies whole, each bounded, and all of them together: what reading makes of a body takes many times its bytes, before the engine counts the request.</summary>
sealed class AnalysisBodies(AnalysisSettings settings)
{
    const int Step = 64 * 1024;

    readonly InFlightBytes _budget = new(4L * settings.BodyBytesMax);

    /// <param name="use">Has the body until it completes.</param>
    public async Task ReadAsync(HttpContext http, Func<ReadOnlyMemory<byte>, Task> use, Func<AnalysisFault, Task> fail)
    {
        // A body that does not say its length is taken for the longest there may be.
        var reserved = http.Request.ContentLength ?? settings.BodyBytesMax;
        if (reserved > settings.BodyBytesMax)
        {
            await TooLargeAsync(http, fail);
            return;
        }
        if (!_budget.TryReserve(reserved))
        {
            await fail(new AnalysisFault(AnalysisFaultCode.Overloaded, $"Bodies of {_budget.Max} bytes are being worked on already."));
            return;
        }
        try
        {
            var body = new ArrayBufferWriter<byte>(Step);
            for (int read; (read = await http.Request.Body.ReadAsync(body.GetMemory(Step), http.RequestAborted)) > 0;)
            {
                body.Advance(read);
                if (body.WrittenCount > settings.BodyBytesMax)
                {
                    await TooLargeAsync(http, fail);
                    return;
                }
            }
            await use(body.WrittenMemory);
        }
        finally
        {
            _budget.Release(reserved);
        }
    }

    Task TooLargeAsync(HttpContext http, Func<AnalysisFault, Task> fail)
    {
        // What is left of the body is not read: the connection cannot carry another request.
        http.Response.Headers.Connection = "close";
        return fail(new AnalysisFault(AnalysisFaultCode.TooLarge, $"The body is larger than {settings.BodyBytesMax} bytes."));
    }
}
