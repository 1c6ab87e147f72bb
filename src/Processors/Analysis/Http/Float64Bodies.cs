using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Pipeline.Contracts.Analysis;
using Pipeline.Sinks.Hosting;

namespace Pipeline.Processors.Analysis.Http;

/// <summary>Reads bodies of raw little-endian float64 straight into pooled memory, which kernels read and workers are given a copy of. What may be held is asked for before it is rented.</summary>
sealed class Float64Bodies(AnalysisEngine engine, AnalysisSettings settings, InFlightBytes budget)
{
    const int FirstBytes = 64 * 1024;

    /// <param name="execute">Has the numbers until it completes. Says whether nothing reads them any more: a kernel that was left behind by a timeout may.</param>
    public async Task ReadAsync(HttpContext http, int columns, Func<ReadOnlyMemory<double>, Task<bool>> execute, Func<AnalysisFault, int?, Task> fail)
    {
        if (Refuse(http.Request) is { } refusal)
        {
            await RefuseAsync(http, refusal, fail);
            return;
        }
        using var body = new Rented(budget);
        try
        {
            if (await FillAsync(http, body) is { } fault)
                await RefuseAsync(http, fault, fail);
            else if (body.Bytes % (sizeof(double) * columns) != 0)
                await fail(new AnalysisFault(AnalysisFaultCode.InvalidRequest, $"{body.Bytes} bytes are no whole number of rows of {columns} 8-byte floats."), null);
            else
            {
                body.MayReturn = false;
                body.MayReturn = await execute(body.Values);
            }
        }
        catch (Exception e) when (http.RequestAborted.IsCancellationRequested && e is OperationCanceledException or ConnectionResetException or ConnectionAbortedException or BadHttpRequestException)
        {
            // The client has gone: nobody reads an answer.
        }
    }

    /// <summary>What can be said before a byte of the body is asked for: a client that waits for 100 Continue has sent nothing yet.</summary>
    AnalysisFault? Refuse(HttpRequest request)
    {
        if (request.Headers.ContentEncoding.ToString().ToLowerInvariant() is not ("" or "identity"))
            return new AnalysisFault(AnalysisFaultCode.InvalidRequest, "A float64 body has no Content-Encoding but identity.");
        if (request.ContentLength > settings.Float64BytesMax)
            return TooLarge();
        return engine.Running >= settings.MaxConcurrent ? new AnalysisFault(AnalysisFaultCode.Overloaded, $"{settings.MaxConcurrent} analyses run already.") : null;
    }

    async Task<AnalysisFault?> FillAsync(HttpContext http, Rented body)
    {
        http.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize = null;
        // By HTTP/2 the server would end the whole connection; the time for all of the body is kept here.
        if (HttpProtocol.IsHttp2(http.Request.Protocol))
            http.Features.Get<IHttpMinRequestBodyDataRateFeature>()?.MinDataRate = null;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
        patience.CancelAfter(settings.BodyTimeout);
        if (!body.TryGrow((int)(http.Request.ContentLength ?? FirstBytes)))
            return Overloaded();
        try
        {
            var reader = http.Request.BodyReader;
            while (true)
            {
                var read = await reader.ReadAsync(patience.Token);
                var bytes = read.Buffer.Length;
                if (body.Bytes + bytes > settings.Float64BytesMax)
                    return TooLarge();
                if (!body.TryGrow((int)(body.Bytes + bytes)))
                    return Overloaded();
                body.Add(read.Buffer);
                reader.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                    return null;
            }
        }
        catch (Exception e) when (!http.RequestAborted.IsCancellationRequested && e is OperationCanceledException or BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout })
        {
            return new AnalysisFault(AnalysisFaultCode.Timeout, $"The body did not come within {settings.BodyTimeout.TotalSeconds} s, or not fast enough.");
        }
    }

    static Task RefuseAsync(HttpContext http, AnalysisFault fault, Func<AnalysisFault, int?, Task> fail)
    {
        // What is left of the body is not read: by HTTP/1.1 the connection cannot carry another request.
        if (!HttpProtocol.IsHttp2(http.Request.Protocol))
            http.Response.Headers.Connection = "close";
        return fail(fault, fault.Reason == AnalysisFaultCode.Timeout ? StatusCodes.Status408RequestTimeout : null);
    }

    AnalysisFault TooLarge() => new(AnalysisFaultCode.TooLarge, $"The body is larger than {settings.Float64BytesMax} bytes.");

    AnalysisFault Overloaded() => new(AnalysisFaultCode.Overloaded, $"Bodies of {budget.Max} bytes are being worked on already.");

    /// <summary>One array of the pool that grows with what comes.</summary>
    sealed class Rented(InFlightBytes budget) : IDisposable
    {
        double[] _values = [];
        long _reserved;

        public int Bytes { get; private set; }

        /// <summary>An array that somebody may still read goes to the garbage collector instead.</summary>
        public bool MayReturn { get; set; } = true;

        public ReadOnlyMemory<double> Values => _values.AsMemory(0, Bytes / sizeof(double));

        public bool TryGrow(int bytes)
        {
            if (bytes <= _values.Length * sizeof(double))
                return true;
            // The pool's arrays have a power of two of elements; that is what is counted.
            var room = (long)BitOperations.RoundUpToPowerOf2((ulong)Math.Max(bytes, FirstBytes));
            if (!budget.TryReserve(room - _reserved))
                return false;
            var larger = ArrayPool<double>.Shared.Rent((int)(room / sizeof(double)));
            _values.AsSpan(0, (Bytes + sizeof(double) - 1) / sizeof(double)).CopyTo(larger);
            Return();
            (_values, _reserved) = (larger, room);
            return true;
        }

        public void Add(in ReadOnlySequence<byte> piece)
        {
            piece.CopyTo(MemoryMarshal.AsBytes(_values.AsSpan())[Bytes..]);
            Bytes += (int)piece.Length;
        }

        void Return()
        {
            if (_values.Length > 0 && MayReturn)
                ArrayPool<double>.Shared.Return(_values);
        }

        public void Dispose()
        {
            Return();
            budget.Release(_reserved);
        }
    }
}
