namespace Pipeline.Ingest.Tests.Statistics;

public sealed class ErasureRangeTests
{
    [Fact]
    public async Task A_range_that_reaches_into_what_retention_took_is_refused_and_a_whole_user_is_not()
    {
        await using var host = await StatisticsHost.StartAsync(new() { ["Pipeline__Ingest__Operations"] = "true" });
        await StatisticsHost.StoreAsync(host, "u", "p", "2024-01-01T00:00:00Z", 3);
        await host.Database!.RowsAsync("INSERT INTO control.retention (revision, rows_from) VALUES ('rev_1', '2024-01-08T00:00:00Z')", _ => 0);
        foreach (var range in (string[])["?from=2024-01-01T00:00:00Z", "?to=2024-02-01T00:00:00Z", "?from=2023-12-01T00:00:00Z&to=2024-01-02T00:00:00Z"])
        {
            var refused = await host.SendAsync(new HttpRequestMessage(HttpMethod.Delete, $"/api/v1/events/events/u{range}"));
            refused.IsProblem(409, "rows_expired");
            Assert.Contains("2024-01-09T01:00:00Z", refused.Json.GetProperty("detail").GetString(), StringComparison.Ordinal);
        }
        foreach (var allowed in (string[])["u?from=2024-01-09T01:00:00Z", "nobody?to=2024-02-01T00:00:00Z", "u"])
            Assert.Equal(202, (await host.SendAsync(new HttpRequestMessage(HttpMethod.Delete, $"/api/v1/events/events/{allowed}"))).Status);
        Assert.Equal(3, await host.Database.ValueAsync<long>("SELECT count(*) FROM control.tombstones"));
    }
}
