using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Pipeline.Processors.Analysis.Grpc.StatusMessages;
using Pipeline.Sinks.Hosting;

namespace Pipeline.Processors.Analysis.Grpc;

/// <summary>
/// gRPC over Kestrel's HTTP/2, as PROTOCOL-HTTP2.md and statuscodes.md of gRPC have it: messages of <see cref="GrpcFrames"/>, deadlines, statuses in trailers.
/// Stands in for the package Grpc.AspNetCore.Server, whose dependency Grpc.Net.Common is missing from some feeds; <see cref="GrpcMethod"/> and this file are what it would replace.
/// </summary>
static class GrpcEndpoints
{
    /// <summary>Longer ones are kept by nobody: the engine's own timeouts are at most as long.</summary>
    static readonly TimeSpan DeadlineMax = TimeSpan.FromHours(24);

    const int ResetCancel = 8;

    public static void MapGrpc(this IEndpointRouteBuilder app, IEnumerable<GrpcMethod> methods, GrpcLimits limits)
    {
        var services = app.ServiceProvider;
        var log = services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(GrpcEndpoints));
        var server = new Server(limits, services.GetService<TimeProvider>() ?? TimeProvider.System, log,
            services.GetService<GracefulStop>()?.Refusing ?? services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
        foreach (var method in methods)
            app.MapPost("/" + method.Path, context => AnswerAsync(context, method, server));
        // Only of calls: other paths of two parts stay what they are.
        var unknown = new GrpcMethod("", _ => throw new GrpcException(GrpcStatus.Unimplemented, "There is no such method here."));
        app.Map(RoutePatternFactory.Parse("/{service}/{method}", null, new { method = new CallsOnly() }), context => AnswerAsync(context, unknown, server))
            .WithMetadata(new HttpMethodMetadata([HttpMethods.Post]));
    }

    /// <param name="Stopping">Cancelled when the process takes no new work any more.</param>
    sealed record Server(GrpcLimits Limits, TimeProvider Clock, ILogger Log, CancellationToken Stopping);

    sealed class CallsOnly : IRouteConstraint
    {
        public bool Match(HttpContext? context, IRouter? route, string routeKey, RouteValueDictionary values, RouteDirection routeDirection) =>
            context is null || GrpcHeaders.IsGrpc(context.Request.ContentType);
    }

    static async Task AnswerAsync(HttpContext context, GrpcMethod method, Server server)
    {
        var (request, response) = (context.Request, context.Response);
        if (!HttpProtocol.IsHttp2(request.Protocol) || !GrpcHeaders.IsGrpc(request.ContentType))
        {
            response.StatusCode = HttpProtocol.IsHttp2(request.Protocol) ? StatusCodes.Status415UnsupportedMediaType : StatusCodes.Status426UpgradeRequired;
            return;
        }
        // Bounded by message and by deadline instead; a stream may be silent for as long as it lasts.
        context.Features.Get<IHttpMaxRequestBodySizeFeature>()?.MaxRequestBodySize = null;
        context.Features.Get<IHttpMinRequestBodyDataRateFeature>()?.MinDataRate = null;
        response.ContentType = GrpcHeaders.ContentType;
        response.Headers[GrpcHeaders.AcceptEncoding] = "identity,gzip";
        try
        {
            var timeout = Timeout(request);
            Negotiate(request, response);
            await HandleAsync(context, method, server, timeout);
            Finish(response, GrpcStatus.Ok, "");
        }
        catch (GrpcException e)
        {
            Finish(response, e.Status, e.Message, e.RetryAfter);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone: nobody reads an answer.
        }
        catch (Exception e)
        {
            server.Log.GrpcFailed(e, method.Path);
            Finish(response, GrpcStatus.Internal, "The call failed; the server's log says why.");
        }
    }

    static TimeSpan? Timeout(HttpRequest request)
    {
        var text = request.Headers[GrpcHeaders.Timeout].ToString();
        if (text.Length == 0)
            return null;
        if (!GrpcHeaders.TryParseTimeout(text, out var timeout))
            throw new GrpcException(GrpcStatus.Internal, "grpc-timeout must be 1 to 8 digits and one of H, M, S, m, u, n.");
        return timeout <= DeadlineMax ? timeout : null;
    }

    static void Negotiate(HttpRequest request, HttpResponse response)
    {
        var encoding = request.Headers[GrpcHeaders.Encoding].ToString();
        if (encoding is not ("" or "identity" or "gzip"))
            throw new GrpcException(GrpcStatus.Unimplemented, "grpc-encoding must be identity or gzip.");
        if (encoding == "gzip" && request.Headers[GrpcHeaders.AcceptEncoding].ToString().Split(',', StringSplitOptions.TrimEntries).Contains("gzip"))
            response.Headers[GrpcHeaders.Encoding] = "gzip";
    }

    static async Task HandleAsync(HttpContext context, GrpcMethod method, Server server, TimeSpan? timeout)
    {
        using var deadline = new CancellationTokenSource(timeout ?? System.Threading.Timeout.InfiniteTimeSpan, server.Clock);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, context.RequestAborted, method.IsEndless ? server.Stopping : default);
        var call = new GrpcCall(context, server.Limits, over.Token);
        // Not on this thread: the deadline holds for a handler that computes, too.
        var work = Task.Run(() => method.Handle(call), CancellationToken.None);
        try
        {
            await work.WaitAsync(over.Token);
        }
        catch (Exception) when (deadline.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
        {
            if (!await call.EndAsync())
                context.Features.Get<IHttpResetFeature>()?.Reset(ResetCancel);
            throw new GrpcException(GrpcStatus.DeadlineExceeded, "The deadline has passed.");
        }
        catch (OperationCanceledException) when (method.IsEndless && server.Stopping.IsCancellationRequested && !context.RequestAborted.IsCancellationRequested)
        {
            throw new GrpcException(GrpcStatus.Unavailable, "The process stops.");
        }
        finally
        {
            // 1. whoever still works on it is told; 2. nothing of it touches the connection any more; 3. what it still throws is nobody's.
            await over.CancelAsync();
            await call.EndAsync();
            _ = work.ContinueWith(t => t.Exception, TaskScheduler.Default);
        }
    }

    /// <summary>In trailers behind messages, else among the headers: an answer of trailers alone.</summary>
    static void Finish(HttpResponse response, GrpcStatus status, string message, TimeSpan? retryAfter = null)
    {
        var place = response.HasStarted ? response.HttpContext.Features.GetRequiredFeature<IHttpResponseTrailersFeature>().Trailers : response.Headers;
        place[GrpcHeaders.Status] = ((int)status).ToString(System.Globalization.CultureInfo.InvariantCulture);
        if (message.Length > 0)
            place[GrpcHeaders.Message] = GrpcHeaders.Encode(message);
        if (retryAfter is not { } wait)
            return;
        // Both ways of telling it: the one that clients' retries keep (gRFC A6), and google.rpc.RetryInfo, which programs read.
        place[GrpcHeaders.RetryPushback] = ((long)wait.TotalMilliseconds).ToString(System.Globalization.CultureInfo.InvariantCulture);
        var details = new Status { Code = (int)status, Message = message, Details = { Any.Pack(new RetryInfo { RetryDelay = Duration.FromTimeSpan(wait) }) } };
        place[GrpcHeaders.StatusDetails] = Convert.ToBase64String(details.ToByteArray()).TrimEnd('=');
    }
}
