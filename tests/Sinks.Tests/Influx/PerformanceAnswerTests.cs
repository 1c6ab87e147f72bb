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
    public void Tables_of_Flux_are_read_by_their_headers_and_sorted_by_time()
    {
        var series = FluxPerformance.Read(Encoding.UTF8.GetBytes(
            ",result,table,_field,_time,_value\r\n,_result,0,fps,2024-05-01T12:05:00Z,30.5\r\n,_result,0,fps,2024-05-01T12:00:00.000000001Z,60\r\n"
            + "\r\n,result,table,_value,_time,_field\r\n,_result,1,-0.25,2024-05-01T12:00:00Z,load_time\r\n"), Step);
        Assert.Equal([new(Noon, 60), new(Noon + Step, 30.5)], series.Fps);
        Assert.Equal([new(Noon, -0.25)], series.LoadTime);
        Assert.Empty(series.CpuUsage);
    }

    [Fact]
    public void A_step_that_begins_before_the_window_is_named_by_its_own_beginning() =>
        Assert.Equal([new(Noon, 1)], FluxPerformance.Read(",result,table,_field,_time,_value\n,_result,0,fps,2024-05-01T12:03:07.5Z,1\n"u8, Step).Fps);

    [Theory]
    [InlineData("+Inf")]
    [InlineData("-Inf")]
    [InlineData("NaN")]
    [InlineData("")]
    public void A_mean_that_is_no_number_is_a_point_without_a_value(string value) =>
        Assert.Equal([new(Noon, null)], FluxPerformance.Read(Encoding.UTF8.GetBytes($",result,table,_field,_time,_value\r\n,_result,0,fps,2024-05-01T12:00:00Z,{value}\r\n"), Step).Fps);

    [Theory]
    [InlineData("")]
    [InlineData("\r\n")]
    [InlineData("\r\n\r\n")]
    public void Nothing_is_read_as_nothing(string csv) => Assert.Empty(FluxPerformance.Read(Encoding.UTF8.GetBytes(csv), Step).Fps);

    [Fact]
    public void A_failure_in_the_middle_of_an_answer_is_a_failure_and_not_a_short_series()
    {
        var failed = Assert.Throws<InfluxUnavailableException>(() => FluxPerformance.Read(
            ",result,table,_field,_time,_value\r\n,_result,0,fps,2024-05-01T12:05:00Z,30.5\r\n\r\n,error,reference\r\n,\"schema collision: column \"\"_value\"\"\",\r\n"u8, Step));
        Assert.Contains("schema collision", failed.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(",result,table,_field,_time\r\n,_result,0,fps,2024-05-01T12:00:00Z\r\n")]
    [InlineData(",result,table,_field,_time,_value\r\n,_result,0,frames,2024-05-01T12:00:00Z,1\r\n")]
    [InlineData(",result,table,_field,_time,_value\r\n,_result,0,fps,noon,1\r\n")]
    [InlineData(",result,table,_field,_time,_value\r\n,_res")]
    [InlineData("<html>")]
    public void What_is_no_answer_is_called_unreadable(string csv) =>
        Assert.Contains("cannot be read", Assert.Throws<InfluxUnavailableException>(() => FluxPerformance.Read(Encoding.UTF8.GetBytes(csv), Step)).Message, StringComparison.Ordinal);

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
    public void Whatever_a_caller_gives_is_no_part_of_a_script()
    {
        const string given = "given\") |> drop() //'; DROP";
        var query = new PerformanceQuery(given, Noon, Noon.AddDays(1), Step) { UserId = given, Tool = given };
        using var flux = JsonDocument.Parse(FluxPerformance.Body(query, given));
        Assert.DoesNotContain("given", flux.RootElement.GetProperty("query").GetString(), StringComparison.Ordinal);
        var path = InfluxQlPerformance.Path(query, given).Split('&').Select(p => p.Split('=', 2)).ToDictionary(p => p[0], p => Uri.UnescapeDataString(p[1]));
        Assert.DoesNotContain("given", path["q"], StringComparison.Ordinal);
        using var parameters = JsonDocument.Parse(path["params"]);
        Assert.Equal(["project_id", "since", "tool", "until", "user_id"], parameters.RootElement.EnumerateObject().Select(p => p.Name).Order());
        Assert.Equal(given, parameters.RootElement.GetProperty("project_id").GetString());
    }
}
