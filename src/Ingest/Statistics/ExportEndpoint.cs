using System.ComponentModel;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest.Statistics;

/// <summary>Every metric of every user, project and bucket in one answer of any size.</summary>
static class ExportEndpoint
{
    public static void Map(IEndpointRouteBuilder api) =>
        api.MapGet("stats/export", GetAsync).WithName("ExportStatistics").WithSummary("Every metric by user, project and bucket, as CSV or JSON").AddEndpointFilter(StoreFilter.InvokeAsync)
            .WithDescription("One row for each user, project and bucket in which anything happened; one for the whole window without buckets. Without a user and a project: everybody. "
                + "The time is that of the user in that project alone. An answer that breaks off in the middle ends with a broken connection. Definitions: " + MetricDefinitions.Path)
            .Produces<IReadOnlyList<MemberRow>>(200, "application/json", "text/csv").ProducesProblems(400, 503);

    static async Task<Results<ExportStream, Problem>> GetAsync([AsParameters] StatisticsQuery asked, [FromQuery(Name = "project_id"), Description("Of this project alone.")] string? projectId,
        [FromQuery(Name = "user_id"), Description("Of this user alone.")] string? userId, [FromQuery(Name = "format"), Description("csv (RFC 4180) or json. Default csv.")] string? format,
        HttpContext http, MemberFigures figures, ILogger<ExportStream> log)
    {
        if (asked.Read(userId, projectId, out var query) is { } problem)
            return problem;
        if (format is not (null or "csv" or "json"))
            return WindowQuery.Wrong("format", "is csv or json.");
        var pages = figures.PagesAsync(query, http.RequestAborted).GetAsyncEnumerator(http.RequestAborted);
        try
        {
            // Before the answer begins, so that a store that is away is a 503 and not a broken connection.
            await pages.MoveNextAsync();
        }
        catch
        {
            await pages.DisposeAsync();
            throw;
        }
        return new ExportStream(pages, format == "json" ? new JsonExport(http.Response.BodyWriter) : new CsvExport(http.Response.BodyWriter), log);
    }
}

/// <summary>Writes page after page, each sent before the next is read: memory holds one, and a slow client slows the reading.</summary>
/// <param name="pages">Stands on the first one.</param>
sealed class ExportStream(IAsyncEnumerator<IReadOnlyList<MemberRow>> pages, IExportFormat format, ILogger<ExportStream> log) : IResult
{
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.ContentType = format.MediaType;
        response.Headers.ContentDisposition = $"attachment; filename=\"{format.FileName}\"";
        await using (pages)
        {
            try
            {
                format.Begin();
                do
                {
                    foreach (var row in pages.Current.Where(r => !r.IsEmpty))
                        format.Write(row);
                    format.EndPage();
                    await response.BodyWriter.FlushAsync(httpContext.RequestAborted);
                }
                while (await pages.MoveNextAsync());
                format.End();
                await response.BodyWriter.FlushAsync(httpContext.RequestAborted);
            }
            catch (Exception e)
            {
                // The status is on its way already. Only a connection that breaks tells a part from the whole.
                log.ExportCut(e.Message);
                httpContext.Abort();
            }
        }
    }
}
