using Pipeline.Contracts.Events;
using Pipeline.Pipeline.Tests.Harness;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Tests.Postgres.Events;

/// <summary>What is known of objects and tasks does not depend on the order in which their events came.</summary>
public sealed class SubjectStateTests
{
    const int Rounds = 300;

    static readonly string[] Users = ["a", "ａ", "😀"];
    static readonly EventAction[] OnObjects = [EventAction.Create, EventAction.Complete, EventAction.Save, EventAction.Update, EventAction.Modify, EventAction.Delete];
    static readonly EventAction[] OnTasks = [EventAction.Submit, EventAction.Complete, EventAction.Modify];

    [Fact]
    public void Objects()
    {
        var random = Seeds.Next();
        for (var round = 0; round < Rounds; round++)
        {
            var rows = Rows(random, OnObjects, EventType.Annotation).Where(ObjectState.Concerns).ToArray();
            var state = State(rows);
            random.Shuffle(rows);
            Assert.Equal(state, State(rows));
            Assert.Equal(
                (First(rows, r => r.Success && r.Action == EventAction.Create), First(rows, r => r.Success && r.Action is EventAction.Create or EventAction.Complete),
                    First(rows, r => r.Success && r.Action == EventAction.Delete), First(rows, r => r.Success && r.Action == EventAction.Save),
                    rows.Where(r => r.Action is EventAction.Update or EventAction.Modify or EventAction.Delete).Max(r => (long?)r.OccurredAtUs)), state);
        }

        static (FirstEvent?, FirstEvent?, FirstEvent?, FirstEvent?, long?) State(EventRow[] rows)
        {
            var state = new ObjectState();
            foreach (var row in rows)
                state.Add(row);
            return (state.Created, state.Completed, state.Deleted, state.Saved, state.ChangedUs);
        }
    }

    [Fact]
    public void Tasks()
    {
        var random = Seeds.Next();
        for (var round = 0; round < Rounds; round++)
        {
            var rows = Rows(random, OnTasks, EventType.TaskStatus).Where(TaskState.Concerns).ToArray();
            var state = State(rows);
            random.Shuffle(rows);
            Assert.Equal(state, State(rows));
            Assert.Equal((First(rows, r => r.Action == EventAction.Submit), First(rows, r => r.Action is EventAction.Submit or EventAction.Complete), rows.Count(r => r.Action == EventAction.Submit),
                rows.Where(r => r.Action == EventAction.Modify).Max(r => (long?)r.OccurredAtUs)), state);
        }

        static (FirstEvent?, FirstEvent?, int, long?) State(EventRow[] rows)
        {
            var state = new TaskState();
            foreach (var row in rows)
                state.Add(row);
            return (state.Submitted, state.Item, state.Submits, state.ModifiedUs);
        }
    }

    /// <summary>By time, then the bytes of the user's UTF-8, then the bytes of the id.</summary>
    static FirstEvent? First(IEnumerable<EventRow> rows, Func<EventRow, bool> counts) => rows.Where(counts)
        .OrderBy(r => r.OccurredAtUs).ThenBy(r => Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(r.UserId)), StringComparer.Ordinal)
        .ThenBy(r => Convert.ToHexString(r.EventId.ToByteArray(bigEndian: true)), StringComparer.Ordinal).Select(FirstEvent.Of).FirstOrDefault();

    /// <summary>Few times, users and ids, so that ties are frequent.</summary>
    static List<EventRow> Rows(Random random, EventAction[] actions, EventType type) =>
    [
        .. Enumerable.Range(0, random.Next(0, 12)).Select(i => new EventRow
        {
            Offset = i, EventId = new Guid(random.Next(3) - 1, (short)i, 0, 0, 0, 0, 0, 0, 0, 0, (byte)i), Type = type, OccurredAtUs = random.Next(4), ReceivedAtUs = 0, LoggedAtUs = 0,
            Tenant = "default", UserId = Users[random.Next(Users.Length)], ProjectId = "p", Action = actions[random.Next(actions.Length)], Success = random.Next(3) > 0,
            ObjectId = "o", TaskId = "t", Source = (ObjectSource)random.Next(4), Value = [], Digest = [],
        }),
    ];
}
