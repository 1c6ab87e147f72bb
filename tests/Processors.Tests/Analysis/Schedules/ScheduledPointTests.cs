using System.Text;
using Pipeline.Contracts.Analysis;
using Pipeline.Processors.Analysis.Schedules;
using Pipeline.Sinks.Influx;
using Pipeline.Sinks.Postgres.Tasks;

namespace Pipeline.Processors.Tests.Analysis.Schedules;

public sealed class ScheduledPointTests
{
    static readonly DateTime Due = new(2026, 11, 22, 4, 20, 0, DateTimeKind.Utc);

    static string[] Lines(string metric, string? result, string? rows, string? user = null, string? bucket = "day", string kind = "rows", bool latest = true)
    {
        var schedule = new Schedule("s 1", "default", "arima", CronExpression.Parse("* * * * *"), new ScheduleInput(metric, bucket, TimeSpan.FromDays(2), ScheduleEach.Project, null, null, 1, 1), new SchedulePoints(["scores"], ["forecast", "low"]));
        var lines = new LineProtocol();
        ScheduledPoint.Write(lines, schedule, new FinishedRun(new TaskKey("default", "id"), new ScheduledRun("s 1", Due, "p,1", user), result is null ? TaskState.Abandoned : TaskState.Completed, result, rows is null ? null : $$"""{"{{kind}}":{{rows}}}""") { IsLatest = latest });
        return Encoding.UTF8.GetString(lines.Bytes.Span).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    static long Nanoseconds(DateTime time) => (time - DateTime.UnixEpoch).Ticks * 100;

    [Fact]
    public void Numbers_are_the_runs_rows_their_buckets_and_forecasts_lie_ahead() => Assert.Equal(
    [
        $"scheduled_analyses,algorithm=arima,part=run,project_id=p\\,1,schedule=s\\ 1,user_id=anna count=1i,aic=12.5,result_count=3,converged=true {Nanoseconds(Due)}",
        $"scheduled_analyses,algorithm=arima,part=row,project_id=p\\,1,schedule=s\\ 1,user_id=anna count=1i,scores=0.5 {Nanoseconds(new DateTime(2026, 11, 20))}",
        $"scheduled_analyses,algorithm=arima,part=ahead,project_id=p\\,1,schedule=s\\ 1,user_id=anna count=1i,forecast=7,low=6 {Nanoseconds(new DateTime(2026, 11, 22))}",
        $"scheduled_analyses,algorithm=arima,part=ahead,project_id=p\\,1,schedule=s\\ 1,user_id=anna count=1i,forecast=8 {Nanoseconds(new DateTime(2026, 11, 23))}",
    ], Lines("items", """{"aic":12.5,"count":3,"converged":true,"method":"x","scores":[0.5,null],"forecast":[7,8],"low":[6],"none":null}""", """["2026-11-20T00:00:00Z","2026-11-21T00:00:00Z"]""", "anna"));

    [Fact]
    public void Rows_that_are_users_are_their_users_points() => Assert.Equal(
    [
        $"scheduled_analyses,algorithm=arima,part=row,project_id=p\\,1,schedule=s\\ 1,user_id=a\\ b count=1i,scores=1 {Nanoseconds(Due)}",
        $"scheduled_analyses,algorithm=arima,part=row,project_id=p\\,1,schedule=s\\ 1,user_id=c count=1i,scores=2 {Nanoseconds(Due)}",
    ], Lines("user_features", """{"scores":[1,2]}""", """["a b","c"]""", bucket: null, kind: "users"));

    [Fact]
    public void A_run_that_ends_after_a_later_one_has_its_numbers_alone() =>
        Assert.Single(Lines("items", """{"aic":12.5,"scores":[0.5],"forecast":[7,8]}""", """["2026-11-20T00:00:00Z"]""", latest: false));

    [Fact]
    public void What_no_field_can_hold_is_left_out() => Assert.Equal([$"scheduled_analyses,algorithm=arima,part=run,project_id=p\\,1,schedule=s\\ 1 count=1i,a\\ b=1,result_time=2 {Nanoseconds(Due)}"],
        Lines("items", """{"big":1e999,"":1,"a b":1,"time":2,"scores":[1e999]}""", """["2026-11-20T00:00:00Z"]"""));

    [Fact]
    public void A_run_without_a_result_and_a_result_without_numbers_have_none()
    {
        Assert.Empty(Lines("items", null, null));
        Assert.Empty(Lines("items", """{"text":"x","scores":"y","forecast":{}}""", """["2026-11-20T00:00:00Z"]"""));
    }
}
