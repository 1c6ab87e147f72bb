using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Pipeline.Processors.Analysis.Python;

/// <summary>One worker process: it takes one call at a time. After anything but an answer it is to be disposed of, which kills it.</summary>
sealed class PythonWorker(int id, Socket socket, SharedMemory memory, SafeFileHandle process, Task<WorkerExit> exit, TimeProvider clock) : IDisposable
{
    static readonly TimeSpan ExitToldWithin = TimeSpan.FromSeconds(2);

    /// <summary>The worker's alarm comes before the hard deadline by a fifth of the time left, at most this.</summary>
    static readonly TimeSpan HardAfterSoftMax = TimeSpan.FromMilliseconds(250);

    readonly FrameWriter _writer = new();
    readonly long _born = clock.GetTimestamp();
    byte[] _buffer = new byte[80 * 1024];
    int _held;
    long _calls;

    public int Id => id;

    public int? Process { get; } = Kernel.ProcessOf(process);

    public long Calls => _calls;

    public TimeSpan Age => clock.GetElapsedTime(_born);

    public long Resident { get; private set; }

    /// <summary>Which state of the algorithms' folder it came with.</summary>
    public int Generation { get; set; }

    /// <summary>Why it must not be given another call.</summary>
    public string? Retire { get; set; }

    /// <summary>Whether it can be given a call: it lives, and said nothing that nobody asked for.</summary>
    public bool IsWell => Retire is null && !exit.IsCompleted && _held == 0 && !socket.Poll(0, SelectMode.SelectRead);

    public Task<PythonOutcome> CallAsync(AlgorithmEntry entry, PythonCall call, TimeSpan left, CancellationToken stop) => ExchangeAsync(left, stop, id =>
    {
        var (shared, bytes) = (call.ArrayBytes >= FrameHead.PayloadBytesMax, (int)call.ArrayBytes);
        var json = Begin(FrameType.Call, id, entry.File, left);
        json.WriteString("digest", entry.Digest);
        json.WriteString("algorithm", call.Algorithm);
        json.WritePropertyName("parameters");
        if (call.Parameters.ValueKind == JsonValueKind.Undefined)
            json.WriteRawValue("{}"u8);
        else
            call.Parameters.WriteTo(json);
        json.WriteBoolean("shared", shared);
        WriteArrays(json, call.Columns);
        if (call.Texts is { } texts)
        {
            json.WriteStartArray("texts");
            foreach (var text in texts)
                json.WriteStringValue(text);
            json.WriteEndArray();
        }
        _writer.EndHeader();
        var to = shared ? memory.Request(bytes) : _writer.Payload(bytes);
        foreach (var column in call.Columns)
        {
            MemoryMarshal.AsBytes(column.Values.Span).CopyTo(to);
            to = to[(column.Values.Length * 8)..];
        }
        return bytes;
    });

    public Task<PythonOutcome> DiscoverAsync(string file, TimeSpan within, Action<Reply> found, CancellationToken stop) => ExchangeAsync(within, stop, id =>
    {
        Begin(FrameType.Discover, id, file, within);
        _writer.EndHeader();
        return 0;
    }, found);

    Utf8JsonWriter Begin(FrameType type, long id, string file, TimeSpan left)
    {
        var soft = left - (left / 5 < HardAfterSoftMax ? left / 5 : HardAfterSoftMax);
        var json = _writer.Begin(type);
        json.WriteNumber("call", id);
        json.WriteString("file", file);
        json.WriteNumber("soft_ms", soft.TotalMilliseconds);
        return json;
    }

    static void WriteArrays(Utf8JsonWriter json, IReadOnlyList<PythonColumn> columns)
    {
        var at = 0L;
        json.WriteStartArray("arrays");
        foreach (var column in columns)
        {
            json.WriteStartObject();
            json.WriteString("name", column.Name);
            json.WriteNumber("length", column.Values.Length);
            json.WriteNumber("at", at);
            json.WriteEndObject();
            at += 8L * column.Values.Length;
        }
        json.WriteEndArray();
    }

    /// <summary>The one place where a worker is waited for. Each way out but an answer leaves it unfit, with the reason in <see cref="Retire"/>.</summary>
    async Task<PythonOutcome> ExchangeAsync(TimeSpan left, CancellationToken stop, Func<long, int> write, Action<Reply>? found = null)
    {
        var id = ++_calls;
        Retire = "call";
        using var deadline = new CancellationTokenSource(left, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, stop);
        int requestBytes;
        ReadOnlyMemory<byte> frame;
        try
        {
            (requestBytes, frame) = (write(id), _writer.End());
        }
        catch (FrameException e)
        {
            // Nothing was sent.
            Retire = null;
            return Failed(PythonErrorCode.InputTooLarge, e.Message);
        }
        try
        {
            while (frame.Length > 0)
                frame = frame[await socket.SendAsync(frame, either.Token)..];
            return Read(await ReceiveAsync(either.Token), id, requestBytes, found) with { Worker = Process };
        }
        catch (OperationCanceledException)
        {
            Retire = stop.IsCancellationRequested ? "cancelled" : "deadline";
            return stop.IsCancellationRequested ? Failed(PythonErrorCode.Cancelled, "the call was cancelled")
                : Failed(PythonErrorCode.Timeout, $"the algorithm did not end within {left.TotalMilliseconds:N0} ms, nor at its alarm; its worker was killed");
        }
        catch (Exception e) when (e is FrameException or JsonException)
        {
            Retire = "protocol";
            return Failed(PythonErrorCode.ProtocolError, $"the worker sent what is no answer: {e.Message}");
        }
        catch (Exception e) when (e is SocketException or EndOfStreamException)
        {
            Retire = "crash";
            return await CrashedAsync();
        }
    }

