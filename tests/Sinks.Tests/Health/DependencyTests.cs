using Pipeline.Sinks.Health;

namespace Pipeline.Sinks.Tests.Health;

public sealed class DependencyTests
{
    static readonly CancellationToken Stop = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Nothing_is_known_before_the_first_answer()
    {
        var dependency = new Dependency("store", TimeProvider.System, _ => Task.CompletedTask);
        Assert.Null(dependency.State);
        await dependency.AskAsync(Stop);
        Assert.True(dependency.State is { Healthy: true, LastError: null, LastErrorAt: null, LatencyMs: >= 0 });
    }

    [Fact]
    public async Task The_last_error_is_kept_after_recovery()
    {
        var fails = true;
        var dependency = new Dependency("store", TimeProvider.System, _ => fails ? Task.FromException(new IOException("down")) : Task.CompletedTask);
        await dependency.AskAsync(Stop);
        Assert.True(dependency.State is { Healthy: false, LastError: "down", LastErrorAt: not null });
        fails = false;
        await dependency.AskAsync(Stop);
        Assert.True(dependency.State is { Healthy: true, LastError: "down", LastErrorAt: not null });
    }

    [Fact]
    public async Task One_that_hangs_is_unhealthy_after_the_timeout_even_if_it_ignores_the_token()
    {
        var dependency = new Dependency("store", TimeProvider.System, _ => new TaskCompletionSource().Task);
        await dependency.AskAsync(Stop).WaitAsync(TimeSpan.FromSeconds(20), Stop);
        Assert.True(dependency.State is { Healthy: false, LatencyMs: > 2000 });
    }

    [Fact]
    public async Task A_stop_says_nothing_about_the_dependency()
    {
        using var stop = new CancellationTokenSource();
        var dependency = new Dependency("store", TimeProvider.System, token => Task.Delay(Timeout.Infinite, token));
        var asking = dependency.AskAsync(stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => asking);
        Assert.Null(dependency.State);
    }

    [Fact]
    public async Task The_watch_asks_every_dependency_and_finds_it_by_name()
    {
        var watch = new DependencyWatch(
            [new Dependency("good", TimeProvider.System, _ => Task.CompletedTask), new Dependency("bad", TimeProvider.System, _ => throw new IOException("down"))], TimeProvider.System);
        Assert.False(watch.IsHealthy("good"));
        await watch.StartAsync(Stop);
        await Pipeline.Tests.Harness.Until.TrueAsync("both were asked", TimeSpan.FromSeconds(10), () => watch.Dependencies.All(d => d.State is not null));
        await watch.StopAsync(Stop);
        Assert.True(watch.IsHealthy("good"));
        Assert.False(watch.IsHealthy("bad"));
        Assert.False(watch.IsHealthy("unknown"));
    }
}
