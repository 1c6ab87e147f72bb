using Microsoft.Extensions.Options;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Ingest;

/// <summary>What a reading call answers while PostgreSQL does not: 503 and when to come back.</summary>
static class StoreFilter
{
    public const string Away = "PostgreSQL does not answer now.";

    public static bool IsAway(Exception e) => PostgresFaults.Classify(e) != StoreFault.Fatal || e is Npgsql.PostgresException;

    public static async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return await next(context);
        }
        catch (Exception e) when (IsAway(e))
        {
            var options = context.HttpContext.RequestServices.GetRequiredService<IOptions<IngestOptions>>().Value;
            return new Problem(503, "store_unavailable", Away) { RetryAfter = options.RetryAfter };
        }
    }
}
