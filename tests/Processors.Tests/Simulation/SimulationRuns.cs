namespace Pipeline.Processors.Tests.Simulation;

/// <summary>Runs of the simulator take every core there is: one after the other, and beside no other test.</summary>
[CollectionDefinition(nameof(SimulationRuns), DisableParallelization = true)]
public sealed class SimulationRuns;
