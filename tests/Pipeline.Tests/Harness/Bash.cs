using System.Diagnostics;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>A command as a user types it, in the repository's folder.</summary>
static class Bash
{
    /// <returns>The output holds what went to the error stream too.</returns>
    public static async Task<(int ExitCode, string Output)> RunAsync(string command, TimeSpan deadline)
    {
        var start = new ProcessStartInfo("bash", ["-c", command + " 2>&1"]) { WorkingDirectory = TestServers.Repository, RedirectStandardOutput = true, RedirectStandardInput = true };
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        using var stop = new CancellationTokenSource(deadline);
        try
        {
            var output = await process.StandardOutput.ReadToEndAsync(stop.Token);
            await process.WaitForExitAsync(stop.Token);
            return (process.ExitCode, output);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{command} did not end within {deadline}");
        }
    }
}
