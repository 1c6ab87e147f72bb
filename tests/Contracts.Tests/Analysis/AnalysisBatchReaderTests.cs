using System.Text;
using Pipeline.Contracts.Analysis;

namespace Pipeline.Contracts.Tests.Analysis;

public sealed class AnalysisBatchReaderTests
{
    [Fact]
    public void Each_request_is_found_as_it_stands()
    {
        var json = """ {"requests": [ {"algorithm":"a","x":[1,{"y":2}]} , 7,"text" ]} """u8.ToArray();
        Assert.Null(AnalysisBatchReader.Read(json, out var requests));
        Assert.Equal(["""{"algorithm":"a","x":[1,{"y":2}]}""", "7", "\"text\""], requests.Select(r => Encoding.UTF8.GetString(json[r])));
    }

    [Theory]
    [InlineData("", AnalysisFaultCode.MalformedRequest)]
    [InlineData("[]", AnalysisFaultCode.InvalidRequest)]
    [InlineData("{}", AnalysisFaultCode.InvalidRequest)]
    [InlineData("""{"requests":{}}""", AnalysisFaultCode.InvalidRequest)]
    [InlineData("""{"requests":[]}""", AnalysisFaultCode.InvalidRequest)]
    [InlineData("""{"requests":[1],"more":2}""", AnalysisFaultCode.InvalidRequest)]
    [InlineData("""{"requests":[1],"requests":[2]}""", AnalysisFaultCode.InvalidRequest)]
    [InlineData("""{"requests":[1}""", AnalysisFaultCode.MalformedRequest)]
    [InlineData("""{"requests":[1]} x""", AnalysisFaultCode.MalformedRequest)]
    public void What_is_no_batch_is_refused(string json, AnalysisFaultCode code) => Assert.Equal(code, AnalysisBatchReader.Read(Encoding.UTF8.GetBytes(json), out _)!.Reason);

    [Fact]
    public void A_thousand_requests_are_the_most()
    {
        static byte[] Batch(int n) => Encoding.UTF8.GetBytes($$"""{"requests":[{{string.Join(',', Enumerable.Repeat("1", n))}}]}""");
        Assert.Null(AnalysisBatchReader.Read(Batch(AnalysisBatchReader.RequestsMax), out _));
        Assert.Equal(AnalysisFaultCode.TooLarge, AnalysisBatchReader.Read(Batch(AnalysisBatchReader.RequestsMax + 1), out _)!.Reason);
    }
}
