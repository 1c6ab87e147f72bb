using System.Text;
using System.Text.Json;
using Pipeline.Sinks.Influx;

namespace Pipeline.Sinks.Tests.Influx;

/// <summary>What is made of InfluxDB's answers, without one.</summary>
public sealed class PerformanceAnswerTests
{
    static readonly TimeSpan Step = TimeSpan.FromMinutes(5);
    static readonly DateTime Noon = new(2024, 5, 1, 12, 0, 0, DateTimeKind.Utc);

    [Fact]
    public void InfluxQL_answers_are_read_by_their_columns()
    {
        var series = InfluxQlPerformance.Read("""
            {"results":[{"statement_id":0,"series":[{"name":"efficiency_events","columns":["time","load_time","fps"],
             "values":[[1714564800000,null,60],[1714565100000,12.5,1e2]]}]}]}
            """u8.ToArray(), Step);
        Assert.Equal([new(Noon, 60), new(Noon + Step, 100)], series.Fps);
        Assert.Equal([new(Noon + Step, 12.5)], series.LoadTime);
        Assert.Empty(InfluxQlPerformance.Read("""{"results":[{"statement_id":0}]}"""u8.ToArray(), Step).Fps);
    }

    [Theory]
    [InlineData("""{"error":"database not found: x"}""", "database not found")]
    [InlineData("""{"results":[{"statement_id":0,"error":"timeout"}]}""", "timeout")]
    [InlineData("json: unsupported value: +Inf", "+Inf")]
    [InlineData("", "cannot be read")]
    [InlineData("""{"results":[{"series":[{"columns":["time"],"values":[],"partial":true}]}]}""", "its own limit of rows")]
    public void A_failure_that_InfluxQL_names_is_one(string json, string message) =>
        Assert.Contains(message, Assert.Throws<InfluxUnavailableException>(() => InfluxQlPerformance.Read(Encoding.UTF8.GetBytes(json), Step)).Message, StringComparison.Ordinal);

    [Fact]
    public void Rows_of_CSV_are_read_by_their_header_and_sorted_by_time()
    {
        var series = InfluxQlPerformance.ReadCsv("""
            name,tags,time,load_time,fps
            efficiency_events,,1714565100000,12.5,3e1
            efficiency_events,,1714564800000,,-60

            """u8, Step);
        Assert.Equal([new(Noon, -60), new(Noon + Step, 30)], series.Fps);
        Assert.Equal([new(Noon + Step, 12.5)], series.LoadTime);
        Assert.Empty(series.CpuUsage);
    }

    [Fact]
    public void A_step_that_begins_before_the_window_is_named_by_its_own_beginning() =>
        Assert.Equal([new(Noon, 1)], InfluxQlPerformance.ReadCsv("name,tags,time,fps\nefficiency_events,,1714564987500,1\n"u8, Step).Fps);

    [Theory]
    [InlineData("+Inf")]
    [InlineData("-Inf")]
    [InlineData("NaN")]
    public void A_mean_that_is_no_number_is_a_point_without_a_value(string value) =>
        Assert.Equal([new(Noon, null)], InfluxQlPerformance.ReadCsv(Encoding.UTF8.GetBytes($"name,tags,time,fps\nefficiency_events,,1714564800000,{value}\n"), Step).Fps);

    [Theory]
    [InlineData("json: unsupported value: +Inf\n", true)]
    [InlineData("json: error calling MarshalJSON for type *query.Result: json: unsupported value: NaN\n", true)]
    [InlineData("""{"error":"json: unsupported value: +Inf"}""", false)]
    [InlineData("json: something else", false)]
    [InlineData("", false)]
    public void Only_the_complaint_of_its_JSON_writer_is_a_reason_to_ask_for_CSV(string answer, bool beyond) =>
        Assert.Equal(beyond, InfluxQlPerformance.IsBeyondJson(Encoding.UTF8.GetBytes(answer)));

    /// <summary>An empty answer is what a failed statement leaves in CSV.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("error\ndatabase not found: x\n")]
    [InlineData("name,tags,time,frames\nefficiency_events,,1714564800000,1\n")]
    [InlineData("name,tags,time,fps\nefficiency_events,,noon,1\n")]
    [InlineData("name,tags,time,fps\nefficiency_events,,17145")]
    [InlineData("<html>")]
    public void What_is_no_answer_is_called_unreadable(string csv) =>
        Assert.Contains("cannot be read", Assert.Throws<InfluxUnavailableException>(() => InfluxQlPerformance.ReadCsv(Encoding.UTF8.GetBytes(csv), Step)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(InfluxApi.V1, "plain", "db=plain")]
    [InlineData(InfluxApi.V1, "a/b", "db=a%2Fb")]
    [InlineData(InfluxApi.V2, "plain", "db=plain&rp=autogen")]
    [InlineData(InfluxApi.V2, "a b/c&d/e", "db=a%20b&rp=c%26d%2Fe")]
    public void A_bucket_is_asked_for_by_the_names_that_InfluxDB_gives_it(InfluxApi api, string bucket, string asked) =>
        Assert.StartsWith($"query?{asked}&epoch=ms&q=", InfluxQlPerformance.Path(new PerformanceQuery("p", Noon, Noon.AddDays(1), Step), Of(api, bucket)), StringComparison.Ordinal);

    static InfluxOptions Of(InfluxApi api, string bucket) => new() { Api = api, Bucket = bucket };

    [Theory]
    [InlineData(InfluxApi.V1)]
    [InlineData(InfluxApi.V2)]
    public void Whatever_a_caller_gives_is_no_part_of_a_statement(InfluxApi api)
    {
        const string given = "given\") |> drop() //'; DROP";
        var query = new PerformanceQuery(given, Noon, Noon.AddDays(1), Step) { UserId = given, Tool = given };
        var path = InfluxQlPerformance.Path(query, Of(api, "given&q=DROP")).Split('?')[1].Split('&').Select(p => p.Split('=', 2)).ToDictionary(p => p[0], p => Uri.UnescapeDataString(p[1]));
        Assert.DoesNotContain("given", path["q"], StringComparison.Ordinal);
        using var parameters = JsonDocument.Parse(path["params"]);
        Assert.Equal(["project_id", "since", "tool", "until", "user_id"], parameters.RootElement.EnumerateObject().Select(p => p.Name).Order());
        Assert.Equal(given, parameters.RootElement.GetProperty("project_id").GetString());
    }
}
