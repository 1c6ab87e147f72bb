using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Pipeline.Processors.Analysis.Python;

/// <summary>The system calls that .NET has no name for: descriptors that come with a message, memory shared with a worker, a process by its handle.</summary>
static unsafe partial class Kernel
{
    const int SolSocket = 1, ScmRights = 1, SoPeerCredentials = 17, MsgDontWait = 0x40, MsgCloseOnExec = 0x40000000, MsgControlCut = 0x8;
    const int Again = 11, Interrupted = 4, PidfdSendSignal = 424, GetSeals = 1034, SealsWanted = 0x1 | 0x2 | 0x4, DescriptorsMax = 64;

    [StructLayout(LayoutKind.Sequential)]
    struct MessageHead
    {
        public nint Name;
        public uint NameBytes;
        public IoVector* Vectors;
        public nuint VectorCount;
        public byte* Control;
        public nuint ControlBytes;
        public int Flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    struct IoVector
    {
        public byte* Start;
        public nuint Bytes;
    }

    /// <summary>Reads what is there and the descriptors that came with it; 0 at the end of the stream, -1 where nothing is there yet.</summary>
    public static int Receive(Socket socket, Span<byte> into, Queue<int> descriptors)
    {
        const int controlBytes = 16 + (DescriptorsMax * 4);
        var control = stackalloc byte[controlBytes];
        fixed (byte* start = into)
        {
            var vector = new IoVector { Start = start, Bytes = (nuint)into.Length };
            var head = new MessageHead { Vectors = &vector, VectorCount = 1, Control = control, ControlBytes = controlBytes };
            var read = (int)RecvMsg((int)socket.Handle, &head, MsgDontWait | MsgCloseOnExec);
            if (read < 0)
                return Marshal.GetLastPInvokeError() is Again or Interrupted ? -1 : throw new SocketException(Marshal.GetLastPInvokeError());
            if ((head.Flags & MsgControlCut) != 0)
                throw new FrameException("more descriptors came than were expected");
            for (nuint at = 0; at + 16 <= head.ControlBytes && *(nuint*)(control + at) is var length && length >= 16; at += (length + 7) & ~(nuint)7)
                if (*(int*)(control + at + 8) == SolSocket && *(int*)(control + at + 12) == ScmRights)
                    for (nuint i = 16; i + 4 <= length; i += 4)
                        descriptors.Enqueue(*(int*)(control + at + i));
            return read;
        }
    }

    /// <summary>The process that made the other end, as this one sees it.</summary>
    public static int PeerProcess(Socket socket)
    {
        Span<byte> credentials = stackalloc byte[12];
        socket.GetRawSocketOption(SolSocket, SoPeerCredentials, credentials);
        return MemoryMarshal.Read<int>(credentials);
    }

    /// <summary>Maps a worker's memory. Its seals are looked at first: memory that could shrink would end this process when it is read.</summary>
    public static nint Map(SafeFileHandle memory, long bytes)
    {
        var descriptor = (int)memory.DangerousGetHandle();
        if ((Fcntl(descriptor, GetSeals, 0) & SealsWanted) != SealsWanted || RandomAccess.GetLength(memory) != bytes)
            throw new FrameException("the shared memory is not what was asked for");
        var start = MMap(0, (nuint)bytes, 3, 1, descriptor, 0);
        return start != -1 ? start : throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    public static void Unmap(nint start, long bytes) => _ = MUnmap(start, (nuint)bytes);

    /// <summary>Gives the pages of a range back to the kernel; they read as zeros afterwards.</summary>
    public static void PunchHole(SafeFileHandle memory, long from, long bytes) => _ = FAllocate((int)memory.DangerousGetHandle(), 3, from, bytes);

    /// <summary>SIGKILL to the process of a handle; never to another one that got its number.</summary>
    public static void Kill(SafeFileHandle process)
    {
        if (!process.IsClosed)
            _ = SysCall(PidfdSendSignal, (int)process.DangerousGetHandle(), 9, 0, 0);
    }

    /// <summary>The number of a handle's process, as the kernel tells it; null once it is gone.</summary>
    public static int? ProcessOf(SafeFileHandle process)
    {
        var line = File.ReadLines($"/proc/self/fdinfo/{process.DangerousGetHandle()}").FirstOrDefault(l => l.StartsWith("Pid:", StringComparison.Ordinal));
        return line is not null && int.TryParse(line.AsSpan(4), out var number) && number > 0 ? number : null;
    }

    public static void Close(int descriptor) => _ = CloseDescriptor(descriptor);

    [LibraryImport("libc", EntryPoint = "recvmsg", SetLastError = true)]
    private static partial nint RecvMsg(int socket, MessageHead* head, int flags);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint MMap(nint at, nuint bytes, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int MUnmap(nint start, nuint bytes);

    [LibraryImport("libc", EntryPoint = "fallocate")]
    private static partial int FAllocate(int descriptor, int mode, long from, long bytes);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Fcntl(int descriptor, int command, int value);

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial nint SysCall(nint number, nint descriptor, nint signal, nint details, nint flags);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int CloseDescriptor(int descriptor);
}
