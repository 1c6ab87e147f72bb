using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Tests.Failures;

public sealed class PoisonGuardTests
{
    static Fence Fence(long next, int tries = 0, long? trying = null) => new(new LogPlace("c", "t", "id", 0), 1, 1, "rev_1") { NextOffset = next, Tries = tries, Trying = trying };

    static int AloneFrom(PoisonGuard guard, long offset)
    {
        var alone = 0;
        for (; guard.Of(offset + alone) == Reading.Alone; alone++)
            guard.Passed();
        return alone;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void After_fewer_than_three_vanished_owners_records_are_read_together(int tries)
    {
        var guard = new PoisonGuard(100);
        guard.Acquired(Fence(40, tries), 10_000_000);
        Assert.Equal(Reading.Together, guard.Of(40));
    }

    [Fact]
    public void After_three_the_stretch_that_a_batch_may_have_held_is_read_one_by_one()
    {
        var guard = new PoisonGuard(100);
        guard.Acquired(Fence(40, 3), 10_000_000);
        Assert.Equal((100, Reading.Together), (AloneFrom(guard, 40), guard.Of(140)));
    }

    [Fact]
    public void Offsets_that_hold_no_record_do_not_use_the_stretch_up()
    {
        var guard = new PoisonGuard(100);
        guard.Acquired(Fence(40, 3), 10_000_000);
        Assert.Equal((Reading.Alone, 100), (guard.Of(5_000), AloneFrom(guard, 5_000)));
    }

    [Fact]
    public void A_record_that_was_being_read_alone_is_read_alone_again()
    {
        var guard = new PoisonGuard(100);
        guard.Acquired(Fence(40, 1, 40), 10_000_000);
        Assert.Equal(Reading.Alone, guard.Of(40));
    }

    [Fact]
    public void After_six_the_record_that_was_tried_is_not_read_again_and_its_neighbours_are()
    {
        var guard = new PoisonGuard(100);
        guard.Acquired(Fence(40, 6, 42), 10_000_000);
        Assert.Equal((Reading.Alone, Reading.Never, Reading.Alone), (guard.Of(41), guard.Of(42), guard.Of(43)));
    }

    [Fact]
    public void Six_vanished_owners_without_a_record_that_was_tried_cost_no_record()
    {
        var guard = new PoisonGuard(100);
        guard.Acquired(Fence(40, 60), 10_000_000);
        Assert.Equal(Reading.Alone, guard.Of(40));
    }

    [Fact]
    public void Acquired_again_within_the_stretch_it_goes_on_to_its_end()
    {
        var guard = new PoisonGuard(100);
        guard.Acquired(Fence(40, 3), 10_000_000);
        for (var i = 0; i < 50; i++)
            guard.Passed();
        guard.Acquired(Fence(90), 10_000_000);
        Assert.Equal(50, AloneFrom(guard, 90));
    }

    [Fact]
    public void Found_in_this_log_its_neighbours_are_read_together_again()
    {
        var guard = new PoisonGuard(100);
        guard.Acquired(Fence(40, 6, 40), 10_000_000);
        guard.Found();
        Assert.Equal((Reading.Together, Reading.Together, false), (guard.Of(40), guard.Of(41), guard.IsLooking(41)));
    }

    [Fact]
    public void Found_in_another_log_the_stretch_is_over()
    {
        var guard = new PoisonGuard(100);
        guard.Acquired(Fence(40, 3), 10_000_000);
        guard.FoundElsewhere();
        Assert.Equal((Reading.Together, false), (guard.Of(40), guard.IsLooking(40)));
    }

    [Fact]
    public void Found_in_another_log_a_record_of_its_own_that_was_tried_is_still_read_alone()
    {
        var guard = new PoisonGuard(100);
        guard.Acquired(Fence(40, 4, 41), 10_000_000);
        guard.FoundElsewhere();
        Assert.Equal((Reading.Alone, Reading.Alone), (guard.Of(40), guard.Of(41)));
    }

    [Fact]
    public void A_new_log_does_not_inherit_an_endless_stretch()
    {
        var guard = new PoisonGuard(100);
        guard.Acquired(Fence(1_000_000, 3), 10_000_000);
        guard.Acquired(Fence(0), 10_000_000);
        Assert.Equal(100, AloneFrom(guard, 0));
    }

    [Fact]
    public void What_came_into_the_log_later_was_in_no_batch_that_a_process_died_of()
    {
        var guard = new PoisonGuard(100);
        guard.Acquired(Fence(40, 3), 50);
        Assert.Equal((Reading.Alone, Reading.Together), (guard.Of(49), guard.Of(50)));
    }
}
