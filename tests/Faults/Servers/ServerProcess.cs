using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Pipeline.Faults.Servers;

/// <summary>A server that this suite owns and may harm: one process, its output in a file.</summary>
sealed class ServerProcess
{
    public const int SigInt = 2, SigQuit = 3, SigKill = 9, SigTerm = 15, SigCont = 18, SigStop = 19;

    readonly Process _process;
    readonly string _log;

    /// <param name="environment">On top of our own.</param>
    public ServerProcess(string log, IEnumerable<string> command, params (string Name, string Value)[] environment)
    {
        _log = log;
        // No pipes: they would have to be read. exec keeps the pid that the signals go to.
        var start = new ProcessStartInfo("bash", ["-c", "exec \"$@\" >>\"$0\" 2>&1 </dev/null", log, .. command]) { WorkingDirectory = "/" };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        _process = Process.Start(start)!;
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public void Signal(int signal)
    {
        if (!_process.HasExited)
            _ = Kill(_process.Id, signal);
    }

    /// <summary>To a process that somebody else started.</summary>
    public static void Signal(int process, int signal) => _ = Kill(process, signal);

    public async Task EndAsync(int signal, TimeSpan within)
    {
        Signal(signal);
        using var deadline = new CancellationTokenSource(within);
        try
        {
            await _process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            Signal(SigKill);
            await _process.WaitForExitAsync();
        }
    }

    public string LogEnd() => File.Exists(_log) ? string.Join('\n', File.ReadLines(_log).TakeLast(15)) : "";

    /// <summary>Runs a command to its end; its output is in the answer, and an exit code other than 0 is a failure.</summary>
    public static async Task<string> RunAsync(TimeSpan within, IEnumerable<string> command, params (string Name, string Value)[] environment)
    {
        var output = Path.GetTempFileName();
        try
        {
            // By way of a file: a server that the command leaves behind would hold a pipe open.
            var process = new ServerProcess(output, command, environment);
            using var deadline = new CancellationTokenSource(within);
            await process._process.WaitForExitAsync(deadline.Token);
            var text = await File.ReadAllTextAsync(output);
            return process._process.ExitCode == 0 ? text : throw new InvalidOperationException($"{string.Join(' ', command)} ended with {process._process.ExitCode}:\n{text}");
        }
        finally
        {
            File.Delete(output);
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    static extern int Kill(int pid, int signal);
}
