using System.Text.Json;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>A partition as a processor's <c>/health</c> shows it.</summary>
public sealed record PartitionHealth(int Partition, string State, long NextOffset, string? LastError);

static class ProcessorHealth
{
    /// <summary>The answer's text, whatever its status.</summary>
    public static async Task<string> GetStringAnyAsync(this HttpClient http, Uri address)
    {
        using var answer = await http.GetAsync(address);
        return await answer.Content.ReadAsStringAsync();
    }

    public static async Task<IReadOnlyList<PartitionHealth>> PartitionsAsync(this HostProcess processor, string road = "events-postgres")
    {
        using var answer = await PipelineUnderTest.Http.GetAsync(new Uri(processor.Url, "health"));
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync());
        return !json.RootElement.GetProperty("roads").TryGetProperty(road, out var partitions) ? [] :
            [.. partitions.EnumerateArray().Select(p => new PartitionHealth(p.GetProperty("partition").GetInt32(), p.GetProperty("state").GetString()!,
                p.GetProperty("next_offset").GetInt64(), p.GetProperty("last_error").GetString()))];
    }

    /// <summary>What a processor says of its place in the road's consumer group.</summary>
    public static async Task<(string JoinState, long Rebalances, int Assigned)> GroupAsync(this HostProcess processor, string road = "events-postgres")
    {
        using var json = JsonDocument.Parse(await PipelineUnderTest.Http.GetStringAnyAsync(new Uri(processor.Url, "health")));
        return !json.RootElement.GetProperty("groups").TryGetProperty(road, out var group) ? ("", 0, 0) :
            (group.GetProperty("join_state").GetString()!, group.GetProperty("rebalances").GetInt64(), group.GetProperty("assigned").GetInt32());
    }

    /// <summary>Waits until exactly these partitions have stopped and each says this.</summary>
    public static Task StoppedAsync(this HostProcess processor, IReadOnlyCollection<int> partitions, string error) =>
        Until.TrueAsync($"partitions {string.Join(',', partitions)} stop and say \"{error}\"", TimeSpan.FromSeconds(60), async () =>
        {
            var stopped = (await processor.PartitionsAsync()).Where(p => p.State == "stopped").ToList();
            return stopped.All(p => p.LastError?.Contains(error, StringComparison.Ordinal) == true) && stopped.Select(p => p.Partition).ToHashSet().SetEquals(partitions);
        });
}
