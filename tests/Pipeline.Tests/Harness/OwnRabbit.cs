using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using RabbitMQ.Client;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>A RabbitMQ of one test, which it may kill and start again, started as ./dev does it. Only where the system's package is installed.</summary>
sealed class OwnRabbit : IAsyncDisposable
{
    const string Program = "/usr/lib/rabbitmq/bin/rabbitmq-server";
    static readonly TimeSpan StartWithin = TimeSpan.FromSeconds(120), EndWithin = TimeSpan.FromSeconds(30);

    readonly string _folder = Directory.CreateTempSubdirectory("pipeline-rabbit-").FullName;
    readonly int _port = TestServers.FreePort(), _distribution = TestServers.FreePort(), _mapper = TestServers.FreePort();
    Process? _epmd, _server;

    public string Uri => $"amqp://pipeline:secret@127.0.0.1:{_port}/%2F";

    public static async Task<OwnRabbit> StartAsync()
    {
        if (!File.Exists(Program))
            Assert.Skip($"killing RabbitMQ: {Program} is not there.");
        var rabbit = new OwnRabbit();
        var settings = await File.ReadAllTextAsync(Path.Combine(TestServers.Repository, "compose", "rabbitmq", "rabbitmq.conf"));
        await File.WriteAllTextAsync(Path.Combine(rabbit._folder, "rabbitmq.conf"), $"{settings}\ndefault_user = pipeline\ndefault_pass = secret\n");
        await File.WriteAllTextAsync(Path.Combine(rabbit._folder, "enabled_plugins"), "[].\n");
        rabbit._epmd = rabbit.Launch("epmd", [], "epmd", "-address", "127.0.0.1", "-port", $"{rabbit._mapper}");
        await rabbit.StartAgainAsync();
        return rabbit;
    }

    /// <summary>Starts it on its data and waits until a client gets in.</summary>
    public async Task StartAgainAsync()
    {
        _server = Launch("rabbitmq",
        [
            ("HOME", _folder), ("ERL_EPMD_PORT", $"{_mapper}"), ("ERL_EPMD_ADDRESS", "127.0.0.1"), ("RUNNING_UNDER_SYSTEMD", "true"), ("RABBITMQ_NODENAME", $"t{_port}@localhost"),
            ("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1"), ("RABBITMQ_NODE_PORT", $"{_port}"), ("RABBITMQ_DIST_PORT", $"{_distribution}"), ("RABBITMQ_MNESIA_BASE", InFolder("mnesia")),
            ("RABBITMQ_LOG_BASE", InFolder("log")), ("RABBITMQ_LOGS", "-"), ("RABBITMQ_PID_FILE", InFolder("pid")), ("RABBITMQ_CONFIG_FILE", InFolder("rabbitmq.conf")),
            ("RABBITMQ_ADVANCED_CONFIG_FILE", Path.Combine(TestServers.Repository, "compose", "rabbitmq", "advanced.config")), ("RABBITMQ_ENABLED_PLUGINS_FILE", InFolder("enabled_plugins")),
            ("RABBITMQ_CONF_ENV_FILE", "/dev/null"), ("RABBITMQ_FEATURE_FLAGS_FILE", InFolder("feature_flags")), ("RABBITMQ_GENERATED_CONFIG_DIR", InFolder("generated")),
            ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}"),
        ], Program);
        await Until.TrueAsync("RabbitMQ lets a client in", StartWithin, async () =>
        {
            if (_server.HasExited)
                throw new InvalidOperationException($"RabbitMQ ended:\n{string.Join('\n', File.ReadLines(InFolder("rabbitmq.out")).TakeLast(15))}");
            try
            {
                await using var connection = await new ConnectionFactory { Uri = new Uri(Uri), RequestedConnectionTimeout = TimeSpan.FromSeconds(5) }.CreateConnectionAsync();
                return true;
            }
            catch (RabbitMQ.Client.Exceptions.BrokerUnreachableException)
            {
                return false;
            }
        });
    }

    public Task KillAsync() => EndAsync(_server!, HostProcess.SigKill);

    public Task StopAsync() => EndAsync(_server!, HostProcess.SigTerm);

    /// <summary>SIGSTOP and SIGCONT.</summary>
    public void Signal(int signal) => _ = Kill(_server!.Id, signal);

    string InFolder(string name) => Path.Combine(_folder, name);

    /// <summary>Without pipes, which would have to be read; exec keeps the pid that the signals go to.</summary>
    Process Launch(string name, (string Name, string Value)[] environment, params string[] command)
    {
        var start = new ProcessStartInfo("bash", ["-c", "exec \"$@\" >>\"$0\" 2>&1 </dev/null", InFolder(name + ".out"), .. command]) { WorkingDirectory = _folder };
        foreach (var (variable, value) in environment)
            start.Environment[variable] = value;
        return Process.Start(start)!;
    }

    static async Task EndAsync(Process process, int signal)
    {
        if (process.HasExited)
            return;
        _ = Kill(process.Id, HostProcess.SigCont);
        _ = Kill(process.Id, signal);
        using var deadline = new CancellationTokenSource(EndWithin);
        await process.WaitForExitAsync(deadline.Token);
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await EndAsync(_server, HostProcess.SigKill);
        if (_epmd is not null)
            await EndAsync(_epmd, HostProcess.SigKill);
        // The server's helpers end by themselves a moment later and may still write.
        await Until.TrueAsync("its folder is deleted", EndWithin, () =>
        {
            try
            {
                Directory.Delete(_folder, recursive: true);
            }
            catch (IOException)
            {
                // Looked at below.
            }
            return !Directory.Exists(_folder);
        });
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    static extern int Kill(int pid, int signal);
}
