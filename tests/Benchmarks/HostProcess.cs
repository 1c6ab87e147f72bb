using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Pipeline.Benchmarks;

/// <summary>A process under measurement: ours or the peer's. Its CPU time and memory are read from /proc.</summary>
sealed partial class HostProcess : IAsyncDisposable
{
    readonly Process _process;
    readonly TaskCompletionSource<Uri> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly Queue<string> _lastLines = new();
    bool _disposed;

    public HostProcess(string file, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(file) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        foreach (var (key, value) in environment)
            start.Environment[key] = value;
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => OnLine(line.Data);
        _process.ErrorDataReceived += (_, line) => OnLine(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public static HostProcess Ours(Servers servers, string host, Dictionary<string, string> settings)
    {
        settings.TryAdd("ASPNETCORE_URLS", "http://127.0.0.1:0");
        settings["Pipeline__Kafka__BootstrapServers"] = servers.Kafka;
        if (host == "Processors")
            settings.TryAdd("Pipeline__Analysis__GrpcAddress", "127.0.0.1:0");
        return new HostProcess("dotnet", [Path.Combine(servers.Repository, "src", host, "bin", "Release", "net10.0", $"Pipeline.{host}.dll")], settings);
    }

    public static HostProcess? Peer(Servers servers, string configuration, Dictionary<string, string> settings) =>
        servers.Toolbox is null ? null : new HostProcess(Path.Combine(servers.Toolbox, "peers", "peer"), ["run", configuration], settings);

    public Task<Uri> ListeningAsync() => _listening.Task.WaitAsync(TimeSpan.FromSeconds(30));

    public string LastLines => string.Join('\n', _lastLines);

    public TimeSpan Cpu
    {
        get
        {
            _process.Refresh();
            return _process.TotalProcessorTime;
        }
    }

    public double ResidentMiB
    {
        get
        {
            var line = File.ReadLines($"/proc/{_process.Id}/status").First(l => l.StartsWith("VmRSS", StringComparison.Ordinal));
            return double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
        }
    }

    public int Id => _process.Id;

    /// <summary>Sets the priority of a process: of each of its threads, and threads to come have that of whoever starts them.</summary>
    /// <returns>False where that is not allowed.</returns>
    public static bool SetNice(int process, int nice)
    {
        var threads = Directory.EnumerateDirectories($"/proc/{process}/task").Select(t => Path.GetFileName(t));
        using var renice = Process.Start(new ProcessStartInfo("renice", ["-n", nice.ToString(CultureInfo.InvariantCulture), "-p", .. threads]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task.WaitAll(renice.StandardOutput.ReadToEndAsync(), renice.StandardError.ReadToEndAsync());
        renice.WaitForExit();
        // Its exit code also tells of threads that have just ended. After the name in brackets stands the state, and sixteen fields on the nice value.
        var stat = File.ReadAllText($"/proc/{process}/stat");
        return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[16], CultureInfo.InvariantCulture) == nice;
    }

    void OnLine(string? line)
    {
        if (line is null)
            return;
        lock (_lastLines)
        {
            _lastLines.Enqueue(line);
            if (_lastLines.Count > 20)
                _lastLines.Dequeue();
        }
        if (Listening().Match(line) is { Success: true } match)
            _listening.TrySetResult(new Uri(match.Groups[1].Value));
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed)
            return;
        _disposed = true;
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    [GeneratedRegex(@"Now listening on: (http://\S+)")]
    private static partial Regex Listening();
}
