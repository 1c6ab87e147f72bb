using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Sinks.Hosting;

/// <summary>Brings the schema up to date when a host starts, without holding up what needs no PostgreSQL. Waits for a server that is down.</summary>
public sealed class SchemaAtStart(NpgsqlDataSource database, IOptions<PostgresOptions> options, TimeProvider clock, ILogger<SchemaAtStart> log, IHostApplicationLifetime lifetime) : BackgroundService
{
    static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the schema is the one this version needs, or is not this host's business.</summary>
    public Task Ready => _ready.Task;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (options.Value.MigrateAtStart)
        {
            try
            {
                var applied = await new Migrations(database).ApplyAsync(stoppingToken);
                if (applied.Count > 0)
                    log.Migrated(string.Join(", ", applied));
                break;
            }
            catch (Exception e) when (PostgresFaults.Classify(e) == StoreFault.Transient)
            {
                log.MigrationWaits(e.Message);
                await Task.Delay(Pause, clock, stoppingToken);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                log.MigrationFailed(e);
                Environment.ExitCode = 1;
                lifetime.StopApplication();
                return;
            }
        }
        _ready.TrySetResult();
    }
}
