using System.Diagnostics;
using Pipeline.Faults.Servers;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Harness;

/// <summary>The Python below a host, as the kernel sees it: a zygote, and the workers that it forked.</summary>
static class PythonWorkers
{
    static readonly Lazy<bool> Installed = new(() => ((string[])["python3", "/usr/bin/python3"]).Any(HasPackages));

    /// <summary>Whether the product would find an interpreter.</summary>
    public static bool IsInstalled => Installed.Value;

    /// <summary>Processes that nothing was forked from, the zygote not counted.</summary>
    public static IReadOnlyList<int> Of(int host)
    {
        var parents = Parents();
        return [.. parents.Keys.Where(p => parents[p] != host && !parents.ContainsValue(p) && IsBelow(p, host, parents))];
    }

    /// <returns>How many there were.</returns>
    public static int Kill(int host)
    {
        var workers = Of(host);
        foreach (var worker in workers)
            ServerProcess.Signal(worker, ServerProcess.SigKill);
        return workers.Count;
    }

    static bool IsBelow(int process, int host, Dictionary<int, int> parents)
    {
        while (parents.TryGetValue(process, out var parent) && process != host)
            process = parent;
        return process == host;
    }

    static Dictionary<int, int> Parents()
    {
        var parents = new Dictionary<int, int>();
        foreach (var folder in Directory.GetDirectories("/proc"))
            if (int.TryParse(Path.GetFileName(folder), out var id))
                try
                {
                    // The name in brackets may hold blanks; behind it stand the state and the parent.
                    parents[id] = int.Parse(File.ReadAllText($"{folder}/stat").Split(") ")[^1].Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
                }
                catch (IOException)
                {
                    // It ended just now.
                }
        return parents;
    }

    static bool HasPackages(string interpreter)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(interpreter, [Path.Combine(TestServers.Repository, "python", "worker.py"), "--check"]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