    async Task<FrameHead> ReceiveAsync(CancellationToken stop)
    {
        FrameHead? head = null;
        while (head is null || _held < head.Value.Total)
        {
            var wanted = head?.Total ?? FrameHead.Bytes;
            if (_buffer.Length < wanted)
                Array.Resize(ref _buffer, wanted);
            var read = await socket.ReceiveAsync(_buffer.AsMemory(_held), stop);
            if (read == 0)
                throw new EndOfStreamException();
            _held += read;
            if (head is null && _held >= FrameHead.Bytes)
                head = FrameHead.Read(_buffer);
        }
        return head.Value;
    }

    PythonOutcome Read(FrameHead head, long id, long requestBytes, Action<Reply>? found)
    {
        if (head.Type is not (FrameType.Result or FrameType.Failure) || _held > head.Total)
            throw new FrameException($"type {head.Type}, {_held - head.Total} bytes behind it");
        var reply = JsonSerializer.Deserialize(_buffer.AsSpan(FrameHead.Bytes, head.HeaderBytes), FrameJson.Default.Reply)!;
        if (reply.Call != id)
            throw new FrameException($"an answer to call {reply.Call} instead of {id}");
        var outcome = head.Type == FrameType.Failure ? new PythonOutcome(null, Error(reply)) : new PythonOutcome(new PythonResult(reply.Result, Arrays(reply, head)), null);
        found?.Invoke(reply);
        memory.Trim(requestBytes, reply.Shared ? outcome.Result?.Arrays.Sum(a => 8L * a.Values.Length) ?? 0 : 0);
        (_held, Retire, Resident) = (0, reply.Retire, reply.Resident);
        if (_buffer.Length > 1024 * 1024)
            _buffer = new byte[80 * 1024];
        return outcome with { Elapsed = TimeSpan.FromMicroseconds(reply.ElapsedUs) };
    }

    List<PythonArray> Arrays(Reply reply, FrameHead head)
    {
        var arrays = new List<PythonArray>();
        foreach (var (shape, at) in reply.Arrays ?? [])
        {
            var count = shape is { Length: 1 or 2 } && shape.All(n => n >= 0) ? shape.Aggregate(1L, (product, n) => product * n) : throw new FrameException("an array of no known shape");
            if (count > int.MaxValue / 8)
                throw new FrameException($"an array of {count} numbers");
            if (reply.Shared)
                arrays.Add(new PythonArray(shape, memory.Read(at, (int)count)));
            else if (at >= 0 && at <= head.PayloadBytes - (8 * count))
                arrays.Add(new PythonArray(shape, MemoryMarshal.Cast<byte, double>(_buffer.AsSpan(FrameHead.Bytes + head.HeaderBytes + (int)at, (int)count * 8)).ToArray()));
            else
                throw new FrameException($"an array at {at} of {count} numbers lies outside the frame");
        }
        return arrays;
    }

    static PythonError Error(Reply reply) => new(reply.Code switch
    {
        "invalid_parameters" => PythonErrorCode.InvalidParameters,
        "invalid_input" => PythonErrorCode.InvalidInput,
        "timeout" => PythonErrorCode.Timeout,
        "memory_limit" => PythonErrorCode.MemoryLimit,
        "result_too_large" => PythonErrorCode.ResultTooLarge,
        "left_processes" => PythonErrorCode.LeftProcesses,
        "changed" => PythonErrorCode.Changed,
        "algorithm_failed" => PythonErrorCode.AlgorithmFailed,
        _ => throw new FrameException($"a failure of code {reply.Code}"),
    }, reply.Message ?? "") { Path = reply.Path, Trace = reply.Trace };

    /// <summary>The socket ended; how the process ended comes by way of the zygote.</summary>
    async Task<PythonOutcome> CrashedAsync()
    {
        try
        {
            var how = await exit.WaitAsync(ExitToldWithin, clock);
            var words = how.Signal is { } signal ? $"signal {signal}" : how.Code is { } code ? $"exit code {code}" : "its zygote ended too";
            return new PythonOutcome(null, new PythonError(PythonErrorCode.Crashed, $"the worker ended during the call: {words}") { Signal = how.Signal, ExitCode = how.Code, Output = how.Output }) { Worker = Process };
        }
        catch (TimeoutException)
        {
            return Failed(PythonErrorCode.Crashed, "the worker closed its socket during the call");
        }
    }

    /// <summary>Whether the worker said that it began its latest call: one that it did not begin can be given to another worker.</summary>
    public bool BeganItsCall => memory.CallBegun == _calls;

    PythonOutcome Failed(PythonErrorCode code, string message) => PythonOutcome.Failed(code, message) with { Worker = Process };

    public void Dispose()
    {
        // Process 1 of its namespace: with it ends whatever it started.
        Kernel.Kill(process);
        socket.Dispose();
        memory.Dispose();
        process.Dispose();
    }
}
