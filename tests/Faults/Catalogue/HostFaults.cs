namespace Pipeline.Faults.Catalogue;

/// <summary>Debian's libfaketime: moves the wall clock of one process.</summary>
static class FakeTime
{
    public const string Library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

    public static (string, string)[] Shifted(string by) => [("LD_PRELOAD", Library), ("FAKETIME", by), ("FAKETIME_DONT_FAKE_MONOTONIC", "1"), ("DONT_FAKE_MONOTONIC", "1")];
}
