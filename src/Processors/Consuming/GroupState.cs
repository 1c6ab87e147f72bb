using System.Text.Json;

namespace Pipeline.Processors.Consuming;

/// <summary>A consumer's place in its group, as the client tells it: a rebalance is seen where it begins, and not only by what it moved.</summary>
/// <param name="JoinState">librdkafka's word (STATISTICS.md, <c>cgrp.join_state</c>): <c>steady</c> while it has its assignment; <c>wait-join</c> while the group waits for its members, which a dead one holds until its session ends.</param>
/// <param name="Rebalances">How often partitions were assigned or revoked; one rebalance may do both.</param>
/// <param name="Assigned">Partitions that it has.</param>
/// <param name="Reason">Why it joined anew last, in the client's words.</param>
sealed record GroupState(string JoinState, long Rebalances, int Assigned, string Reason)
{
    public const string Steady = "steady";

    /// <summary>Before the client has said anything.</summary>
    public static GroupState Unknown { get; } = new("init", 0, 0, "");

    public bool IsJoining => JoinState != Steady;

    /// <summary>Reads the client's statistics; what has no group in it tells nothing new.</summary>
    public static GroupState? Read(string statistics)
    {
        using var json = JsonDocument.Parse(statistics);
        return !json.RootElement.TryGetProperty("cgrp", out var group) ? null : new GroupState(group.GetProperty("join_state").GetString()!,
            group.GetProperty("rebalance_cnt").GetInt64(), group.GetProperty("assignment_size").GetInt32(), group.GetProperty("rebalance_reason").GetString()!);
    }
}
