using Pipeline.Processors.Analysis.Grpc;

namespace Pipeline.Processors.Tests.Analysis.Grpc;

public sealed class GrpcHeadersTests
{
    [Theory]
    [InlineData("2H", 2 * 3600 * 1e9)]
    [InlineData("5M", 5 * 60 * 1e9)]
    [InlineData("10S", 10 * 1e9)]
    [InlineData("99999999m", 99_999_999 * 1e6)]
    [InlineData("7u", 7000)]
    [InlineData("900n", 900)]
    [InlineData("99999999H", 99_999_999.0 * 3600 * 1e9)]
    [InlineData("0S", 0)]
    public void A_timeout_is_digits_and_a_unit(string text, double nanoseconds)
    {
        Assert.True(GrpcHeaders.TryParseTimeout(text, out var timeout));
        Assert.Equal(nanoseconds, timeout.TotalNanoseconds);
    }

    [Theory]
    [InlineData("")]
    [InlineData("S")]
    [InlineData("1")]
    [InlineData("123456789S")]
    [InlineData("-1S")]
    [InlineData("+1S")]
    [InlineData("1s")]
    [InlineData("1.5S")]
    [InlineData(" 1S")]
    [InlineData("1,1S")]
    [InlineData("٣S")]
    public void Anything_else_is_none(string text) => Assert.False(GrpcHeaders.TryParseTimeout(text, out _));

    [Theory]
    [InlineData("all is well", "all is well")]
    [InlineData("100%", "100%25")]
    [InlineData("Zürich\n", "Z%C3%BCrich%0A")]
    public void A_message_is_percent_encoded(string message, string header) => Assert.Equal(header, GrpcHeaders.Encode(message));

    [Theory]
    [InlineData("application/grpc", true)]
    [InlineData("application/grpc+proto", true)]
    [InlineData("Application/gRPC; charset=utf-8", true)]
    [InlineData("application/grpc-web", false)]
    [InlineData("application/grpc+json", false)]
    [InlineData("application/json", false)]
    [InlineData(null, false)]
    public void Only_one_kind_of_content_is_grpc(string? contentType, bool isGrpc) => Assert.Equal(isGrpc, GrpcHeaders.IsGrpc(contentType));
}
