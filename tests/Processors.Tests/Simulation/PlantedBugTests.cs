namespace Pipeline.Processors.Tests.Simulation;

/// <summary>The simulator is told of nothing: each bug has to show by an invariant that holds without it.</summary>
public sealed class PlantedBugTests
{
    const int SeedsMax = 20_000;

    [Theory]
    [InlineData(Bug.FenceWithoutEpoch)]
    [InlineData(Bug.OffsetBeforeRows)]
    [InlineData(Bug.LedgerNotAsked)]
    [InlineData(Bug.UncommittedIdsBelieved)]
    [InlineData(Bug.LostCommitIsSuccess)]
    [InlineData(Bug.LostCommitSentAgain)]
    [InlineData(Bug.ReadsOnWithoutSeek)]
    [InlineData(Bug.ReleaseUnderOldEpoch)]
    [InlineData(Bug.GapBelievedAtOnce)]
    [InlineData(Bug.ZombieSessionKept)]
    [InlineData(Bug.TopicAskedBefore)]
    [InlineData(Bug.OthersReadBesideOneAlone)]
    [InlineData(Bug.NotMarked)]
    internal void A_planted_bug_is_found(Bug bug)
    {
        var failed = new ManySeeds(1, bug).Run(TimeSpan.FromMinutes(1), SeedsMax).Failed;
        Console.WriteLine($"planted {bug}: {(failed is { Violation: var (invariant, text) } ? $"seed {failed.Seed}, {invariant}: {text[..Math.Min(text.Length, 150)]}" : "not found")}");
        Assert.NotNull(failed);
    }
}
