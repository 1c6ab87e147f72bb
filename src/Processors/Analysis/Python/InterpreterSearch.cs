using System.ComponentModel;
using System.Diagnostics;

namespace Pipeline.Processors.Analysis.Python;

/// <summary>An interpreter that has the packages, or why there is none.</summary>
sealed record Interpreter(string? Path, string Reason);

/// <summary>
/// The first <c>python3</c> on PATH is often one that a version tool or a virtual environment put there, and that does not see the system's packages:
/// each candidate is asked whether it finds them.
/// </summary>
static class InterpreterSearch
{
    static readonly TimeSpan AnswersWithin = TimeSpan.FromSeconds(20);

    public static async Task<Interpreter> FindAsync(string configured, string folder, TimeProvider clock, CancellationToken stop)
    {
        string[] candidates = configured.Length > 0 ? [configured] : [.. Candidates().Distinct()];
        var reasons = new List<string>();
        foreach (var candidate in candidates)
        {
            var answer = await AskAsync(candidate, folder, clock, stop);
            if (answer.StartsWith("ok ", StringComparison.Ordinal))
                return new Interpreter(candidate, answer);
            reasons.Add($"{candidate}: {answer}");
        }
        return new Interpreter(null, candidates.Length == 0 ? "there is no python3 on PATH and no /usr/bin/python3"
            : $"no interpreter has the packages ({string.Join("; ", reasons)}). Debian's: apt-get install python3-numpy python3-scipy python3-sklearn python3-statsmodels");
    }

    static IEnumerable<string> Candidates() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries).Append("/usr/bin").Select(p => Path.Combine(p, "python3")).Where(File.Exists);

    static async Task<string> AskAsync(string interpreter, string folder, TimeProvider clock, CancellationToken stop)
    {
        var start = new ProcessStartInfo(interpreter, [Path.Combine(folder, "worker.py"), "--check"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var deadline = new CancellationTokenSource(AnswersWithin, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, stop);
        try
        {
            using var process = Process.Start(start)!;
            try
            {
                var (output, error) = (process.StandardOutput.ReadToEndAsync(either.Token), process.StandardError.ReadToEndAsync(either.Token));
                await process.WaitForExitAsync(either.Token);
                var (said, complained) = ((await output).Trim(), (await error).Trim());
                return said.Length > 0 ? said : complained.Length > 0 ? complained.Split('\n')[^1] : $"ended with {process.ExitCode}";
            }
            finally
            {
                if (!process.HasExited)
                    process.Kill(entireProcessTree: true);
            }
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return $"did not answer within {AnswersWithin.TotalSeconds} s";
        }
        catch (Win32Exception e)
        {
            return e.Message;
        }
    }
}
