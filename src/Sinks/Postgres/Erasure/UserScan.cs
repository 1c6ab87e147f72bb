using System.Data;
using Npgsql;
using NpgsqlTypes;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Postgres.Erasure;

/// <summary>
/// What one revision holds of a user, read in one snapshot before anything is locked: the long part of an erasure. What came in since is read behind the locks
/// (<see cref="AddSinceAsync"/>), from each log's place in the snapshot on.
/// </summary>
sealed class UserScan(ErasureRequest request)
{
    readonly long _from = Us(request.OccurredFrom), _to = Us(request.OccurredTo), _until = Us(request.ReceivedUntil);
    readonly HashSet<(bool IsTask, SubjectKey Key)> _subjects = [];

    /// <summary>To be deleted. Their bytes are not kept.</summary>
    public List<StoredEvent> Erased { get; } = [];

    /// <summary>Events of the user that stay in the range: they were received after the tombstone.</summary>
    public List<StoredEvent> Kept { get; } = [];

    /// <summary>Where events of the user stay.</summary>
    public HashSet<string> KeptProjects { get; } = [];

    /// <summary>What stays of everybody's events about the objects and tasks that the erased ones were about.</summary>
    public List<StoredEvent> About { get; } = [];

    public IReadOnlyCollection<(bool IsTask, SubjectKey Key)> Subjects => _subjects;

    Dictionary<int, long> Heads { get; } = [];

    public static async Task<UserScan> ReadAsync(NpgsqlConnection session, ErasureRequest request, CancellationToken stop)
    {
        var scan = new UserScan(request);
        await using var snapshot = await session.BeginTransactionAsync(IsolationLevel.RepeatableRead, stop);
        await using (var heads = new NpgsqlCommand("SELECT log_id, next_offset FROM offsets", session))
        await using (var reader = await heads.ExecuteReaderAsync(stop))
            while (await reader.ReadAsync(stop))
                scan.Heads.Add(reader.GetInt32(0), reader.GetInt64(1));
        await foreach (var stored in StoredEvents.ReadAsync(StoredEvents.OfUser(session, request), stop))
            scan.AddOwn(stored);
        if (request is { From: null, To: null })
            await scan.AddNamingAsync(session, stop);
        if (scan.Projects.Length > 0)
            await foreach (var stored in StoredEvents.ReadAsync(StoredEvents.OfProjects(session, request.Tenant, scan.Projects), stop))
                scan.AddAbout(stored);
        await snapshot.CommitAsync(stop);
        return scan;
    }

    /// <summary>Reads what the logs got since the snapshot. All of them are locked now.</summary>
    /// <returns>False when that makes the scan too small: an erased event is about something that was not looked for. It is read anew then.</returns>
    public async Task<bool> AddSinceAsync(NpgsqlConnection session, IEnumerable<int> logs, CancellationToken stop)
    {
        foreach (var log in logs)
            Heads.TryAdd(log, 0);
        var subjects = _subjects.Count;
        await foreach (var stored in StoredEvents.ReadAsync(StoredEvents.Since(session, request, Heads, Projects), stop))
        {
            if (stored.Row.UserId == request.UserId)
                AddOwn(stored);
            AddAbout(stored);
        }
        return _subjects.Count == subjects;
    }

    /// <summary>Objects and tasks that name the user: the rows by which they do may be gone by retention.</summary>
    async Task AddNamingAsync(NpgsqlConnection session, CancellationToken stop)
    {
        await using var command = StoredEvents.Command(session, """
            SELECT false, project_id, object_id FROM objects WHERE tenant = $1 AND $2 IN ((created).user_id, (completed).user_id, (deleted).user_id, (saved).user_id)
            UNION ALL SELECT true, project_id, task_id FROM tasks WHERE tenant = $1 AND $2 IN (submitted_by, item_by)
            """, (request.Tenant, NpgsqlDbType.Text), (request.UserId, NpgsqlDbType.Text));
        await using var reader = await command.ExecuteReaderAsync(stop);
        while (await reader.ReadAsync(stop))
            _subjects.Add((reader.GetBoolean(0), new SubjectKey(request.Tenant, reader.GetString(1), reader.GetString(2))));
    }

    /// <summary>Whether the event that an object or a task names goes, as far as that can be told where its row is gone: one that was received after the tombstone has its row.</summary>
    public bool IsErased(FirstEvent first) => first.UserId == request.UserId && first.OccurredAtUs >= _from && first.OccurredAtUs < _to;

    string[] Projects => [.. _subjects.Select(s => s.Key.ProjectId).Distinct()];

    void AddOwn(StoredEvent stored)
    {
        if (IsErased(stored))
        {
            Erased.Add(stored);
            if (stored.Subject is { } subject)
                _subjects.Add(subject);
            return;
        }
        KeptProjects.Add(stored.Row.ProjectId);
        if (stored.Row.OccurredAtUs >= _from && stored.Row.OccurredAtUs < _to)
            Kept.Add(stored);
    }

    void AddAbout(StoredEvent stored)
    {
        if (!IsErased(stored) && stored.Subject is { } subject && _subjects.Contains(subject))
            About.Add(stored);
    }

    bool IsErased(StoredEvent stored) => stored.Row.UserId == request.UserId && stored.Row.ReceivedAtUs <= _until && stored.Row.OccurredAtUs >= _from && stored.Row.OccurredAtUs < _to;

    static long Us(DateTime time) => (time - DateTime.UnixEpoch).Ticks / 10;
}
