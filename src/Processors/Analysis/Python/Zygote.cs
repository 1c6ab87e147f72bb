using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Pipeline.Processors.Analysis.Python;

/// <summary>How a worker ended; neither code nor signal where its zygote ended first and could not tell.</summary>
sealed record WorkerExit(int? Code, int? Signal, string Output);

/// <summary>
/// The process that has imported the libraries and forks workers. It connects to an abstract socket, which is in no file system, and hands over each worker
/// with three descriptors: a socket to it, the memory it shares, and a handle of its process. When this host dies, the socket ends and the zygote with all its workers.
/// </summary>
sealed class Zygote : IAsyncDisposable
{
    static readonly TimeSpan ForksWithin = TimeSpan.FromSeconds(10), EndsWithin = TimeSpan.FromSeconds(2);
    const int OutputCharactersMax = 4096;

    readonly Process _process;
    readonly Socket _socket;
    readonly int _arrayBytes;
    readonly TimeProvider _clock;
    readonly ConcurrentDictionary<int, TaskCompletionSource<PythonWorker>> _forking = new();
    readonly ConcurrentDictionary<int, TaskCompletionSource<WorkerExit>> _living = new();
    readonly SemaphoreSlim _writing = new(1, 1);
    readonly Queue<int> _descriptors = new();
    readonly FrameWriter _writer = new();
    readonly CancellationTokenSource _stop = new();
    Task _reading = Task.CompletedTask;
    int _workers;

    Zygote(Process process, Socket socket, int arrayBytes, TimeProvider clock) => (_process, _socket, _arrayBytes, _clock) = (process, socket, arrayBytes, clock);

    public ZygoteHello Hello { get; private set; } = new("", new Dictionary<string, string>(), new Dictionary<string, string>());

    public int ProcessId => _process.Id;

    /// <summary>Completes when the zygote has ended, with its last words.</summary>
    public Task<string> Ended => _ended.Task;

    /// <summary>Cancelled when the zygote has ended.</summary>
    public CancellationToken Gone => _gone.Token;

    readonly TaskCompletionSource<string> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly CancellationTokenSource _gone = new();

