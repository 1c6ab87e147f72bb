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
}
