using System.Net.Sockets;
using Pipeline.Pipeline.Tests.Harness;
using RabbitMQ.Client;

namespace Pipeline.Faults.Servers;

/// <summary>RabbitMQ of this run, from the system's package, with a port mapper (epmd) of its own.</summary>
sealed class OwnRabbit
{
    const string Programs = "/usr/lib/rabbitmq/bin", User = "pipeline", Password = "pipeline";
    static readonly TimeSpan StartWithin = TimeSpan.FromSeconds(120);

    readonly string _folder;
    readonly int _port = Ports.Free(), _distribution = Ports.Free(), _mapper = Ports.Free();
    ServerProcess? _server, _epmd;

    OwnRabbit(string folder) => _folder = folder;

    public static bool IsInstalled => File.Exists(Path.Combine(Programs, "rabbitmq-server"));

    public string Address => $"127.0.0.1:{_port}";

    public static string Uri(string address) => $"amqp://{User}:{Password}@{address}/%2F";

    public static async Task<OwnRabbit> StartAsync(string folder)
    {
        var rabbit = new OwnRabbit(Path.Combine(folder, "rabbitmq"));
        Directory.CreateDirectory(Path.Combine(rabbit._folder, "home"));
        var settings = Path.Combine(TestServers.Repository, "compose", "rabbitmq", "rabbitmq.conf");
        await File.WriteAllTextAsync(Path.Combine(rabbit._folder, "rabbitmq.conf"), $"{await File.ReadAllTextAsync(settings)}\ndefault_user = {User}\ndefault_pass = {Password}\n");
        await File.WriteAllTextAsync(Path.Combine(rabbit._folder, "enabled_plugins"), "[].\n");
        rabbit._epmd = new ServerProcess(Path.Combine(folder, "epmd.log"), ["epmd", "-address", "127.0.0.1", "-port", $"{rabbit._mapper}"]);
        await rabbit.StartAgainAsync();
        return rabbit;
    }

    public async Task StartAgainAsync()
    {
        _server = new ServerProcess(Path.Combine(_folder, "..", "rabbitmq.log"), [Path.Combine(Programs, "rabbitmq-server")], Environment);
        await Until.TrueAsync("RabbitMQ answers", StartWithin, GreetsAsync);
    }

    /// <summary>SIGTERM stops the node in order, SIGKILL does not.</summary>
    public Task StopAsync(int signal) => _server!.EndAsync(signal, TimeSpan.FromSeconds(40));

    /// <summary>A node as new: a restart takes away alarms as well.</summary>
    public async Task MendAsync()
    {
        await StopAsync(ServerProcess.SigKill);
        await StartAgainAsync();
    }

    public Task ControlAsync(params string[] arguments) => ServerProcess.RunAsync(TimeSpan.FromSeconds(120), [Path.Combine(Programs, "rabbitmqctl"), .. arguments], Environment);

    public async Task<IConnection> ConnectAsync() => await new ConnectionFactory { Uri = new Uri(Uri(Address)), AutomaticRecoveryEnabled = false }.CreateConnectionAsync();

    public async Task EndAsync()
    {
        if (_server is not null)
            await _server.EndAsync(ServerProcess.SigKill, TimeSpan.FromSeconds(10));
        if (_epmd is not null)
            await _epmd.EndAsync(ServerProcess.SigKill, TimeSpan.FromSeconds(10));
    }

    /// <summary>It answers the protocol's header with its first frame, of type 1, once it is ready.</summary>
    async Task<bool> GreetsAsync()
    {
        try
        {
            using var client = new TcpClient();
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            await client.ConnectAsync("127.0.0.1", _port, deadline.Token);
            var stream = client.GetStream();
            await stream.WriteAsync("AMQP\0\0\u0009\u0001"u8.ToArray(), deadline.Token);
            var first = new byte[1];
            return await stream.ReadAsync(first, deadline.Token) == 1 && first[0] == 1;
        }
        catch (Exception e) when (e is SocketException or IOException or OperationCanceledException)
        {
            return false;
        }
    }

    (string, string)[] Environment =>
    [
        // The script becomes the server instead of watching it, so that its pid is the server's.
        ("RUNNING_UNDER_SYSTEMD", "true"), ("HOME", Path.Combine(_folder, "home")), ("ERL_EPMD_PORT", $"{_mapper}"), ("ERL_EPMD_ADDRESS", "127.0.0.1"),
        ("RABBITMQ_NODENAME", $"faults-{_port}@localhost"), ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1"), ("RABBITMQ_NODE_PORT", $"{_port}"), ("RABBITMQ_DIST_PORT", $"{_distribution}"),
        ("RABBITMQ_MNESIA_BASE", Path.Combine(_folder, "mnesia")), ("RABBITMQ_LOG_BASE", Path.Combine(_folder, "log")), ("RABBITMQ_LOGS", "-"), ("RABBITMQ_PID_FILE", Path.Combine(_folder, "pid")),
        ("RABBITMQ_CONFIG_FILE", Path.Combine(_folder, "rabbitmq.conf")), ("RABBITMQ_ADVANCED_CONFIG_FILE", Path.Combine(TestServers.Repository, "compose", "rabbitmq", "advanced.config")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", Path.Combine(_folder, "enabled_plugins")), ("RABBITMQ_CONF_ENV_FILE", "/dev/null"), ("RABBITMQ_FEATURE_FLAGS_FILE", Path.Combine(_folder, "feature_flags")),
        ("RABBITMQ_GENERATED_CONFIG_DIR", Path.Combine(_folder, "generated")), ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}"),
    ];
}
