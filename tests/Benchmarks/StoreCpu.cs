using System.Globalization;
using Npgsql;

namespace Pipeline.Benchmarks;

/// <summary>CPU seconds that a store's processes have used. Where the machine is shared, CPU a million events says more than a rate.</summary>
static class StoreCpu
{
    const double TicksPerSecond = 100;

    /// <summary>PostgreSQL's, all its processes together.</summary>
    /// <returns>Null where the server is not on this machine.</returns>
    public static async Task<double?> SecondsAsync(NpgsqlDataSource store)
    {
        await using var command = store.CreateCommand("SELECT pg_backend_pid()");
        var backend = (int)(await command.ExecuteScalarAsync())!;
        if (!File.Exists($"/proc/{backend}/stat"))
            return null;
        var postmaster = Fields(backend)[1];
        var ticks = 0.0;
        foreach (var folder in Directory.EnumerateDirectories("/proc").Where(d => char.IsAsciiDigit(Path.GetFileName(d)[0])))
        {
            var pid = int.Parse(Path.GetFileName(folder), CultureInfo.InvariantCulture);
            if (Fields(pid) is not { Count: > 15 } fields)
                continue;
            if (pid.ToString(CultureInfo.InvariantCulture) == postmaster)
                ticks += Sum(fields, 11, 12, 13, 14);
            else if (fields[1] == postmaster)
                ticks += Sum(fields, 11, 12);
        }
        return ticks / TicksPerSecond;
    }

    /// <returns>Null for a process that is not known.</returns>
    public static double? OfProcess(int? process) => process is { } id && Fields(id) is { Count: > 15 } fields ? Sum(fields, 11, 12) / TicksPerSecond : null;

    /// <summary>What all processors of this machine have worked, whoever for.</summary>
    public static double OfMachine()
    {
        // cpu user nice system idle iowait irq softirq steal
        var ticks = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return new[] { 1, 2, 3, 6, 7 }.Sum(i => double.Parse(ticks[i], CultureInfo.InvariantCulture)) / TicksPerSecond;
    }

    /// <summary>What follows the command's name in /proc/PID/stat: state, parent, …; 11 and 12 are user and system time, 13 and 14 those of ended children.</summary>
    static List<string> Fields(int pid)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{pid}/stat");
            return [.. text[(text.LastIndexOf(')') + 2)..].Split(' ')];
        }
        catch (IOException)
        {
            return [];
        }
    }

    static double Sum(List<string> fields, params ReadOnlySpan<int> indexes)
    {
        var sum = 0.0;
        foreach (var index in indexes)
            sum += double.Parse(fields[index], CultureInfo.InvariantCulture);
        return sum;
    }
}
