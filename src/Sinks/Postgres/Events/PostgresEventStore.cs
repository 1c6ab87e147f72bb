using Npgsql;
using Pipeline.Sinks.Postgres.Days;
using Pipeline.Sinks.Postgres.Erasure;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>Places in a batch where a fault test can end or stop the process.</summary>
public enum ArmedPoint { AfterLedger, InsideCopy, AfterCopy, BeforeCommit, AfterCommit }

/// <summary>The event store in PostgreSQL. Sessions must not be pooled: a pooled one would come back as another owner's.</summary>
public sealed class PostgresEventStore(NpgsqlDataSource sessions, LogOwnership ownership, Action<ArmedPoint>? armed = null) : IEventStore
{
    public async Task<IEventSession> OpenAsync(CancellationToken stop)
    {
        var connection = await sessions.OpenConnectionAsync(stop);
        try
        {
            await using var setUp = new NpgsqlCommand(EventStatements.SetUpSession, connection);
            await setUp.ExecuteNonQueryAsync(stop);
            return new Session(connection, ownership, armed);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    sealed class Session(NpgsqlConnection connection, LogOwnership ownership, Action<ArmedPoint>? armed) : IEventSession
    {
        readonly HashSet<long> _weeks = [];
        readonly CopyBuffer _buffer = new();
        readonly EventLedger _ledger = new();
        readonly SubjectWriter<ObjectState> _objects = new(ObjectTable.Instance);
        readonly SubjectWriter<TaskState> _tasks = new(TaskTable.Instance);
        readonly RecentRows _activity = new();
        readonly MemberStatement _members = new();
        readonly Tombstones _tombstones = new();

        public bool IsOpen => connection.State == System.Data.ConnectionState.Open;

        public Task<Fence> AcquireAsync(LogPlace log, LogExtent extent, CancellationToken stop) => ownership.AcquireAsync(connection, log, extent, stop);

        public Task MarkTryingAsync(Fence fence, long offset, CancellationToken stop) => LogOwnership.MarkTryingAsync(connection, fence, offset, stop);

        public Task ReleaseAsync(Fence fence, CancellationToken stop) => LogOwnership.ReleaseAsync(connection, fence, stop);

        /// <summary>Weeks of table events are made in transactions of their own, so that their lock is short.</summary>
        public async Task MakeRoomAsync(IEnumerable<long> loggedAtUs, CancellationToken stop)
        {
            const long weekUs = 7L * 24 * 3600 * 1_000_000;
            foreach (var time in loggedAtUs)
            {
                // 1970-01-01 was a Thursday; weeks start on Monday.
                var week = Math.DivRem(time + (3L * 24 * 3600 * 1_000_000), weekUs, out _);
                if (_weeks.Contains(week))
                    continue;
                await using var command = new NpgsqlCommand("SELECT ensure_week($1)", connection) { Parameters = { new() { Value = EventStatements.Time(time) } } };
                await command.ExecuteNonQueryAsync(stop);
                _weeks.Add(week);
            }
        }

        public async Task<IEventTransaction> BeginAsync(CancellationToken stop)
        {
            _members.Begin();
            _activity.Begin();
            return new Transaction(await connection.BeginTransactionAsync(stop), new Tools(_buffer, _ledger, _objects, _tasks, _activity, _members, _tombstones), armed);
        }

        public ValueTask DisposeAsync() => connection.DisposeAsync();
    }

    /// <summary>What a session keeps from one transaction to the next.</summary>
    sealed record Tools(CopyBuffer Buffer, EventLedger Ledger, SubjectWriter<ObjectState> Objects, SubjectWriter<TaskState> Tasks, RecentRows Activity, MemberStatement Members, Tombstones Tombstones);

    sealed class Transaction(NpgsqlTransaction transaction, Tools tools, Action<ArmedPoint>? armed) : IEventTransaction
    {
        readonly NpgsqlConnection _connection = transaction.Connection!;

        readonly List<Merge> _merges = [];

        /// <summary>New members, changed days.</summary>
        readonly List<NpgsqlBatchCommand> _notes = [];

        long _tombstones;

        DateTime _notedBefore;

        public async Task AdvanceAsync(Fence fence, long next, CancellationToken stop) => (_tombstones, _notedBefore) = await EventStatements.AdvanceAsync(_connection, fence, next, stop);

        public async Task SetAsideAsync(EventBatch batch, CancellationToken stop)
        {
            if (await tools.Tombstones.RefreshAsync(_connection, _tombstones, stop))
            {
                // Whom an erasure removed from the members is noted again when the user returns; rows of activity that it took are not added to.
                tools.Members.Forget();
                tools.Activity.Forget();
            }
            foreach (var letter in batch.DeadLetters)
                letter.IsErased = tools.Tombstones.Covers(letter);
            foreach (var row in batch.Events)
                row.IsErased = tools.Tombstones.Covers(row.Tenant, row.UserId, row.ReceivedAtUs, row.OccurredAtUs);
        }

        public async Task EnterIdsAsync(Fence fence, Duplicates ids, CancellationToken stop)
        {
            await tools.Ledger.EnterAsync(transaction, tools.Buffer, fence, ids, stop);
            armed?.Invoke(ArmedPoint.AfterLedger);
        }

        public async Task AddRowsAsync(Fence fence, List<EventRow> rows, CancellationToken stop)
        {
            try
            {
                await EventStatements.CopyRowsAsync(_connection, tools.Buffer, fence, rows, armed is null ? null : () => armed(ArmedPoint.InsideCopy), stop);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.CheckViolation)
            {
                // Retention dropped the week since this session made sure of it; the next one makes it anew.
                throw new FencedException("a week of events was dropped just now; the batch is tried again", e);
            }
            armed?.Invoke(ArmedPoint.AfterCopy);
        }

        /// <summary>States of objects and tasks first, because what they count for is part of the activity.</summary>
        public async Task AddActivityAsync(Fence fence, List<EventRow> rows, CancellationToken stop)
        {
            if (rows.Count == 0)
                return;
            var buckets = new ActivityBuckets();
            foreach (var row in rows)
                buckets.Add(row);
            if (await tools.Objects.ApplyAsync(transaction, tools.Buffer, rows, buckets, stop) is { } objects)
                _merges.Add(objects);
            if (await tools.Tasks.ApplyAsync(transaction, tools.Buffer, rows, buckets, stop) is { } tasks)
                _merges.Add(tasks);
            if (await ActivityStatement.WriteAsync(_connection, tools.Buffer, fence.LogId, fence.NextOffset, buckets, tools.Activity, stop) is { } activity)
                _merges.Add(activity);
            if (tools.Members.Insert(rows) is { } members)
                _notes.Add(members);
            if (ChangedDays.Note(buckets, _notedBefore) is { } days)
                _notes.Add(days);
        }

        public Task AddOutcomesAsync(Fence fence, EventBatch batch, ResolvedEvents resolved, CancellationToken stop) =>
            EventStatements.UpsertAsync(_connection, fence, batch, resolved, _merges, _notes, stop);

        public async Task CommitAsync(CancellationToken stop)
        {
            armed?.Invoke(ArmedPoint.BeforeCommit);
            try
            {
                await transaction.CommitAsync(stop);
            }
            catch (Exception e) when (e is not PostgresException)
            {
                throw new FencedException("the connection was lost during COMMIT; whether it was committed is read from the offsets row", e);
            }
            tools.Members.Committed();
            tools.Activity.Committed();
            armed?.Invoke(ArmedPoint.AfterCommit);
        }

        public ValueTask DisposeAsync() => transaction.DisposeAsync();
    }
}
