using System.Net.Sockets;
using Npgsql;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Sinks.Tests.Postgres;

public sealed class PostgresFaultsTests
{
    [Theory]
    [InlineData("PL001", StoreFault.Fenced)]
    [InlineData("22021", StoreFault.Refused)]
    [InlineData("22P02", StoreFault.Refused)]
    [InlineData("23505", StoreFault.Fatal)]
    [InlineData("23514", StoreFault.Transient)]
    [InlineData("54000", StoreFault.Refused)]
    [InlineData("42P01", StoreFault.Fatal)]
    [InlineData("42501", StoreFault.Fatal)]
    [InlineData("08006", StoreFault.Transient)]
    [InlineData("40001", StoreFault.Transient)]
    [InlineData("40P01", StoreFault.Transient)]
    [InlineData("53100", StoreFault.Transient)]
    [InlineData("53300", StoreFault.Transient)]
    [InlineData("55P03", StoreFault.Transient)]
    [InlineData("57014", StoreFault.Transient)]
    [InlineData("57P01", StoreFault.Transient)]
    [InlineData("57P03", StoreFault.Transient)]
    [InlineData("28P01", StoreFault.Transient)]
    [InlineData("3D000", StoreFault.Transient)]
    [InlineData("25P03", StoreFault.Transient)]
    public void A_state_says_what_the_failure_means(string state, StoreFault fault) =>
        Assert.Equal(fault, PostgresFaults.Classify(new PostgresException("message", "ERROR", "ERROR", state)));

    [Fact]
    public void A_failure_without_a_state_is_transient_only_where_it_is_the_networks()
    {
        foreach (var exception in (Exception[])[new NpgsqlException("x"), new IOException("x"), new SocketException(111), new TimeoutException("x")])
            Assert.Equal(StoreFault.Transient, PostgresFaults.Classify(exception));
        Assert.Equal(StoreFault.Fenced, PostgresFaults.Classify(new FencedException("x")));
        foreach (var exception in (Exception[])[new InvalidOperationException("x"), new NullReferenceException("x"), new ArgumentException("x"), new OverflowException("x")])
            Assert.Equal(StoreFault.Fatal, PostgresFaults.Classify(exception));
    }

    [Fact]
    public async Task A_pool_without_a_place_is_transient_and_serves_again_when_one_is_given_back()
    {
        await using var store = await Store.MigratedAsync();
        var settings = new PostgresOptions { ConnectionString = store.Database.Uri, ConnectTimeout = TimeSpan.FromSeconds(3) }.Build("pipeline-under-test");
        settings.MaxPoolSize = 1;
        await using var pool = NpgsqlDataSource.Create(settings);
        var stop = TestContext.Current.CancellationToken;
        await using (await pool.OpenConnectionAsync(stop))
        {
            var refused = await Assert.ThrowsAnyAsync<Exception>(async () => await pool.OpenConnectionAsync(stop));
            Assert.Contains("pool", refused.Message, StringComparison.Ordinal);
            Assert.Equal(StoreFault.Transient, PostgresFaults.Classify(refused));
        }
        await using var again = await pool.OpenConnectionAsync(stop);
        Assert.Equal(System.Data.ConnectionState.Open, again.State);
    }
}
