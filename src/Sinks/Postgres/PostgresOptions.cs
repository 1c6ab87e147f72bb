using System.ComponentModel.DataAnnotations;
using Npgsql;

namespace Pipeline.Sinks.Postgres;

/// <summary>Where PostgreSQL is. Section <c>Pipeline:Postgres</c>.</summary>
public sealed class PostgresOptions : IValidatableObject
{
    public const string Section = "Pipeline:Postgres";
    const string GssMode = "GSS Encryption Mode", PoolMax = "Maximum Pool Size", IdleTime = "Connection Idle Lifetime", IdleLook = "Connection Pruning Interval";

    /// <summary>Connections of a pool at most. More would wait for the same cores, and take other hosts' places in the server.</summary>
    const int ConnectionsMax = 20;

    /// <summary>What a burst has opened is given back after so many seconds, looked at every so many.</summary>
    const int IdleSeconds = 30, IdleLookSeconds = 5;

    /// <summary>
    /// A <c>postgres://user:password@host:port/database</c> URI or Npgsql keywords. Required. Encryption by Kerberos (GSSAPI) only where it asks for it, or <c>PGGSSENCMODE</c> does. Unless it says otherwise
    /// (<c>Maximum Pool Size</c>, <c>Connection Idle Lifetime</c>), a pool holds 20 connections at most, and unused ones for 30 s.
    /// </summary>
    [Required]
    public string ConnectionString { get; set; } = "";

    /// <summary>How long a connection attempt may take. Default 5 s.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long one statement may take before it counts as failed. Default 30 s.</summary>
    public TimeSpan CommandTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Whether the host brings the schema up to date when it starts. Default true; else <c>--migrate</c> does it.</summary>
    public bool MigrateAtStart { get; set; } = true;

    /// <summary>Npgsql's settings: keep-alives and timeouts on top of what the connection string says.</summary>
    /// <exception cref="ArgumentException">The connection string cannot be read.</exception>
    /// <exception cref="FormatException">It begins like a URI and is none.</exception>
    public NpgsqlConnectionStringBuilder Build(string applicationName)
    {
        var builder = ConnectionString.StartsWith("postgres", StringComparison.Ordinal) && ConnectionString.Contains("://", StringComparison.Ordinal)
            ? FromUri(new Uri(ConnectionString)) : new NpgsqlConnectionStringBuilder(ConnectionString);
        if (string.IsNullOrEmpty(builder.Host))
            throw new ArgumentException("it names no host");
        builder.ApplicationName = applicationName;
        builder.Timeout = (int)ConnectTimeout.TotalSeconds;
        builder.CommandTimeout = (int)CommandTimeout.TotalSeconds;
        builder.TcpKeepAliveTime = 5;
        builder.TcpKeepAliveInterval = 1;
        builder.MaxAutoPrepare = 40;
        builder.AutoPrepareMinUsages = 2;
        builder.IncludeErrorDetail = false;
        BoundPool(builder);
        // Npgsql 10 asks for Kerberos encryption first; where the server hangs up on that, its second attempt, without, leaves its socket to the
        // garbage collector: each attempt during an outage would cost a descriptor. Who wants it asks for it.
        if (!builder.ShouldSerialize(GssMode) && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("PGGSSENCMODE")))
            builder.GssEncryptionMode = GssEncryptionMode.Disable;
        return builder;
    }

    /// <summary>What the string says stays, and what it does not say fits to that: Npgsql refuses a smallest size above the largest, and a look at idle ones that comes later than their end.</summary>
    static void BoundPool(NpgsqlConnectionStringBuilder builder)
    {
        if (!builder.ShouldSerialize(PoolMax))
            builder.MaxPoolSize = Math.Max(ConnectionsMax, builder.MinPoolSize);
        var looks = builder.ShouldSerialize(IdleLook);
        if (!builder.ShouldSerialize(IdleTime))
            builder.ConnectionIdleLifetime = looks ? Math.Max(IdleSeconds, builder.ConnectionPruningInterval) : IdleSeconds;
        if (!looks)
            builder.ConnectionPruningInterval = Math.Clamp(builder.ConnectionIdleLifetime, 1, IdleLookSeconds);
    }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        string? error = null;
        try
        {
            // Made, and not opened: some settings are at odds only with each other.
            using var _ = NpgsqlDataSource.Create(Build(""));
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidOperationException or NotSupportedException)
        {
            error = e.Message;
        }
        if (error is not null)
            yield return new ValidationResult($"ConnectionString cannot be read: {error}", [nameof(ConnectionString)]);
    }

    static NpgsqlConnectionStringBuilder FromUri(Uri uri)
    {
        var user = uri.UserInfo.Split(':', 2);
        var builder = new NpgsqlConnectionStringBuilder
        {
            Host = uri.Host,
            Port = uri.Port > 0 ? uri.Port : 5432,
            Database = Uri.UnescapeDataString(uri.AbsolutePath.TrimStart('/')),
            Username = Uri.UnescapeDataString(user[0]),
        };
        if (user.Length > 1)
            builder.Password = Uri.UnescapeDataString(user[1]);
        foreach (var pair in uri.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = pair.Split('=', 2);
            var name = Uri.UnescapeDataString(parts[0]);
            builder[name switch { "sslmode" => "SSL Mode", "gssencmode" => GssMode, _ => name }] = Uri.UnescapeDataString(parts.Length > 1 ? parts[1] : "");
        }
        return builder;
    }
}
