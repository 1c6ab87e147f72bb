using Npgsql;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Faults.Servers;

/// <summary>A PostgreSQL cluster of this run. As root it runs as the package's user, because the server refuses root.</summary>
sealed class OwnPostgres
{
    const int ConnectionsMax = 60;
    static readonly TimeSpan StartWithin = TimeSpan.FromSeconds(60);

    readonly string _folder;
    readonly int _port = Ports.Free();
    ServerProcess? _server;

    OwnPostgres(string folder) => _folder = folder;

    public string Uri(string database = "postgres", int? port = null) => $"postgres://postgres@127.0.0.1:{port ?? _port}/{database}";

    public string Address => $"127.0.0.1:{_port}";

    public static async Task<OwnPostgres> StartAsync(string folder)
    {
        var postgres = new OwnPostgres(Path.Combine(folder, "postgres"));
        Directory.CreateDirectory(postgres._folder);
        if (Lane.IsRoot)
            await ServerProcess.RunAsync(StartWithin, ["chown", "postgres:postgres", postgres._folder]);
        await ServerProcess.RunAsync(StartWithin, [.. AsOwner, Program("initdb"), "-D", Path.Combine(postgres._folder, "cluster"), "-U", "postgres", "--auth=trust",
            "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
        await postgres.StartAgainAsync();
        return postgres;
    }

    /// <summary>Also while the memory of a killed server is still held by its last backends.</summary>
    public async Task StartAgainAsync()
    {
        await Until.TrueAsync($"PostgreSQL answers at {Address}", StartWithin, async () =>
        {
            if (_server is null || _server.HasExited)
                _server = Launch();
            return await AnswersAsync();
        });
    }

    ServerProcess Launch() => new(Path.Combine(_folder, "..", "postgres.log"),
    [
        .. AsOwner, Program("postgres"), "-D", Path.Combine(_folder, "cluster"), "-p", $"{_port}", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
        "-c", $"max_connections={ConnectionsMax}", "-c", "shared_buffers=128MB", "-c", "timezone=UTC", "-c", "log_timezone=UTC", "-c", "log_line_prefix=%m [%p] %a ",
    ]);

    async Task<bool> AnswersAsync()
    {
        try
        {
            await ExecuteAsync("SELECT 1");
            return true;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    /// <summary>SIGINT is a fast shutdown, SIGQUIT an immediate one, SIGKILL a crash of the postmaster.</summary>
    public Task StopAsync(int signal) => _server!.EndAsync(signal, TimeSpan.FromSeconds(30));

    /// <summary>One statement in the maintenance database, or in another.</summary>
    public async Task ExecuteAsync(string sql, string database = "postgres")
    {
        await using var connection = new NpgsqlConnection(Settings(database).ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    public NpgsqlConnectionStringBuilder Settings(string database) => new()
    {
        Host = "127.0.0.1", Port = _port, Username = "postgres", Database = database, Pooling = false, ApplicationName = "pipeline-tests", Timeout = 5, CommandTimeout = 60,
    };

    public async Task EndAsync()
    {
        if (_server is not null)
            await _server.EndAsync(ServerProcess.SigQuit, TimeSpan.FromSeconds(10));
    }

    static string[] AsOwner => Lane.IsRoot ? ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups", "--"] : [];

    /// <summary>The versioned folder: programs of the same name elsewhere in PATH may be wrappers.</summary>
    static string Program(string name) => Path.Combine(Directory.GetDirectories("/usr/lib/postgresql").OrderByDescending(d => int.Parse(Path.GetFileName(d),
        System.Globalization.CultureInfo.InvariantCulture)).First(), "bin", name);
}
