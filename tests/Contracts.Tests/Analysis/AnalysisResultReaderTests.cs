using System.Text;
using Pipeline.Contracts.Analysis;

namespace Pipeline.Contracts.Tests.Analysis;

public sealed class AnalysisResultReaderTests
{
    [Fact]
    public void What_the_processors_write_is_read()
    {
        Assert.Null(AnalysisResultReader.Read("""{"request_id":"r","status":"completed","result":{"value": 1e3},"metadata":{"engine":"native"}}"""u8.ToArray(), out var done));
        Assert.Equal(new AnalysisResult("r", TaskState.Completed, """{"value": 1e3}""", null, null, null, """{"engine":"native"}"""), done);
        Assert.Null(AnalysisResultReader.Read("""{"request_id":"r","status":"abandoned","error":{"code":"timeout","message":"late","path":""}}"""u8.ToArray(), out var lost));
        Assert.Equal(new AnalysisResult("r", TaskState.Abandoned, null, "timeout", "late", "", null), lost);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("not json")]
    [InlineData("""{"status":"completed","result":{}}""")]
    [InlineData("""{"request_id":"","status":"completed","result":{}}""")]
    [InlineData("""{"request_id":7,"status":"completed","result":{}}""")]
    [InlineData("""{"request_id":"r","status":"running","result":{}}""")]
    [InlineData("""{"request_id":"r","status":"cancelled","result":{}}""")]
    [InlineData("""{"request_id":"r","status":"completed"}""")]
    [InlineData("""{"request_id":"r","status":"completed","result":[]}""")]
    [InlineData("""{"request_id":"r","status":"abandoned"}""")]
    [InlineData("""{"request_id":"r","status":"abandoned","error":{}}""")]
    [InlineData("""{"request_id":"\ud800","status":"completed","result":{}}""")]
    public void What_is_no_result_is_refused_with_a_sentence(string json)
    {
        Assert.NotEmpty(AnalysisResultReader.Read(Encoding.UTF8.GetBytes(json), out var result)!);
        Assert.Null(result);
    }

    [Fact]
    public void Ids_are_counted_in_characters_as_requests_count_them()
    {
        var id = string.Concat(Enumerable.Repeat("😀", AnalysisLimits.RequestIdCharactersMax));
        Assert.Null(AnalysisRequestReader.Read(Encoding.UTF8.GetBytes($$"""{"request_id":"{{id}}","algorithm":"sum"}"""), out var request));
        Assert.Null(AnalysisResultReader.Read(Encoding.UTF8.GetBytes($$$"""{"request_id":"{{{id}}}","status":"completed","result":{}}"""), out var result));
        Assert.Equal((id, id), (request!.RequestId, result!.RequestId));
        Assert.NotNull(AnalysisResultReader.Read(Encoding.UTF8.GetBytes($$$"""{"request_id":"{{{id}}}x","status":"completed","result":{}}"""), out _));
    }

    [Theory]
    [InlineData("""{"engine":"a\u0000"}""")]
    [InlineData("""{"duration_ms":"x"}""")]
    [InlineData("""{"duration_ms":null}""")]
    [InlineData("""{"duration_ms":1e999999}""")]
    [InlineData("""{"duration_ms":1,"engine":{"of":[0,-1e400]}}""")]
    [InlineData("[]")]
    public void Metadata_that_no_statistics_could_read_are_left_out_and_the_answer_stays(string metadata)
    {
        Assert.Null(AnalysisResultReader.Read(Encoding.UTF8.GetBytes($$$"""{"request_id":"r","status":"completed","result":{},"metadata":{{{metadata}}}}"""), out var result));
        Assert.Equal((TaskState.Completed, null), (result!.State, result.Metadata));
    }

    [Theory]
    [InlineData("0001-01-01T00:00:00+01:00")]
    [InlineData("9999-12-31T23:59:59-01:00")]
    public void Times_outside_the_calendar_are_a_fault(string time)
    {
        var fault = AnalysisRequestReader.Read(Encoding.UTF8.GetBytes($$$$"""{"algorithm":"sum","input":{"events":{"metric":"items","project_id":"p","from":"{{{{time}}}}"}}}"""), out _);
        Assert.Equal((AnalysisFaultCode.InvalidRequest, "/input/events/from"), (fault!.Reason, fault.Path));
    }
}
