using System.Globalization;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Harness;

/// <summary>The most memory, descriptors and threads that any of the watched processes had, read from /proc.</summary>
sealed class Resources : IAsyncDisposable
{
    /// <summary>Usual are 150 MB, 300 descriptors and 35 threads; an outage adds 200 clients' connections.</summary>
    const int MemoryMbMax = 500, DescriptorsMax = 700, ThreadsMax = 100;
    static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(400);

    readonly CancellationTokenSource _end = new();
    readonly Task _watching;
    int _memoryMb, _descriptors, _threads;

    public Resources(Func<IReadOnlyList<HostProcess>> hosts) => _watching = Task.Run(() => WatchAsync(hosts));

    public override string ToString() => $"{_memoryMb} MB, {_descriptors} descriptors, {_threads} threads";

    public IEnumerable<string> Breaches()
    {
        if (_memoryMb > MemoryMbMax || _descriptors > DescriptorsMax || _threads > ThreadsMax)
            yield return $"a host grew to {this} (at most {MemoryMbMax} MB, {DescriptorsMax}, {ThreadsMax})";
    }

    async Task WatchAsync(Func<IReadOnlyList<HostProcess>> hosts)
    {
        while (!_end.IsCancellationRequested)
        {
            foreach (var host in hosts())
                Sample(host.Id);
            await Task.WhenAny(Task.Delay(Pause, _end.Token));
        }
    }

    void Sample(int pid)
    {
        try
        {
            foreach (var line in File.ReadLines($"/proc/{pid}/status"))
                if (line.StartsWith("VmRSS:", StringComparison.Ordinal))
                    _memoryMb = Math.Max(_memoryMb, Number(line) / 1024);
                else if (line.StartsWith("Threads:", StringComparison.Ordinal))
                    _threads = Math.Max(_threads, Number(line));
            _descriptors = Math.Max(_descriptors, Directory.GetFiles($"/proc/{pid}/fd").Length);
        }
        catch (IOException)
        {
            // It ended just now.
        }
    }

    static int Number(string line) => int.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _watching;
    }
}
