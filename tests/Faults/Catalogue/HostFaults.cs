using System.Net.Http.Headers;
using System.Text;
using Pipeline.Faults.Harness;
using Pipeline.Faults.Servers;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Catalogue;

/// <summary>Debian's libfaketime: moves the wall clock of one process while it runs.</summary>
sealed class FakeTime(string file)
{
    public const string Library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

    public (string, string)[] Settings => [("LD_PRELOAD", Library), ("FAKETIME_TIMESTAMP_FILE", file), ("FAKETIME_NO_CACHE", "1"), ("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("DONT_FAKE_MONOTONIC", "1")];

    /// <summary>By a rename, so that nobody reads half of it.</summary>
    public void Shift(string by)
    {
        File.WriteAllText($"{file}.new", $"{by}\n");
        File.Move($"{file}.new", file, overwrite: true);
    }
}

/// <summary>The clock of one host jumps by an hour and, later, back.</summary>
sealed class ClockJumps(string name, string host, string by) : Fault(name, 25)
{
    const double SkewMin = 3500;

    FakeTime? _clock;

    public override Need Needs => Need.FakeTime;

    public override (string, string)[] IngestSettings => host == Sign.Ingest ? _clock!.Settings : [];

    public override (string, string)[] ProcessorsSettings => host == Sign.Processors ? _clock!.Settings : [];

    public override TimeSpan Hold => TimeSpan.FromSeconds(5);

    public override IReadOnlyList<Sign> Signs =>
    [
        new(host, "pipeline_clock_skew_seconds = ±3600", (_, now) => Math.Abs(now.Metric("pipeline_clock_skew_seconds")) > SkewMin),
        new(host, "/health clock_skew_s = ±3600", (_, now) => double.TryParse(now.Field("clock_skew_s"), System.Globalization.CultureInfo.InvariantCulture, out var skew) && Math.Abs(skew) > SkewMin),
    ];

    public override Task PrepareAsync(FaultRun run)
    {
        _clock = new FakeTime(Path.Combine(run.Lane.Folder, $"{run.Topic.Name}.time"));
        _clock.Shift("+0");
        return Task.CompletedTask;
    }

    public override Task InjectAsync(FaultRun run)
    {
        _clock!.Shift(by);
        return Task.CompletedTask;
    }

    public override Task HealAsync(FaultRun run)
    {
        _clock!.Shift("+0");
        return Task.CompletedTask;
    }
}

/// <summary>SIGTERM while events come in: the host ends in order and within its budget, and the next one goes on.</summary>
sealed class Terminated(string name, string host) : Fault(name, 15)
{
    static readonly TimeSpan Budget = TimeSpan.FromSeconds(20);

    int _exitCode = -1;

    public override IReadOnlyList<Sign> Signs => [Sign.Silent(host)];

    public override async Task InjectAsync(FaultRun run) => _exitCode = await run.HostOf(host)!.StopAsync(Budget);

    public override Task HealAsync(FaultRun run) => host == Sign.Ingest ? run.StartIngestAsync() : run.StartProcessorsAsync();

    public override Task CheckAsync(FaultRun run, Findings findings)
    {
        findings.Expect(_exitCode == 0, $"the host ended with {_exitCode}");
        return Task.CompletedTask;
    }
}

/// <summary>SIGTERM while a server does not answer: the host still ends within its budget.</summary>
sealed class TerminatedInOutage(string name, string host, string dependency) : Fault(name, 35)
{
    static readonly TimeSpan Budget = TimeSpan.FromSeconds(25);

    int _exitCode = -1;

    public override IReadOnlyList<Sign> Signs => Sign.Down(host, dependency);

    public override TimeSpan Hold => TimeSpan.FromSeconds(1);

    public override Task InjectAsync(FaultRun run) => WireOf(run).SwallowAsync(0, upstream: true);

    public override async Task HealAsync(FaultRun run)
    {
        _exitCode = await run.HostOf(host)!.StopAsync(Budget);
        await WireOf(run).ClearAsync();
        await (host == Sign.Ingest ? run.StartIngestAsync() : run.StartProcessorsAsync());
    }

    public override Task CheckAsync(FaultRun run, Findings findings)
    {
        findings.Expect(_exitCode == 0, $"the host ended with {_exitCode}");
        return Task.CompletedTask;
    }

    Wire WireOf(FaultRun run) => dependency == "kafka" ? run.Kafka.Wire : run.PostgresWire;
}

/// <summary>Many clients send large bodies slowly to an Ingest of little memory: the bound answers 503 and the process lives.</summary>
sealed class MemoryPressure() : Fault("Ingest under memory pressure", 22)
{
    const int Clients = 40, BodyBytes = 400 * 1024;

    readonly CancellationTokenSource _stop = new();
    Task _pressing = Task.CompletedTask;

    public override (string, string)[] IngestSettings =>
        [("DOTNET_GCHeapHardLimit", "0x8000000"), ("Pipeline__Ingest__InFlightBytesMax", $"{8 * 1024 * 1024}"), ("Pipeline__Ingest__BodyBytesMax", $"{512 * 1024}")];

    public override TimeSpan Hold => TimeSpan.FromSeconds(5);

    public override IReadOnlyList<Sign> Signs =>
    [
        Sign.Grows(Sign.Ingest, "pipeline_ingest_refused_batches_total", "code=\"overloaded\""),
        new(Sign.Ingest, "/health in_flight_bytes near in_flight_limit_bytes", (_, now) => double.TryParse(now.Field("in_flight_bytes"), out var bytes) && bytes > 6 * 1024 * 1024),
    ];

    public override Task InjectAsync(FaultRun run)
    {
        var address = new Uri(run.Ingest.Url, "api/v1/events/batch");
        _pressing = Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => Task.Run(() => PressAsync(address))));
        return Task.CompletedTask;
    }

    public override async Task HealAsync(FaultRun run)
    {
        await _stop.CancelAsync();
        await _pressing;
    }

    public override Task CheckAsync(FaultRun run, Findings findings)
    {
        findings.Expect(!run.Ingest.HasExited, "Ingest ended");
        return Task.CompletedTask;
    }

    async Task PressAsync(Uri address)
    {
        using var http = new HttpClient();
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                using var body = new SlowBody(BodyBytes, _stop.Token);
                using var answer = await http.PostAsync(address, body, _stop.Token);
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException or IOException)
            {
                // Refused in the middle of the body, or the pressure is over.
            }
        }
    }

    /// <summary>A body that is announced whole and sent in pieces.</summary>
    sealed class SlowBody : HttpContent
    {
        readonly byte[] _bytes;
        readonly CancellationToken _stop;

        public SlowBody(int length, CancellationToken stop)
        {
            (_bytes, _stop) = (Encoding.ASCII.GetBytes(new string(' ', length)), stop);
            Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }

        protected override async Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context)
        {
            for (var at = 0; at < _bytes.Length; at += _bytes.Length / 10)
            {
                await stream.WriteAsync(_bytes.AsMemory(at, Math.Min(_bytes.Length / 10, _bytes.Length - at)), _stop);
                await stream.FlushAsync(_stop);
                await Task.Delay(150, _stop);
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _bytes.Length;
            return true;
        }
    }
}
