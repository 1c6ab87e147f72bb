using System.Net;
using System.Net.Sockets;
using Npgsql;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Sinks.Tests.Postgres;

public sealed class PostgresOptionsTests
{
    [Theory]
    [InlineData("postgres://u:p@127.0.0.1:5433/db", "127.0.0.1", 5433, "db", "u", "p")]
    [InlineData("postgresql://u:p@localhost/db", "localhost", 5432, "db", "u", "p")]
    [InlineData("postgres://u@localhost/db", "localhost", 5432, "db", "u", null)]
    [InlineData("postgres://us%40er:p%3A%2F%25%23%20s@localhost/d%2Fb", "localhost", 5432, "d/b", "us@er", "p:/%# s")]
    [InlineData("postgres://u:a:b@localhost/db", "localhost", 5432, "db", "u", "a:b")]
    [InlineData("postgres://u:p@[::1]:5433/db", "::1", 5433, "db", "u", "p")]
    [InlineData("Host=localhost;Port=5433;Database=db;Username=u;Password=p;", "localhost", 5433, "db", "u", "p")]
    public void Reads_a_uri_or_keywords(string text, string host, int port, string database, string user, string? password)
    {
        var built = new PostgresOptions { ConnectionString = text }.Build("app");
        Assert.Equal((host, port, database, user, password), (built.Host!.Trim('[', ']'), built.Port, built.Database, built.Username, built.Password));
        Assert.Equal("app", built.ApplicationName);
    }

    [Fact]
    public void Reads_the_uris_parameters()
    {
        var built = new PostgresOptions { ConnectionString = "postgres://u:p@localhost/db?sslmode=require&Maximum%20Pool%20Size=7" }.Build("app");
        Assert.Equal(SslMode.Require, built.SslMode);
        Assert.Equal(7, built.MaxPoolSize);
    }

    [Fact]
    public void Bounds_every_wait()
    {
        var built = new PostgresOptions { ConnectionString = "Host=localhost", ConnectTimeout = TimeSpan.FromSeconds(7), CommandTimeout = TimeSpan.FromSeconds(9) }.Build("app");
        Assert.Equal((7, 9), (built.Timeout, built.CommandTimeout));
        Assert.InRange(built.TcpKeepAliveTime, 1, 30);
        Assert.False(built.IncludeErrorDetail);
    }

    [Theory]
    [InlineData("Host=localhost", 20, 30)]
    [InlineData("postgres://u:p@localhost/db?Maximum%20Pool%20Size=7", 7, 30)]
    [InlineData("Host=localhost;Connection Idle Lifetime=60;MaxPoolSize=50", 50, 60)]
    [InlineData("Host=localhost;Minimum Pool Size=30", 30, 30)]
    [InlineData("Host=localhost;Connection Idle Lifetime=3", 20, 3)]
    [InlineData("Host=localhost;Connection Pruning Interval=60", 20, 60)]
    public void Bounds_its_share_of_the_servers_connections(string text, int connections, int idleSeconds)
    {
        var built = new PostgresOptions { ConnectionString = text }.Build("app");
        Assert.Equal((connections, idleSeconds), (built.MaxPoolSize, built.ConnectionIdleLifetime));
        NpgsqlDataSource.Create(built).Dispose();
    }

    [Theory]
    [InlineData("Host=localhost", GssEncryptionMode.Disable)]
    [InlineData("postgres://u:p@localhost/db", GssEncryptionMode.Disable)]
    [InlineData("Host=localhost;GSS Encryption Mode=Require", GssEncryptionMode.Require)]
    [InlineData("Host=localhost;GssEncryptionMode=Prefer", GssEncryptionMode.Prefer)]
    [InlineData("postgres://u:p@localhost/db?gssencmode=require", GssEncryptionMode.Require)]
    public void Encrypts_by_kerberos_where_it_is_asked_for(string text, GssEncryptionMode expected) =>
        Assert.Equal(expected, new PostgresOptions { ConnectionString = text }.Build("app").GssEncryptionMode);

    [Fact]
    public void The_clients_own_variable_asks_for_kerberos_too()
    {
        var before = Environment.GetEnvironmentVariable("PGGSSENCMODE");
        Environment.SetEnvironmentVariable("PGGSSENCMODE", "prefer");
        try
        {
            Assert.False(new PostgresOptions { ConnectionString = "Host=localhost" }.Build("app").ShouldSerialize("GSS Encryption Mode"));
        }
        finally
        {
            Environment.SetEnvironmentVariable("PGGSSENCMODE", before);
        }
    }

    /// <summary>Seen from the server, which a socket that nobody disposed never tells that it is done.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    public async Task An_attempt_that_the_server_breaks_off_leaves_no_socket(int bytesRead)
    {
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        await using var database = NpgsqlDataSource.Create(new PostgresOptions { ConnectionString = $"Host=127.0.0.1;Port={((IPEndPoint)server.LocalEndpoint).Port};Username=u;Password=p" }.Build("app"));
        var cancellation = TestContext.Current.CancellationToken;
        for (var attempt = 0; attempt < 20; attempt++)
        {
            var opening = database.OpenConnectionAsync(cancellation).AsTask();
            using var client = await server.AcceptSocketAsync(cancellation);
            await client.ReceiveAsync(new byte[bytesRead], cancellation);
            client.Shutdown(SocketShutdown.Send);
            await Assert.ThrowsAnyAsync<NpgsqlException>(() => opening.WaitAsync(TimeSpan.FromSeconds(10), cancellation));
            var rest = new byte[1024];
            while (await client.ReceiveAsync(rest, cancellation).AsTask().WaitAsync(TimeSpan.FromSeconds(10), cancellation) > 0)
            {
            }
        }
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("Host=localhost;Colour=red")]
    [InlineData("postgres://u:p@localhost/db?colour=red")]
    [InlineData("postgres://")]
    public void What_cannot_be_read_is_an_argument_at_fault(string text) =>
        Assert.ThrowsAny<Exception>(() => new PostgresOptions { ConnectionString = text }.Build("app"));

    [Theory]
    [InlineData("Host=localhost;Minimum Pool Size=30;Maximum Pool Size=20")]
    [InlineData("Host=localhost;Connection Idle Lifetime=5;Connection Pruning Interval=60")]
    [InlineData("Host=localhost;Colour=red")]
    [InlineData("postgres://")]
    public void What_cannot_work_is_told_by_validation(string text)
    {
        var options = new PostgresOptions { ConnectionString = text };
        Assert.Contains("ConnectionString", Assert.Single(options.Validate(new System.ComponentModel.DataAnnotations.ValidationContext(options))).ErrorMessage, StringComparison.Ordinal);
    }
}
