using System.Text;

namespace Pipeline.Processors;

/// <summary>
/// For the fault tests: makes reading a record fail whose bytes hold a marker. Armed by the environment variable <c>PIPELINE_ARMED_RECORD</c>,
/// <c>action:marker</c> with action THROW, HANG, KILL or MEMORY; absent in operation.
/// </summary>
static class ArmedRecords
{
    public const string Variable = "PIPELINE_ARMED_RECORD";

    static readonly (string Action, byte[] Marker)? Armed = Environment.GetEnvironmentVariable(Variable)?.Split(':', 2) is [var action, var marker]
        ? (action, Encoding.UTF8.GetBytes(marker)) : null;

    /// <summary>The simulator's: what reading a value does to the simulated process. Null in operation.</summary>
    public static Action<byte[]?>? Simulated { get; set; }

    public static void Read(byte[]? value)
    {
        Simulated?.Invoke(value);
        if (Armed is { } armed && value.AsSpan().IndexOf(armed.Marker) >= 0)
            Act(armed.Action);
    }

    static void Act(string action)
    {
        switch (action)
        {
            case "THROW":
                throw new InvalidOperationException("a record that throws");
            case "KILL":
                System.Diagnostics.Process.GetCurrentProcess().Kill();
                break;
            case "MEMORY":
                for (var taken = new List<byte[]>(); ; taken.Add(GC.AllocateUninitializedArray<byte>(64 * 1024 * 1024)))
                    taken.LastOrDefault()?.AsSpan().Fill(1);
            case "HANG":
                while (true)
                    Thread.SpinWait(1000);
            default:
                throw new InvalidOperationException($"{Variable}: action {action} is unknown");
        }
    }
}
