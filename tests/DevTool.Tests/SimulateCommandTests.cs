using System.IO.Compression;
using System.Text;
using Pipeline.DevTool.Simulation;

namespace Pipeline.DevTool.Tests;

public sealed class SimulateCommandTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("simulate-").FullName;

    [Fact]
    public async Task It_writes_the_events_into_a_file_compressed_or_not()
    {
        string plain = Path.Combine(_folder, "a.ndjson"), packed = Path.Combine(_folder, "a.ndjson.gz");
        Assert.Equal(0, await Run("--users", "3", "--days", "3", "--until", "2026-11-20", "--seed", "7", "--out", plain));
        Assert.Equal(0, await Run("--users", "3", "--days", "3", "--until", "2026-11-20T00:00:00Z", "--seed", "7", "--out", packed));
        using var unpacked = new StreamReader(new GZipStream(File.OpenRead(packed), CompressionMode.Decompress));
        var text = await File.ReadAllTextAsync(plain);
        Assert.Equal(text, await unpacked.ReadToEndAsync());
        var options = new SimulationOptions { Users = 3, Days = 3, Seed = 7, Until = new(2026, 11, 20, 0, 0, 0, TimeSpan.Zero) };
        Assert.Equal(new SimulatedWork(options).Events().Select(e => Encoding.UTF8.GetString(e.Bytes.Span)), text.TrimEnd('\n').Split('\n'));
    }

    [Fact]
    public async Task It_counts_without_a_place_to_send_to() => Assert.Equal(0, await Run("--users", "2", "--days", "1", "--count"));

    [Theory]
    [InlineData("'day' is not known", "--day", "3", "--count")]
    [InlineData("'five' is not known", "five", "--count")]
    [InlineData("--to is http or topic", "--to", "cloud")]
    [InlineData("--rate is not a number", "--rate", "many", "--count")]
    [InlineData("--until is not a time", "--until", "soon", "--count")]
    [InlineData("a share is 0 to 1", "--late", "2", "--count")]
    [InlineData("give one of them", "--rate", "3", "--events", "5", "--count")]
    [InlineData("--speed is more than 0", "--speed", "0", "--count")]
    public async Task It_says_what_is_wrong_with_its_options(string said, params string[] options) =>
        Assert.Contains(said, (await Assert.ThrowsAsync<UsageException>(() => Run(options))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("INGEST_URL", "--users", "3")]
    [InlineData("KAFKA", "--to", "topic", "--kafka", "")]
    public async Task It_says_how_to_name_somebody_to_send_to(string said, params string[] options) =>
        Assert.Contains(said, (await Assert.ThrowsAsync<FailureException>(() => Run(options))).Message, StringComparison.Ordinal);

    static Task<int> Run(params string[] options) => SimulateCommand.Run(Arguments.Parse(options, SimulateCommand.Flags), CancellationToken.None);

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
