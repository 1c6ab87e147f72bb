using System.Net.NetworkInformation;

namespace Pipeline.Faults.Servers;

/// <summary>Ports for servers of this run, below the range from which the kernel takes client ports. None is given out twice.</summary>
static class Ports
{
    static readonly Lock Sync = new();
    static readonly HashSet<int> Given = [];

    /// <summary>The first of so many free ports in a row.</summary>
    public static int Free(int count = 1)
    {
        lock (Sync)
        {
            var taken = IPGlobalProperties.GetIPGlobalProperties().GetActiveTcpListeners().Select(e => e.Port).ToHashSet();
            while (true)
            {
                var first = Random.Shared.Next(27_000, 32_000);
                var row = Enumerable.Range(first, count).ToList();
                if (row.Any(p => taken.Contains(p) || Given.Contains(p)))
                    continue;
                Given.UnionWith(row);
                return first;
            }
        }
    }
}
