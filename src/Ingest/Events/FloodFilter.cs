using System.Globalization;
using Pipeline.Contracts;

namespace Pipeline.Ingest.Events;

/// <summary>Tells a tenant whose events become dead letters to wait, before its body costs anything.</summary>
static class FloodFilter
{
    public static async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var services = context.HttpContext.RequestServices;
        if (services.GetRequiredService<FloodWatch>().Of(Topics.DefaultTenant) is not { } flood)
            return await next(context);
        var problem = new Problem(429, "tenant_flood", string.Create(CultureInfo.InvariantCulture,
            $"{flood.DeadLetters} of this tenant's last {flood.Records} records could not be stored. Nothing of this batch was taken; correct what sends them and send it again later."))
        {
            RetryAfter = flood.Remaining,
        };
        services.GetRequiredService<IngestMetrics>().Refused(problem.Code);
        return problem;
    }
}
