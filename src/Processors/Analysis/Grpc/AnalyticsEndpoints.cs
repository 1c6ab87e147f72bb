using Microsoft.Extensions.Options;
using Pipeline.Processors.Analysis.Grpc.HealthMessages;
using Pipeline.Processors.Analysis.Grpc.Messages;
using Pipeline.Processors.Analysis.Grpc.ReflectionMessages;
using Pipeline.Processors.Health;

namespace Pipeline.Processors.Analysis.Grpc;

static class AnalyticsEndpoints
{
    /// <summary>The engine of this process, where it has one.</summary>
    public static void MapAnalytics(this WebApplication app)
    {
        if (app.Services.GetService<IAnalysisEngine>() is not { } engine)
            return;
        var settings = app.Services.GetRequiredService<IOptions<AnalysisSettings>>().Value;
        app.MapAnalytics(engine, () => HealthEndpoints.IsReady(app.Services), ProcessorsHost.Version,
            new GrpcLimits(settings.GrpcMessageBytesMax, app.Services.GetRequiredService<BinaryBodies>().InFlight, settings.BodyTimeout));
    }

    /// <summary>Every service that is called by gRPC. Without TLS their address must be one of HTTP/2 alone, as there is nothing by which to choose a protocol.</summary>
    public static void MapAnalytics(this IEndpointRouteBuilder app, IAnalysisEngine engine, Func<bool> isReady, string version, GrpcLimits limits)
    {
        var clock = app.ServiceProvider.GetService<TimeProvider>() ?? TimeProvider.System;
        var analytics = new AnalyticsCalls(engine, isReady, version);
        var health = new GrpcHealth([AnalyticsCalls.Name, GrpcHealth.Name], isReady, clock);
        var reflection = new GrpcReflection(AnalyticsReflection.Descriptor, HealthReflection.Descriptor, ReflectionReflection.Descriptor);
        app.MapGrpc([.. analytics.Methods, .. health.Methods, .. reflection.Methods], limits);
    }
}
