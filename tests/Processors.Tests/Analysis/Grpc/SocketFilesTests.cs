using System.Net.Sockets;
using Pipeline.Processors.Analysis.Grpc;

namespace Pipeline.Processors.Tests.Analysis.Grpc;

/// <summary>Who gets the file of a Unix socket, and what becomes of it.</summary>
public sealed class SocketFilesTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("pipeline-test-socket-").FullName;

    string Place => Path.Combine(_folder, "engine.sock");

    UnixDomainSocketEndPoint EndPoint => new(Place);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void It_is_for_this_user_alone_and_goes_with_its_server()
    {
        using (var files = new SocketFiles())
        using (var socket = files.Bind(EndPoint))
        {
            socket.Listen();
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, new FileInfo(Place).UnixFileMode);
        }
        Assert.Empty(Directory.GetFiles(_folder));
    }

    [Fact]
    public void What_a_killed_process_left_is_replaced()
    {
        Abandon();
        File.WriteAllText(Place + ".lock", "");
        using var files = new SocketFiles();
        using var socket = files.Bind(EndPoint);
        socket.Listen();
        Connect();
    }

    [Fact]
    public void One_that_is_served_stays_whoever_serves_it()
    {
        using var files = new SocketFiles();
        using var socket = files.Bind(EndPoint);
        socket.Listen();
        using var others = new SocketFiles();
        Assert.Contains("served by another process", Assert.Throws<IOException>(() => others.Bind(EndPoint)).Message, StringComparison.Ordinal);
        Connect();

        // Another program's, that knows of no lock.
        var place = Path.Combine(_folder, "other");
        using var other = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        other.Bind(new UnixDomainSocketEndPoint(place));
        other.Listen();
        File.WriteAllText(place + ".lock", "");
        Assert.Throws<IOException>(() => others.Bind(new UnixDomainSocketEndPoint(place)));
        Assert.True(File.Exists(place));
    }

    [Fact]
    public void A_file_that_is_not_ours_stays()
    {
        File.WriteAllText(Place, "a letter");
        using var files = new SocketFiles();
        Assert.Throws<IOException>(() => files.Bind(EndPoint));
        Assert.Equal("a letter", File.ReadAllText(Place));
        Assert.Throws<IOException>(() => files.Bind(new UnixDomainSocketEndPoint(Path.Combine(_folder, "no", "folder"))));
    }

    void Connect()
    {
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(EndPoint);
    }

    /// <summary>A socket's file without its socket: a closed one would take its file along, so that another name is made for it.</summary>
    void Abandon()
    {
        var bound = Path.Combine(_folder, "bound");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(bound));
        File.Move(bound, Place);
    }
}
