using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>One process of a host with everything it printed.</summary>
public sealed class HostProcess : IAsyncDisposable
{
    public const int SigKill = 9, SigTerm = 15, SigCont = 18, SigStop = 19;
    const string Listening = "Now listening on: ";
    static readonly TimeSpan StartWithin = TimeSpan.FromSeconds(60);

    readonly Process _process;
    readonly Lock _sync = new();
    readonly List<string> _lines = [];
    readonly long _started = Stopwatch.GetTimestamp();

    public HostProcess(string host, IEnumerable<KeyValuePair<string, string>> settings, params string[] arguments)
    {
        var folder = HostBuild.Folder(host);
        // Tests that a shell runs in the background inherit that SIGINT is ignored; the host under test must not.
        var start = new ProcessStartInfo("env", ["--default-signal=INT", "dotnet", Path.Combine(folder, $"Pipeline.{host}.dll"), .. arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        if (host == "Processors")
            start.Environment["Pipeline__Analysis__GrpcAddress"] = "127.0.0.1:0";
        foreach (var (name, value) in settings)
            start.Environment[name] = value;
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, e) => Add(e.Data);
        _process.ErrorDataReceived += (_, e) => Add(e.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        Name = $"{host}:{_process.Id}";
    }

    public string Name { get; }

    public int Id => _process.Id;

    public Uri Url { get; private set; } = new("http://127.0.0.1/");

    public bool HasExited => _process.HasExited;

    /// <summary>Whether the kernel says that the process was stopped by a signal.</summary>
    public bool IsStopped => File.ReadAllText($"/proc/{_process.Id}/stat").Split(") ")[^1][0] == 'T';

    public async Task ListeningAsync()
    {
        var line = await LoggedAsync(Listening, StartWithin);
        Url = Address(line);
    }

    /// <summary>Where a processor with the role <c>engine</c> serves gRPC: it names that behind <see cref="Url"/>.</summary>
    public async Task<Uri> GrpcAsync()
    {
        await LoggedAsync("Application started", StartWithin);
        lock (_sync)
            return Address(_lines.Where(l => l.Contains(Listening, StringComparison.Ordinal)).ElementAt(1));
    }

    static Uri Address(string line) => new(line[(line.IndexOf(Listening, StringComparison.Ordinal) + Listening.Length)..]);

    /// <summary>The first line, already printed or still to come, that holds this text.</summary>
    public async Task<string> LoggedAsync(string text, TimeSpan within)
    {
        var line = await Until.TrueAsync($"{Name} prints \"{text}\"", within, () => Task.FromResult(Find(text)), found => found is not null || HasExited);
        return line ?? Find(text) ?? throw new InvalidOperationException($"{Name} ended without printing \"{text}\":\n{Tail(30)}");
    }

    public string? Find(params string[] texts)
    {
        lock (_sync)
            return _lines.Find(l => texts.Any(t => l.Contains(t, StringComparison.Ordinal)));
    }

    public void Signal(int signal)
    {
        if (!_process.HasExited && Kill(_process.Id, signal) != 0)
            throw new InvalidOperationException($"signal {signal} to {Name}: errno {Marshal.GetLastPInvokeError()}");
    }

    /// <summary>Waits for the end; 128 + n where signal n was its cause.</summary>
    public async Task<int> ExitAsync(TimeSpan within)
    {
        using var deadline = new CancellationTokenSource(within);
        try
        {
            await _process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"{Name} has not ended within {within.TotalSeconds} s:\n{Tail(30)}");
        }
        return _process.ExitCode;
    }

    public async Task<int> StopAsync(TimeSpan within)
    {
        Signal(SigTerm);
        return await ExitAsync(within);
    }

    public async Task KillAsync()
    {
        Signal(SigKill);
        await ExitAsync(TimeSpan.FromSeconds(10));
    }

    public string Output
    {
        get
        {
            lock (_sync)
                return string.Join('\n', _lines);
        }
    }

    public string Tail(int lines)
    {
        lock (_sync)
            return string.Join('\n', _lines.TakeLast(lines));
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    void Add(string? line)
    {
        if (line is null)
            return;
        lock (_sync)
            _lines.Add($"{Stopwatch.GetElapsedTime(_started).TotalSeconds,7:F2} {line}");
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    static extern int Kill(int pid, int signal);
}