    /// <summary>Returns when the libraries are imported.</summary>
    public static async Task<Zygote> StartAsync(string interpreter, string folder, PythonOptions options, TimeProvider clock, CancellationToken stop)
    {
        var name = $"pipeline-python-{Guid.NewGuid():N}";
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint("\0" + name));
        listener.Listen(1);
        var process = StartProcess(interpreter, folder, name, options);
        var words = Listen(process);
        using var deadline = new CancellationTokenSource(options.PythonStartTimeout, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, stop);
        Zygote? zygote = null;
        try
        {
            var accepting = listener.AcceptAsync(either.Token).AsTask();
            if (await Task.WhenAny(accepting, process.WaitForExitAsync(either.Token)) != accepting && process.HasExited)
                throw new InvalidOperationException($"it ended with {process.ExitCode}");
            var socket = await accepting;
            zygote = new Zygote(process, socket, options.PythonArrayBytesMax, clock);
            // The socket's name is no secret: who else connects is turned away.
            if (Kernel.PeerProcess(socket) != process.Id)
                throw new FrameException("another process connected");
            var hello = new TaskCompletionSource<ZygoteHello>(TaskCreationOptions.RunContinuationsAsynchronously);
            zygote._reading = zygote.ReadAsync(hello, words);
            zygote.Hello = await hello.Task.WaitAsync(either.Token);
            return zygote;
        }
        catch (Exception e) when (e is OperationCanceledException or FrameException or SocketException or InvalidOperationException)
        {
            if (zygote is not null)
                await zygote.DisposeAsync();
            else
                End(process);
            stop.ThrowIfCancellationRequested();
            var why = e is OperationCanceledException ? $"it was not ready within {options.PythonStartTimeout.TotalSeconds} s" : e.Message;
            throw new InvalidOperationException($"Python did not start: {why}. {words()}".TrimEnd(), e);
        }
    }

    static Process StartProcess(string interpreter, string folder, string name, PythonOptions options)
    {
        var start = new ProcessStartInfo(interpreter, [Path.Combine(folder, "worker.py"), "--socket", name, "--algorithms", options.AlgorithmsIn(folder),
            "--array-bytes", $"{options.PythonArrayBytesMax}", "--memory-bytes", $"{options.PythonMemoryBytesMax}"])
        {
            WorkingDirectory = "/",
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // Passwords of ours may stand in the environment; algorithms need none of it.
        start.Environment.Clear();
        foreach (var kept in (string[])["PATH", "HOME", "LANG", "TZ", "VIRTUAL_ENV"])
            if (Environment.GetEnvironmentVariable(kept) is { } value)
                start.Environment[kept] = value;
        return Process.Start(start) ?? throw new InvalidOperationException($"{interpreter} did not start");
    }

    /// <summary>Keeps the end of what the zygote itself prints.</summary>
    static Func<string> Listen(Process process)
    {
        var (sync, tail) = (new Lock(), "");
        void Add(string? line)
        {
            if (line is null)
                return;
            lock (sync)
                tail = $"{tail}{line}\n" is var all && all.Length > OutputCharactersMax ? all[^OutputCharactersMax..] : all;
        }
        process.OutputDataReceived += (_, e) => Add(e.Data);
        process.ErrorDataReceived += (_, e) => Add(e.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return () =>
        {
            lock (sync)
                return tail.TrimEnd();
        };
    }

    /// <summary>A new worker. It is answered for: whatever happens to the wait, the process ends with its handles.</summary>
    public async Task<PythonWorker> ForkAsync(CancellationToken stop)
    {
        var id = Interlocked.Increment(ref _workers);
        var forked = _forking[id] = new TaskCompletionSource<PythonWorker>(TaskCreationOptions.RunContinuationsAsynchronously);
        var taken = false;
        try
        {
            await _writing.WaitAsync(stop);
            try
            {
                _writer.Begin(FrameType.Fork).WriteNumber("worker", id);
                _writer.EndHeader();
                await _socket.SendAsync(_writer.End(), stop);
            }
            finally
            {
                _writing.Release();
            }
            var worker = await forked.Task.WaitAsync(ForksWithin, _clock, stop);
            taken = true;
            return worker;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw new InvalidOperationException($"no worker was forked: {e.Message}", e);
        }
        finally
        {
            // Whoever takes the entry out answers for the worker: one that comes later finds none, and is disposed of.
            if (!taken && !_forking.TryRemove(id, out _))
                _ = DisposeAsync(forked.Task);
        }

        static async Task DisposeAsync(Task<PythonWorker> late) => (await late).Dispose();
    }

    async Task ReadAsync(TaskCompletionSource<ZygoteHello> hello, Func<string> words)
    {
        var why = "";
        var (buffer, held) = (new byte[64 * 1024], 0);
        try
        {
            while (true)
            {
                // Waits until something is there; it is read together with the descriptors that come with it.
                await _socket.ReceiveAsync(Memory<byte>.Empty, _stop.Token);
                var read = Kernel.Receive(_socket, buffer.AsSpan(held), _descriptors);
                if (read == 0)
                    break;
                held += Math.Max(0, read);
                var at = 0;
                while (held - at >= FrameHead.Bytes && FrameHead.Read(buffer.AsSpan(at)) is var head && head.Total <= held - at)
                {
                    Take(head.Type, buffer.AsSpan(at + FrameHead.Bytes, head.HeaderBytes), hello);
                    at += head.Total;
                }
                buffer.AsSpan(at, held -= at).CopyTo(buffer);
                if (held == buffer.Length)
                    throw new FrameException("a frame of the zygote is too large");
            }
        }
        catch (Exception e)
        {
            // Whatever it was, this zygote is of no use any more, and those who wait must learn of it.
            why = e is OperationCanceledException or ObjectDisposedException ? "" : e.Message;
        }
        await EndAsync(hello, why, words);
    }

    void Take(FrameType type, ReadOnlySpan<byte> json, TaskCompletionSource<ZygoteHello> hello)
    {
        if (type == FrameType.Hello)
        {
            hello.TrySetResult(JsonSerializer.Deserialize(json, FrameJson.Default.ZygoteHello)!);
            return;
        }
        var news = JsonSerializer.Deserialize(json, FrameJson.Default.ZygoteNews)!;
        if (type == FrameType.Forked)
            Forked(news.Worker);
        else if (type == FrameType.Exited && _living.TryRemove(news.Worker, out var exit))
            exit.TrySetResult(new WorkerExit(news.Code, news.Signal, news.Output ?? ""));
        else if (type != FrameType.Exited)
            throw new FrameException($"the zygote sent {type}");
    }

    void Forked(int id)
    {
        if (_descriptors.Count < 3)
            throw new FrameException("a worker came without its descriptors");
        var (socket, memory, process) = (_descriptors.Dequeue(), new SafeFileHandle(_descriptors.Dequeue(), true), new SafeFileHandle(_descriptors.Dequeue(), true));
        var exit = _living[id] = new TaskCompletionSource<WorkerExit>(TaskCreationOptions.RunContinuationsAsynchronously);
        var worker = new PythonWorker(id, new Socket(new SafeSocketHandle(socket, true)), new SharedMemory(memory, _arrayBytes), process, exit.Task, _clock);
        if (!_forking.TryRemove(id, out var forking) || !forking.TrySetResult(worker))
            worker.Dispose();
    }

    async Task EndAsync(TaskCompletionSource<ZygoteHello> hello, string why, Func<string> words)
    {
        // 1. The process, which may have been the one to blame. 2. Those who wait for it, who find its last words.
        _socket.Dispose();
        try
        {
            await _process.WaitForExitAsync(_stop.Token).WaitAsync(EndsWithin, _clock);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            End(_process);
        }
        while (_descriptors.TryDequeue(out var descriptor))
            Kernel.Close(descriptor);
        why = $"{why} {words()}".Trim();
        hello.TrySetException(new InvalidOperationException(why.Length > 0 ? why : "the zygote ended"));
        foreach (var forking in _forking.Values)
            forking.TrySetException(new InvalidOperationException("the zygote ended"));
        foreach (var (_, exit) in _living)
            exit.TrySetResult(new WorkerExit(null, null, ""));
        _ended.TrySetResult(why);
        await _gone.CancelAsync();
    }

    static void End(Process process)
    {
        try
        {
            process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It was gone already.
        }
    }

    public async ValueTask DisposeAsync()
    {
        // The end of the socket ends the zygote, and the kernel ends what lived in its namespace.
        await _stop.CancelAsync();
        await _reading;
        if (!_ended.Task.IsCompleted)
            End(_process);
        _socket.Dispose();
        _process.Dispose();
    }
}
