using System.Text;
using Pipeline.Contracts.Analysis;

namespace Pipeline.Contracts.Tests.Analysis;

public sealed class AnalysisRequestReaderTests
{
    static AnalysisRequest Read(string json)
    {
        Assert.Null(AnalysisRequestReader.Read(Encoding.UTF8.GetBytes(json), out var request));
        return request!;
    }

    static AnalysisFault Fault(string json)
    {
        var fault = AnalysisRequestReader.Read(Encoding.UTF8.GetBytes(json), out var request);
        Assert.Null(request);
        return fault!;
    }

    [Fact]
    public void An_older_clients_request_is_read_as_it_is()
    {
        var request = Read("""{"algorithm":"matrix_multiply","parameters":{"matrix_a":[[1,2],[3,4]],"matrix_b":[[5,6],[7,8]]},"timeout_seconds":30}""");
        Assert.Equal(("matrix_multiply", null, null, 30_000), (request.Algorithm, request.RequestId, request.Input, request.Options.TimeoutMs));
        Assert.Equal(8, request.Parameters!.Value.GetProperty("matrix_b")[1][1].GetInt32());
    }

    [Fact]
    public void What_is_left_out_has_its_default()
    {
        var request = Read("""{"algorithm":"mean","input":{"values":[1,2.5,-3e2]}}""");
        Assert.Equal(AnalysisPriority.Normal, request.Priority);
        Assert.Equal(new AnalysisOptions(PreferNative: true, AllowPython: true, TimeoutMs: 30_000, IncludeMetadata: false), request.Options);
        Assert.Equal([1, 2.5, -300], Assert.IsType<ValuesInput>(request.Input).Values.ToArray());
    }

    [Fact]
    public void Null_is_as_if_it_were_absent()
    {
        var request = Read("""{"request_id":null,"algorithm":"mean","parameters":null,"priority":null,"input":null,"options":null}""");
        Assert.Equal((null, null, null, AnalysisPriority.Normal), (request.RequestId, request.Parameters, request.Input, request.Priority));
    }

    [Fact]
    public void Every_option_is_taken()
    {
        var request = Read("""{"request_id":"r-1","algorithm":"kmeans","priority":"high","options":{"prefer_native":false,"allow_python":false,"timeout_ms":1,"include_metadata":true}}""");
        Assert.Equal(("r-1", AnalysisPriority.High, new AnalysisOptions(false, false, 1, true)), (request.RequestId, request.Priority, request.Options));
    }

    [Fact]
    public void A_missing_value_is_NaN_in_values_and_columns()
    {
        Assert.Equal([1, double.NaN], Assert.IsType<ValuesInput>(Read("""{"algorithm":"a","input":{"values":[1,null]}}""").Input).Values.ToArray());
        var columns = Assert.IsType<ColumnsInput>(Read("""{"algorithm":"a","input":{"columns":{"y":[1,2],"x":[null]}}}""").Input);
        Assert.Equal(["y", "x"], columns.Names);
        Assert.Equal([double.NaN], columns.Columns[1].ToArray());
    }

    [Fact]
    public void Raw_floats_keep_every_bit()
    {
        double[] values = [double.NaN, double.NegativeInfinity, -0.0, double.Epsilon, Math.PI];
        var request = Read("""{"algorithm":"a","input":{"f64le":"FLOATS"}}""".Replace("FLOATS", Convert.ToBase64String([.. values.SelectMany(BitConverter.GetBytes)]), StringComparison.Ordinal));
        Assert.Equal(values.Select(BitConverter.DoubleToInt64Bits), Assert.IsType<ValuesInput>(request.Input).Values.ToArray().Select(BitConverter.DoubleToInt64Bits));
    }

    [Fact]
    public void Texts_and_stored_events_are_inputs_too()
    {
        Assert.Equal(["schön", "\"quoted\""], Assert.IsType<TextsInput>(Read("""{"algorithm":"a","input":{"texts":["sch\u00f6n","\"quoted\""]}}""").Input).Texts);
        var events = Assert.IsType<EventsInput>(Read("""{"algorithm":"arima","input":{"events":{"metric":"active_time","project_id":"p","from":"2024-01-01T00:00:00+05:45","bucket":"day"}}}""").Input);
        Assert.Equal(new EventsInput("active_time", "p", null, new DateTimeOffset(2023, 12, 31, 18, 15, 0, TimeSpan.Zero), null, "day"), events);
    }

