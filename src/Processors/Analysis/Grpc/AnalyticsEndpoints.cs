using Pipeline.Processors.Analysis.Grpc.HealthMessages;
using Pipeline.Processors.Analysis.Grpc.Messages;
using Pipeline.Processors.Analysis.Grpc.ReflectionMessages;

namespace Pipeline.Processors.Analysis.Grpc;

static class AnalyticsEndpoints
{
    /// <summary>Every service that is called by gRPC. Without TLS their address must be one of HTTP/2 alone, as there is nothing by which to choose a protocol.</summary>
    public static void MapAnalytics(this IEndpointRouteBuilder app, IAnalysisEngine engine, Func<bool> isReady, string version, int messageBytesMax)
    {
        var clock = app.ServiceProvider.GetService<TimeProvider>() ?? TimeProvider.System;
        var analytics = new AnalyticsCalls(engine, isReady, version);
        var health = new GrpcHealth([AnalyticsCalls.Name, GrpcHealth.Name], isReady, clock);
        var reflection = new GrpcReflection(AnalyticsReflection.Descriptor, HealthReflection.Descriptor, ReflectionReflection.Descriptor);
        app.MapGrpc([.. analytics.Methods, .. health.Methods, .. reflection.Methods], messageBytesMax);
    }
}
