using System.Runtime.InteropServices;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Processors;

/// <summary>Places in a hand-over to RabbitMQ where a fault test can end or stop the process: messages are sent; all are confirmed, and the caller does not know yet.</summary>
public enum HandOverPoint { BeforeConfirm, AfterConfirm }

/// <summary>
/// For the fault tests: ends or stops this process at a named point of a batch, of a hand-over or of an erasure. Armed by the environment variable
/// <c>PIPELINE_ARMED</c>, <c>point:signal:passes</c>, such as <c>BeforeCommit:KILL:3</c> for the third time; absent in operation.
/// </summary>
static partial class ArmedPoints
{
    public const string Variable = "PIPELINE_ARMED";
    const int SigKill = 9, SigStop = 19;

    public static Action<ArmedPoint>? FromEnvironment() => FromEnvironment<ArmedPoint>();

    /// <summary>Null where no point of this kind is armed.</summary>
    public static Action<T>? FromEnvironment<T>() where T : struct, Enum
    {
        if (Environment.GetEnvironmentVariable(Variable)?.Split(':') is not [var name, var signal, var passes] || !Enum.TryParse<T>(name, out var point))
            return null;
        var number = signal == "STOP" ? SigStop : SigKill;
        var left = int.Parse(passes, System.Globalization.CultureInfo.InvariantCulture);
        return passed =>
        {
            if (EqualityComparer<T>.Default.Equals(passed, point) && Interlocked.Decrement(ref left) == 0)
                Marshal.ThrowExceptionForHR(Kill(Environment.ProcessId, number));
        };
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int pid, int signal);
}
