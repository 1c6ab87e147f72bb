using Pipeline.Sinks.Hosting;

namespace Pipeline.Processors.Analysis.Grpc;

/// <param name="MessageBytesMax">Of one message, as sent and as decompressed.</param>
/// <param name="InFlight">Of all messages that are being read or worked on.</param>
/// <param name="BodyTimeout">Within which the message of a call that takes one has come.</param>
sealed record GrpcLimits(int MessageBytesMax, InFlightBytes InFlight, TimeSpan BodyTimeout);
