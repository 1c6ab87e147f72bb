using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;

namespace Pipeline.Processors.Analysis.Grpc;

/// <summary>
/// Binds Unix sockets as files for this user alone. Beside each lies <c>PATH.lock</c>, locked while its process lives: the kernel gives that up even where the process was killed, so that the next one
/// knows a file that nobody serves from one that somebody does.
/// </summary>
sealed class SocketFiles : IDisposable
{
    const UnixFileMode Mine = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    readonly List<FileStream> _locks = [];

    /// <exception cref="IOException">Somebody serves it, or the path is something else's.</exception>
    public Socket Bind(UnixDomainSocketEndPoint endpoint)
    {
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException("A file of Windows has no mode that closes it to others.");
        var path = endpoint.ToString();
        // 1. the place is ours; 2. what a killed process left, its lock beside it, goes; 3. the file is closed to others before anything listens.
        var wasKilled = File.Exists(path + ".lock");
        _locks.Add(Lock(path));
        if (File.Exists(path) && wasKilled)
            RemoveStale(path, endpoint);
        else if (Path.Exists(path))
            throw Taken(path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(endpoint);
            File.SetUnixFileMode(path, Mine);
            return socket;
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            socket.Dispose();
            throw new IOException($"{path} cannot be made: {e.Message}", e);
        }
    }

    [UnsupportedOSPlatform("windows")]
    static FileStream Lock(string path)
    {
        try
        {
            return new FileStream(path + ".lock", new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.None, UnixCreateMode = Mine, Options = FileOptions.DeleteOnClose,
            });
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"The socket {path} is served by another process, or cannot be made: {e.Message}", e);
        }
    }

    /// <summary>Whoever serves it without a lock of ours, and a file that is no socket, are nobody's to remove.</summary>
    static void RemoveStale(string path, UnixDomainSocketEndPoint endpoint)
    {
        using var visitor = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
        try
        {
            visitor.Connect(endpoint);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
            return;
        }
        catch (SocketException)
        {
            // It is busy, so it lives.
        }
        throw Taken(path);
    }

    static IOException Taken(string path) => new($"{path} is there already, and not what a killed process of this kind left.");

    public void Dispose() => _locks.ForEach(l => l.Dispose());
}
