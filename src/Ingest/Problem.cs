using System.Globalization;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Mvc;
using Pipeline.Ingest.Events;

namespace Pipeline.Ingest;

/// <summary>An answer that is not a success: RFC 9457 problem details with a stable code.</summary>
public sealed record Problem(int Status, string Code, string Detail) : IResult
{
    /// <summary>The parameter that it is about.</summary>
    public string? Parameter { get; init; }

    /// <summary>When the same request may succeed; sent in whole seconds, at least one.</summary>
    public TimeSpan? RetryAfter { get; init; }

    public ProblemDetails ToDetails()
    {
        var details = new ProblemDetails
        {
            Status = Status,
            Title = Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(Status),
            Type = $"urn:pipeline:problem:{Code}",
            Detail = Detail,
            Extensions = { ["code"] = Code },
        };
        if (Parameter is not null)
            details.Extensions["parameter"] = Parameter;
        return details;
    }

    /// <summary>The form of problems that end a request without a result of ours: unknown paths, wrong methods, failures of the server's own parser.</summary>
    public static Problem OfStatus(int status) => new(status, status switch
    {
        400 => "unreadable",
        404 => "not_found",
        405 => "method_not_allowed",
        408 => "slow_body",
        413 => "too_large",
        415 => "unsupported_media_type",
        503 => "unavailable",
        _ => status >= 500 ? "internal_error" : "refused",
    }, Microsoft.AspNetCore.WebUtilities.ReasonPhrases.GetReasonPhrase(status));

    public Task ExecuteAsync(HttpContext httpContext) => WriteAsync(httpContext);

    public Task WriteAsync(HttpContext http) => WriteAsync(http, ToDetails());

    /// <param name="details">Ours, with what a call adds.</param>
    public async Task WriteAsync(HttpContext http, ProblemDetails details)
    {
        http.Response.StatusCode = Status;
        if (RetryAfter is { } wait)
            http.Response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        if (Status == 413 || Status == 408)
            // What is left of the body is not read: the connection cannot carry another request.
            http.Response.Headers.Connection = "close";
        await http.Response.WriteAsJsonAsync(details, BatchAnswer.Json, "application/problem+json");
    }


    /// <summary>Turns exceptions of the server's parser and unknown paths into problem details.</summary>
    public static void Map(WebApplication app) => app.Use(async (http, next) =>
    {
        try
        {
            await next(http);
        }
        catch (BadHttpRequestException e) when (!http.Response.HasStarted)
        {
            await (OfStatus(e.StatusCode) with { Detail = e.Message }).WriteAsync(http);
            return;
        }
        catch (Exception e) when (e is ConnectionResetException or ConnectionAbortedException || (e is OperationCanceledException && http.RequestAborted.IsCancellationRequested))
        {
            // Nobody is left to answer.
            return;
        }
        if (http.Response.StatusCode >= 400 && !http.Response.HasStarted && http.Response.ContentLength is null && http.Response.ContentType is null)
            await OfStatus(http.Response.StatusCode).WriteAsync(http);
    });
}

static class ProblemDescription
{
    /// <summary>Says in the API's description which problems a call may answer.</summary>
    public static RouteHandlerBuilder ProducesProblems(this RouteHandlerBuilder call, params ReadOnlySpan<int> statuses)
    {
        foreach (var status in statuses)
            call.Produces<ProblemDetails>(status, "application/problem+json");
        return call;
    }
}
