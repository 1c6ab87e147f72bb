namespace Pipeline.Ingest;

/// <summary>The pages for people: what this is, and the API's description from files of ours.</summary>
static class RootEndpoints
{
    public static void MapRoot(this WebApplication app)
    {
        // Another document's name is an unknown path like any other.
        app.MapOpenApi("/openapi/{documentName:regex(^v1$)}.json");
        app.MapGet("/", () => TypedResults.Json(new
        {
            name = "pipeline",
            version = IngestHost.Version,
            links = new { docs = "/docs", openapi = "/openapi/v1.json", health = "/health", metrics = "/metrics", events = "/api/v1/events/batch" },
        })).ExcludeFromDescription();
        app.MapGet("/docs", () => Page("docs.html", "text/html; charset=utf-8")).ExcludeFromDescription();
        app.MapGet("/docs.js", () => Page("docs.js", "text/javascript; charset=utf-8")).ExcludeFromDescription();
    }

    static IResult Page(string name, string type) =>
        TypedResults.Stream(typeof(RootEndpoints).Assembly.GetManifestResourceStream($"Pipeline.Ingest.Docs.{name}")!, type);
}
