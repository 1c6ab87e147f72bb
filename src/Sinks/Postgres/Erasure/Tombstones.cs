using System.Security.Cryptography;
using System.Text;
using Npgsql;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Postgres.Erasure;

/// <param name="ReceivedUntilUs">Unix µs, like the others.</param>
readonly record struct Tombstone(long ReceivedUntilUs, long OccurredFromUs, long OccurredToUs)
{
    public bool IsOfAllTimes => OccurredFromUs == long.MinValue && OccurredToUs == long.MaxValue;

    public bool Covers(long receivedUs, long occurredUs) => receivedUs <= ReceivedUntilUs && occurredUs >= OccurredFromUs && occurredUs < OccurredToUs;
}

/// <summary>
/// The tombstones as one session knows them. Their version is read in each batch's transaction, after its fence: an erasure commits its tombstone before it takes the fence's
/// row, so that a batch either sees the tombstone or is among what the erasure then deletes.
/// </summary>
public sealed class Tombstones
{
    public const string ReadVersion = "SELECT version FROM control.tombstone_state";

    /// <summary>Hashes of users asked for, bounded by starting anew.</summary>
    const int HashesMax = 20_000;

    readonly Dictionary<(string Tenant, string Hash), List<Tombstone>> _all = [];
    readonly Dictionary<(string Tenant, string UserId), string> _hashes = [];
    byte[] _key = [];
    long _version;

    /// <summary>Keyed, so that the hash tells nobody the user who has not the key.</summary>
    public static byte[] Hash(byte[] key, string tenant, string userId) => HMACSHA256.HashData(key, Encoding.UTF8.GetBytes($"{tenant}\0{userId}"));

    /// <summary>Reads what was added since. Called within the transaction, or by who needs no fence.</summary>
    /// <returns>Whether there were any.</returns>
    public async Task<bool> RefreshAsync(NpgsqlConnection session, long version, CancellationToken stop)
    {
        if (version == _version)
            return false;
        await using var batch = new NpgsqlBatch(session)
        {
            BatchCommands =
            {
                new NpgsqlBatchCommand("SELECT key FROM control.tombstone_state"),
                EventStatements.Command("SELECT tenant, user_hash, received_until, occurred_from, occurred_to FROM control.tombstones WHERE version > $1", _version),
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(stop);
        await reader.ReadAsync(stop);
        _key = reader.GetFieldValue<byte[]>(0);
        await reader.NextResultAsync(stop);
        while (await reader.ReadAsync(stop))
            Add(reader.GetString(0), reader.GetFieldValue<byte[]>(1),
                new Tombstone(Us(reader.GetDateTime(2)), reader.IsDBNull(3) ? long.MinValue : Us(reader.GetDateTime(3)), reader.IsDBNull(4) ? long.MaxValue : Us(reader.GetDateTime(4))));
        _version = version;
        return true;
    }

    void Add(string tenant, byte[] hash, Tombstone tombstone)
    {
        var key = (tenant, Convert.ToHexString(hash));
        if (!_all.TryGetValue(key, out var list))
            _all.Add(key, list = []);
        list.Add(tombstone);
    }

    public bool Any => _all.Count > 0;

    /// <summary>A letter is covered if it is known to be the user's; one without a time of its own, only by a tombstone of all times.</summary>
    public bool Covers(DeadLetter letter)
    {
        if (!Any)
            return false;
        var (user, timestampUs) = LetterUser.Of(letter.Fault.Code, letter.Key, letter.Value);
        return user is not null && Of(letter.Tenant, user)?.Exists(t => timestampUs is { } us ? t.Covers(letter.LoggedAtUs, us) : t.IsOfAllTimes && letter.LoggedAtUs <= t.ReceivedUntilUs) == true;
    }

    public bool Covers(string tenant, string userId, long receivedUs, long occurredUs) => Of(tenant, userId)?.Exists(t => t.Covers(receivedUs, occurredUs)) == true;

    /// <summary>Whether events of this user were ever erased.</summary>
    public bool Names(string tenant, string userId) => Of(tenant, userId) is not null;

    /// <summary>The hash by which a user of whom events were erased is known; null for others.</summary>
    public byte[]? HashOf(string tenant, string userId) => Names(tenant, userId) ? Hash(_key, tenant, userId) : null;

    List<Tombstone>? Of(string tenant, string userId)
    {
        if (_all.Count == 0)
            return null;
        if (!_hashes.TryGetValue((tenant, userId), out var hash))
        {
            if (_hashes.Count >= HashesMax)
                _hashes.Clear();
            _hashes.Add((tenant, userId), hash = Convert.ToHexString(Hash(_key, tenant, userId)));
        }
        return _all.GetValueOrDefault((tenant, hash));
    }

    static long Us(DateTime time) => (time - DateTime.UnixEpoch).Ticks / 10;
}
