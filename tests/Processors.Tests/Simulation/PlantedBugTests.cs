namespace Pipeline.Processors.Tests.Simulation;

/// <summary>The simulator is told of nothing: each bug has to show by an invariant that holds without it.</summary>
[Collection(nameof(SimulationRuns))]
public sealed class PlantedBugTests
{
    const int SeedsMax = 20_000;

    [Theory]
    [InlineData(Bug.FenceWithoutEpoch, Invariant.NoWriteUnderAnOldEpoch)]
    [InlineData(Bug.OffsetBeforeRows, Invariant.Conservation)]
    [InlineData(Bug.LedgerNotAsked, Invariant.StoredOnce)]
    [InlineData(Bug.UncommittedIdsBelieved, Invariant.NothingMissing)]
    [InlineData(Bug.LostCommitIsSuccess, Invariant.EverythingIsStoredInTime)]
    [InlineData(Bug.LostCommitSentAgain, Invariant.StoredOnce, Invariant.Conservation)]
    [InlineData(Bug.ReadsOnWithoutSeek, Invariant.NothingMissing, Invariant.RowIsItsRecord)]
    [InlineData(Bug.ReleaseUnderOldEpoch, Invariant.NoWriteUnderAnOldEpoch)]
    [InlineData(Bug.GapBelievedAtOnce, Invariant.NothingMissing)]
    [InlineData(Bug.ZombieSessionKept, Invariant.EverythingIsStoredInTime)]
    [InlineData(Bug.TopicAskedBefore, Invariant.RowIsItsRecord, Invariant.NothingMissing)]
    [InlineData(Bug.OthersReadBesideOneAlone, Invariant.InnocentsLive)]
    [InlineData(Bug.NotMarked, Invariant.EverythingIsStoredInTime)]
    internal void A_planted_bug_is_found_by_what_it_breaks(Bug bug, params Invariant[] breaks)
    {
        var failed = new ManySeeds(1, bug).Run(TimeSpan.FromMinutes(1), SeedsMax).Failed;
        Assert.True(failed is not null, $"{bug} was not found");
        var (invariant, text) = failed.Violation!.Value;
        Console.WriteLine($"planted {bug}: found by seed {failed.Seed}, {invariant}: {text[..Math.Min(text.Length, 150)]}");
        Assert.Contains(invariant, breaks);
    }
}