    [Theory]
    [InlineData("", "malformed_request", "")]
    [InlineData("""{""", "malformed_request", "")]
    [InlineData("""{"algorithm":"a"} x""", "malformed_request", "")]
    [InlineData("""{"algorithm":"\ud800"}""", "malformed_request", "")]
    [InlineData("""[]""", "invalid_request", "")]
    [InlineData("""{}""", "invalid_request", "/algorithm")]
    [InlineData("""{"algorithm":""}""", "invalid_request", "/algorithm")]
    [InlineData("""{"algorithm":7}""", "invalid_request", "/algorithm")]
    [InlineData("""{"algorithm":"a","algorithm":"b"}""", "invalid_request", "/algorithm")]
    [InlineData("""{"algorithm":"a","request_id":"x\ny"}""", "invalid_request", "/request_id")]
    [InlineData("""{"algorithm":"a","parameter":{}}""", "invalid_request", "/parameter")]
    [InlineData("""{"algorithm":"a","a/b~c":1}""", "invalid_request", "/a~1b~0c")]
    [InlineData("""{"algorithm":"a","parameters":[]}""", "invalid_request", "/parameters")]
    [InlineData("""{"algorithm":"a","priority":"urgent"}""", "invalid_request", "/priority")]
    [InlineData("""{"algorithm":"a","timeout_seconds":-1}""", "invalid_request", "/timeout_seconds")]
    [InlineData("""{"algorithm":"a","timeout_seconds":1e400}""", "invalid_request", "/timeout_seconds")]
    [InlineData("""{"algorithm":"a","options":{"timeout_ms":86400001}}""", "invalid_request", "/options/timeout_ms")]
    [InlineData("""{"algorithm":"a","options":{"prefer_native":1}}""", "invalid_request", "/options/prefer_native")]
    [InlineData("""{"algorithm":"a","options":{"fast":true}}""", "invalid_request", "/options/fast")]
    [InlineData("""{"algorithm":"a","input":{}}""", "invalid_request", "/input")]
    [InlineData("""{"algorithm":"a","input":{"values":[1],"texts":[]}}""", "invalid_request", "/input")]
    [InlineData("""{"algorithm":"a","input":{"values":[1,"2"]}}""", "invalid_request", "/input/values/1")]
    [InlineData("""{"algorithm":"a","input":{"values":[1,1e999]}}""", "invalid_request", "/input/values/1")]
    [InlineData("""{"algorithm":"a","input":{"values":[[1]]}}""", "invalid_request", "/input/values/0")]
    [InlineData("""{"algorithm":"a","input":{"columns":{}}}""", "invalid_request", "/input/columns")]
    [InlineData("""{"algorithm":"a","input":{"columns":{"x":[1],"x":[2]}}}""", "invalid_request", "/input/columns/x")]
    [InlineData("""{"algorithm":"a","input":{"columns":{"x":[true]}}}""", "invalid_request", "/input/columns/x/0")]
    [InlineData("""{"algorithm":"a","input":{"f64le":"AAAA"}}""", "invalid_request", "/input/f64le")]
    [InlineData("""{"algorithm":"a","input":{"f64le":"***"}}""", "invalid_request", "/input/f64le")]
    [InlineData("""{"algorithm":"a","input":{"texts":["a",1]}}""", "invalid_request", "/input/texts/1")]
    [InlineData("""{"algorithm":"a","input":{"events":{}}}""", "invalid_request", "/input/events/metric")]
    [InlineData("""{"algorithm":"a","input":{"events":{"metric":"m","from":"yesterday"}}}""", "invalid_request", "/input/events/from")]
    [InlineData("""{"algorithm":"a","input":{"events":{"metric":"m","from":"2024-01-02T00:00:00Z","to":"2024-01-02T00:00:00Z"}}}""", "invalid_request", "/input/events/to")]
    public void A_fault_is_named_with_its_place(string json, string code, string path)
    {
        var fault = Fault(json);
        Assert.Equal((code, path), (fault.Code, fault.Path));
        Assert.False(fault.IsTransient);
    }

    [Theory]
    [InlineData("""{"algorithm":"a","NAME":1}""", "")]
    [InlineData("""{"algorithm":"a","options":{"NAME":1}}""", "/options")]
    [InlineData("""{"algorithm":"a","input":{"columns":{"NAME":1}}}""", "/input/columns")]
    [InlineData("""{"algorithm":"a","input":{"columns":{"NAME":[1],"NAME":[1]}}}""", "/input/columns")]
    public void A_long_name_is_not_repeated_whole(string json, string path)
    {
        var fault = Fault(json.Replace("NAME", new string('n', 10_000), StringComparison.Ordinal));
        Assert.Equal($"{path}/{new string('n', 64)}…", fault.Path);
        Assert.InRange(fault.Message.Length, 1, 300);
    }

    [Fact]
    public void A_request_that_is_nested_too_deep_is_malformed()
    {
        var deep = string.Concat(Enumerable.Repeat("[", 100)) + string.Concat(Enumerable.Repeat("]", 100));
        Assert.Equal("malformed_request", Fault("""{"algorithm":"a","parameters":{"x":DEEP}}""".Replace("DEEP", deep, StringComparison.Ordinal)).Code);
    }

    [Fact]
    public void Bytes_that_are_no_text_are_malformed() =>
        Assert.Equal("malformed_request", AnalysisRequestReader.Read([.. "{\"algorithm\":\""u8, 0xFF, .. "\"}"u8], out _)!.Code);

    [Fact]
    public void Too_many_texts_are_too_large()
    {
        var texts = string.Join(',', Enumerable.Repeat("\"\"", AnalysisLimits.TextsMax + 1));
        var fault = Fault("""{"algorithm":"a","input":{"texts":[TEXTS]}}""".Replace("TEXTS", texts, StringComparison.Ordinal));
        Assert.Equal(("too_large", "/input/texts"), (fault.Code, fault.Path));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Whatever_the_bytes_nothing_is_thrown(int kind)
    {
        var random = new Random(20261122 + kind);
        var valid = """{"request_id":"r","algorithm":"mean","parameters":{"k":[1,{"a":null}]},"priority":"low","input":{"columns":{"x":[1,2e3],"y":[null]}},"options":{"timeout_ms":5}}"""u8.ToArray();
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = kind == 0 ? valid[..random.Next(valid.Length + 1)] : (byte[])valid.Clone();
            for (var change = 0; change < kind * random.Next(1, 4) && bytes.Length > 0; change++)
                bytes[random.Next(bytes.Length)] = kind == 1 ? (byte)random.Next(256) : (byte)"{}[]\",:0123456789.eE-+\\u null"[random.Next(29)];
            var fault = AnalysisRequestReader.Read(bytes, out var request);
            Assert.Equal(fault is null, request is not null);
        }
    }
}
