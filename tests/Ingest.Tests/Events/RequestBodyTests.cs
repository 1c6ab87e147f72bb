using System.Text;
using Pipeline.Ingest.Events;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Hosting;
using static Pipeline.Ingest.Tests.Events.Bodies;

namespace Pipeline.Ingest.Tests.Events;

public sealed class RequestBodyTests
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null)]
    [InlineData("identity")]
    [InlineData("gzip")]
    [InlineData("GZIP")]
    [InlineData("br")]
    public async Task Reads_any_body_in_any_pieces(string? encoding)
    {
        var random = Seeds.Next();
        foreach (var length in (int[])[0, 1, 100, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 100_000])
        {
            var bytes = new byte[length];
            random.NextBytes(bytes);
            var sent = Encode(bytes, encoding);
            var cuts = Enumerable.Range(0, 20).Select(_ => random.Next(sent.Length + 1)).ToArray();
            foreach (var known in (long?[])[null, encoding is null ? sent.Length : null])
            {
                using var body = new RequestBody(new InFlightBytes(1 << 22), 100_000);
                Assert.Null(await body.ReadAsync(Request(new CutStream(sent, cuts), encoding, known).Request, Stop));
                Assert.Equal(bytes, body.Span.ToArray());
            }
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("gzip")]
    [InlineData("br")]
    public async Task Takes_exactly_the_limit_and_refuses_one_byte_more(string? encoding)
    {
        foreach (var limit in (int[])[1024, 16 * 1024, 50_000])
        {
            Assert.Null(await ReadAsync(new byte[limit], encoding, limit));
            Assert.Equal((413, "body_too_large"), await ReadAsync(new byte[limit + 1], encoding, limit));
        }
    }

    [Fact]
    public async Task Refuses_a_length_over_the_limit_before_reading()
    {
        using var body = new RequestBody(new InFlightBytes(1 << 20), 1024);
        var problem = await body.ReadAsync(Request(new MemoryStream(), null, 1025).Request, Stop);
        Assert.Equal(413, problem?.Status);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    public async Task Every_truncation_of_a_compressed_body_is_refused(string encoding)
    {
        var sent = Encode(Batch(Enumerable.Range(0, 50).Select(i => Event($"user-{i}"))).Bytes(), encoding);
        for (var length = 1; length < sent.Length; length++)
            Assert.Equal((length, (400, "invalid_encoding")), (length, await ReadRawAsync(sent[..length], encoding)));
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    public async Task Bytes_that_are_not_of_the_encoding_are_refused(string encoding)
    {
        Assert.Equal((400, "invalid_encoding"), await ReadRawAsync("{\"plain\":1}"u8.ToArray(), encoding));
        Assert.Equal((400, "invalid_encoding"), await ReadRawAsync(Enumerable.Repeat((byte)0xFF, 100).ToArray(), encoding));
    }

    [Fact]
    public async Task A_gzip_body_with_a_changed_byte_is_refused_or_whole()
    {
        var bytes = Batch(Event("u")).Bytes();
        var sent = Gzip(bytes);
        for (var at = 0; at < sent.Length; at++)
        {
            var changed = (byte[])sent.Clone();
            changed[at] ^= 0x55;
            using var body = new RequestBody(new InFlightBytes(1 << 22), 1 << 20);
            var problem = await body.ReadAsync(Request(new MemoryStream(changed), "gzip").Request, Stop);
            if (problem is null)
                Assert.Equal((at, Encoding.UTF8.GetString(bytes)), (at, Encoding.UTF8.GetString(body.Span)));
            else
                Assert.Equal(400, problem.Status);
        }
    }

    [Theory]
    [InlineData("deflate")]
    [InlineData("zstd")]
    [InlineData("gzip, gzip")]
    [InlineData("gzip,br")]
    [InlineData("x")]
    public async Task Unknown_and_double_encodings_are_named(string encoding)
    {
        var http = Request(new MemoryStream([1]), encoding);
        using var body = new RequestBody(new InFlightBytes(1 << 20), 1024);
        var problem = await body.ReadAsync(http.Request, Stop);
        Assert.Equal((415, "unsupported_encoding"), (problem!.Status, problem.Code));
        Assert.Equal("gzip, br", http.Response.Headers.AcceptEncoding);
    }

    [Fact]
    public async Task A_bomb_of_50_mb_costs_no_more_than_the_limit()
    {
        var bomb = Gzip(new byte[50_000_000]);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        for (var i = 0; i < 20; i++)
            Assert.Equal((413, "body_too_large"), await ReadRawAsync(bomb, "gzip", 1 << 20));
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 80L << 20);
    }

    [Fact]
    public async Task Bytes_beyond_the_budget_are_answered_503_and_given_back()
    {
        var budget = new InFlightBytes(1 << 20);
        Assert.True(budget.TryReserve(1_000_000));
        using (var body = new RequestBody(budget, 1 << 20))
            Assert.Equal(503, (await body.ReadAsync(Request(new MemoryStream(new byte[200_000])).Request, Stop))?.Status);
        Assert.Equal(1_000_000, budget.Bytes);
        budget.Release(1_000_000);
        using (var body = new RequestBody(budget, 1 << 20))
            Assert.Null(await body.ReadAsync(Request(new MemoryStream(new byte[200_000])).Request, Stop));
        Assert.Equal(0, budget.Bytes);
    }

    [Fact]
    public async Task A_body_that_breaks_off_gives_its_bytes_back()
    {
        var budget = new InFlightBytes(1 << 20);
        using (var body = new RequestBody(budget, 1 << 20))
            await Assert.ThrowsAsync<OperationCanceledException>(() => body.ReadAsync(Request(new BrokenStream()).Request, Stop));
        Assert.Equal(0, budget.Bytes);
    }

    sealed class BrokenStream : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new OperationCanceledException("gone");
    }

    static byte[] Encode(byte[] bytes, string? encoding) => encoding?.ToLowerInvariant() switch { "gzip" => Gzip(bytes), "br" => Brotli(bytes), _ => bytes };

    static Task<(int, string)?> ReadAsync(byte[] bytes, string? encoding, int limit) => ReadRawAsync(Encode(bytes, encoding), encoding, limit);

    static async Task<(int, string)?> ReadRawAsync(byte[] sent, string? encoding, int limit = 1 << 20)
    {
        var budget = new InFlightBytes(1 << 24);
        using var body = new RequestBody(budget, limit);
        var problem = await body.ReadAsync(Request(new MemoryStream(sent), encoding).Request, Stop);
        return problem is null ? null : (problem.Status, problem.Code);
    }
}
