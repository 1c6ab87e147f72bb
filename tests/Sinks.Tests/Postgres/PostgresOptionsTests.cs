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
        Assert.Equal(Npgsql.SslMode.Require, built.SslMode);
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
    [InlineData("nonsense")]
    [InlineData("Host=localhost;Colour=red")]
    [InlineData("postgres://u:p@localhost/db?colour=red")]
    [InlineData("postgres://")]
    public void What_cannot_be_read_is_an_argument_at_fault(string text) =>
        Assert.ThrowsAny<Exception>(() => new PostgresOptions { ConnectionString = text }.Build("app"));
}
