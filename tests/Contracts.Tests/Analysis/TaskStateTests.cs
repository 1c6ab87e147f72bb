using Pipeline.Contracts.Analysis;

namespace Pipeline.Contracts.Tests.Analysis;

public sealed class TaskStateTests
{
    static readonly TaskState[] All = [.. Enum.GetValues<TaskState>().Where(s => s != TaskState.None)];

    [Fact]
    public void Every_state_is_known_by_its_name()
    {
        Assert.All(All, s => Assert.Equal(s, TaskStates.Parse(s.Name())));
        Assert.Equal(TaskState.None, TaskStates.Parse("done"));
    }

    [Fact]
    public void Nothing_follows_a_final_state() =>
        Assert.All(All.Where(s => s.IsFinal()), from => Assert.All(All, to => Assert.False(from.MayBecome(to))));

    [Fact]
    public void From_every_other_state_a_task_can_end_in_each_final_one() =>
        Assert.All(All.Where(s => !s.IsFinal()), from => Assert.All(All.Where(s => s.IsFinal()), to => Assert.True(from.MayBecome(to))));

    [Fact]
    public void Failed_is_a_step_and_never_an_end()
    {
        Assert.False(TaskState.Failed.IsFinal());
        Assert.True(TaskState.Running.MayBecome(TaskState.Failed) && TaskState.Failed.MayBecome(TaskState.Retrying) && TaskState.Retrying.MayBecome(TaskState.Running));
    }

    [Fact]
    public void What_runs_is_scheduled_again_by_who_takes_it_over_and_what_was_only_submitted_never_is()
    {
        Assert.All((TaskState[])[TaskState.Queued, TaskState.Running, TaskState.Retrying], from => Assert.True(from.MayBecome(TaskState.Scheduled)));
        Assert.All((TaskState[])[TaskState.Submitted, TaskState.Scheduled, TaskState.Failed], from => Assert.False(from.MayBecome(TaskState.Scheduled)));
    }

    [Fact]
    public void A_request_that_is_read_again_after_a_crash_queues_again() =>
        Assert.All(All.Where(s => !s.IsFinal()), from => Assert.True(from.MayBecome(TaskState.Queued)));
}
