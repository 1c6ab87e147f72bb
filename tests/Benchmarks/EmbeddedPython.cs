using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Pipeline.Benchmarks;

/// <summary>
/// A host with libpython in its own process, as a binding would have it: <c>Pipeline.Benchmarks.dll embedded-python MODE</c>. It is a process of its own because some of what it shows ends it. Prints figures, one a line.
/// </summary>
static class EmbeddedPython
{
    public const string Library = "libpython3.11.so.1.0";

    /// <summary>Its symbols for everyone (RTLD_NOW | RTLD_GLOBAL): Python's own modules look for them there.</summary>
    const int NowAndGlobal = 0x102;

    [DllImport("libc.so.6")]
    static extern IntPtr dlopen([MarshalAs(UnmanagedType.LPUTF8Str)] string file, int flags);

    [DllImport(Library)]
    static extern void Py_InitializeEx(int signals);

    [DllImport(Library)]
    static extern IntPtr PyEval_SaveThread();

    [DllImport(Library)]
    static extern int PyGILState_Ensure();

    [DllImport(Library)]
    static extern void PyGILState_Release(int state);

    [DllImport(Library)]
    static extern int PyRun_SimpleString([MarshalAs(UnmanagedType.LPUTF8Str)] string code);

    public static int Run(string mode)
    {
        if (dlopen(Library, NowAndGlobal) == 0)
            throw new InvalidOperationException($"{Library} is missing: apt-get install libpython3.11");
        Py_InitializeEx(0);
        if (PyRun_SimpleString(PythonInHostBenchmark.Algorithms) != 0)
            throw new InvalidOperationException("The algorithms cannot be imported.");
        PyEval_SaveThread();
        switch (mode)
        {
            case "crash": Call("crash(None, {})"); break;
            case "threads": Threads(); break;
            case "memory": Memory(); break;
            case "sleep": Hang("import time; time.sleep(60)"); break;
            case "native": Hang("import ctypes; ctypes.PyDLL(None).sleep(60)"); break;
            default: return 2;
        }
        // Without a finalization: what hangs would be waited for.
        Process.GetCurrentProcess().Kill();
        return 0;
    }

    static void Call(string code)
    {
        var state = PyGILState_Ensure();
        _ = PyRun_SimpleString(code);
        PyGILState_Release(state);
    }

    /// <summary>Two calls of pure Python one after the other, and on two threads.</summary>
    static void Threads()
    {
        const string call = "spin(None, {})";
        Call(call);
        var clock = Stopwatch.StartNew();
        Call(call);
        Call(call);
        Say(clock.Elapsed.TotalSeconds);
        clock.Restart();
        var both = new[] { Begin(call), Begin(call) };
        foreach (var thread in both)
            thread.Join();
        Say(clock.Elapsed.TotalSeconds);
    }

    static void Memory()
    {
        Say(Resident(Environment.ProcessId));
        for (var i = 0; i < PythonInHostBenchmark.LeakingCalls; i++)
            Call("leak(None, {})");
        GC.Collect();
        Say(Resident(Environment.ProcessId));
    }

    /// <summary>Whether a call that hangs can be ended by the one means there is, and how long another one waits meanwhile, five seconds at most; NaN where it got no answer.</summary>
    static void Hang(string code)
    {
        var hanging = Begin($"import threading; ident = threading.get_ident()\n{code}");
        // It says nothing when it has begun.
        hanging.Join(TimeSpan.FromSeconds(1));
        var clock = Stopwatch.StartNew();
        var other = Begin("nothing(None, {})");
        Say(other.Join(TimeSpan.FromSeconds(5)) ? clock.Elapsed.TotalSeconds : double.NaN);
        clock.Restart();
        Begin("import ctypes; ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(RuntimeError))");
        Say(hanging.Join(TimeSpan.FromSeconds(5)) ? clock.Elapsed.TotalSeconds : double.NaN);
    }

    static Thread Begin(string code)
    {
        var thread = new Thread(() => Call(code)) { IsBackground = true };
        thread.Start();
        return thread;
    }

    /// <returns>MiB.</returns>
    public static double Resident(int process)
    {
        var line = File.ReadLines($"/proc/{process}/status").FirstOrDefault(l => l.StartsWith("VmRSS", StringComparison.Ordinal));
        return line is null ? 0 : double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
    }

    static void Say(double figure) => Console.Out.WriteLine(figure.ToString("R", CultureInfo.InvariantCulture));
}
