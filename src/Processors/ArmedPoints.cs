using System.Runtime.InteropServices;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Processors;

/// <summary>
/// For the fault tests: ends or stops this process at a named point of a batch. Armed by the environment variable <c>PIPELINE_ARMED</c>,
/// <c>point:signal:passes</c>, such as <c>BeforeCommit:KILL:3</c> for the third time; absent in operation.
/// </summary>
static partial class ArmedPoints
{
    public const string Variable = "PIPELINE_ARMED";
    const int SigKill = 9, SigStop = 19;

    public static Action<ArmedPoint>? FromEnvironment()
    {
        if (Environment.GetEnvironmentVariable(Variable)?.Split(':') is not [var name, var signal, var passes])
            return null;
        var point = Enum.Parse<ArmedPoint>(name);
        var number = signal == "STOP" ? SigStop : SigKill;
        var left = int.Parse(passes, System.Globalization.CultureInfo.InvariantCulture);
        return passed =>
        {
            if (passed == point && Interlocked.Decrement(ref left) == 0)
                Marshal.ThrowExceptionForHR(Kill(Environment.ProcessId, number));
        };
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}
