using System.Text;
using Pipeline.Contracts.Analysis;
using Pipeline.Contracts.Events;
using Pipeline.Processors.Analysis;
using Pipeline.Processors.Analysis.Requests;
using Pipeline.Processors.Failures;
using Pipeline.Sinks.Postgres;

namespace Pipeline.Processors.Tests.Analysis.Requests;

public sealed class RequestRecordTests
{
    static RequestRecord Read(string? value, byte[]? key = null, long offset = 7) => RequestRecord.Read(new FailedRecord
    {
        Log = new LogPlace("analysis", "analysis.requests", "topic-id", 3), Offset = offset, Tenant = "acme", Key = key, Value = value is null ? null : Encoding.UTF8.GetBytes(value),
        LoggedAt = DateTimeOffset.UnixEpoch, Cause = RequestRecord.Waits, FailedFirst = DateTimeOffset.UnixEpoch, FailedLast = DateTimeOffset.UnixEpoch, Attempt = 0,
    });

    [Fact]
    public void The_id_is_the_requests_own_else_the_keys_else_the_places()
    {
        Assert.Equal("own", Read("""{"request_id":"own","algorithm":"sum"}""", "key"u8.ToArray()).Task.Key.RequestId);
        Assert.Equal("key", Read("""{"algorithm":"sum"}""", "key"u8.ToArray()).Task.Key.RequestId);
        Assert.Equal("key", Read("no request", "key"u8.ToArray()).Task.Key.RequestId);
        foreach (var useless in (byte[]?[])[null, [], [0xFF], "a\0"u8.ToArray(), Encoding.UTF8.GetBytes(new string('k', 129))])
            Assert.True(Guid.TryParse(Read("""{"algorithm":"sum"}""", useless).Task.Key.RequestId, out _));
        Assert.Equal(Read(null).Task.Key, Read("x").Task.Key);
        Assert.NotEqual(Read(null).Task.Key, Read(null, offset: 8).Task.Key);
    }

    [Fact]
    public void What_is_no_request_says_why_and_keeps_its_bytes()
    {
        var read = Read("{");
        Assert.Equal((null, AnalysisFaultCode.MalformedRequest, "", AnalysisPriority.Normal), (read.Request, read.Fault!.Reason, read.Task.Algorithm, read.Task.Priority));
        Assert.Equal("{"u8.ToArray(), read.Record.Value);
        Assert.Equal("acme", read.Task.Key.Tenant);
    }

    [Fact]
    public void A_result_that_no_record_holds_is_a_fault_that_says_where_it_can_be_had()
    {
        var metadata = new AnalysisMetadata("native", "1", TimeSpan.FromMilliseconds(3), 9);
        var whole = new AnalysisOutcome(Encoding.UTF8.GetBytes($$"""{"values":"{{new string('1', RequestOutcome.ResultBytesMax - 13)}}"}"""), null, metadata);
        Assert.Same(whole, RequestOutcome.Bounded(whole));
        Assert.Null(AnalysisResultReader.Read(RequestOutcome.Result(new("acme", "id"), whole, 2), out var result));
        Assert.Equal(("id", TaskState.Completed, whole.Result.Length), (result!.RequestId, result.State, result.Result!.Length));
        Assert.Contains("\"attempts\":2", result.Metadata, StringComparison.Ordinal);
        Assert.Equal(AnalysisFaultCode.TooLarge, RequestOutcome.Bounded(whole with { Result = new byte[RequestOutcome.ResultBytesMax + 1] }).Fault!.Reason);
        // Also where it is not the result that is large.
        Assert.Equal(AnalysisFaultCode.TooLarge, RequestOutcome.Bounded(new AnalysisOutcome("{}"u8.ToArray(), null, metadata with { Events = new AnalysedEvents(null, [.. Enumerable.Repeat(new string('u', 128), 10_000)], null) })).Fault!.Reason);
    }

    [Fact]
    public void The_answer_of_a_dead_letter_names_the_engines_code_and_path_else_the_letters_own()
    {
        static AnalysisResult? Answer(FailureCause cause) => AnalysisResultReader.Read(RequestOutcome.Abandoned(new("acme", "id"), cause), out var result) is { } problem ? throw new InvalidOperationException(problem) : result;
        var refused = Answer(RequestOutcome.Cause(new AnalysisFault(AnalysisFaultCode.InvalidParameters, "must be: a number", "/parameters/ddof"), null))!;
        Assert.Equal(("id", TaskState.Abandoned, "invalid_parameters", "must be: a number", "/parameters/ddof"), (refused.RequestId, refused.State, refused.ErrorCode, refused.ErrorMessage, refused.ErrorPath));
        var exhausted = RequestOutcome.Cause(new AnalysisFault(AnalysisFaultCode.WorkerCrashed, "it died"), null) with { Reason = FaultReason.RetriesExhausted };
        Assert.Equal(("worker_crashed", "it died", ""), (Answer(exhausted)!.ErrorCode, Answer(exhausted)!.ErrorMessage, Answer(exhausted)!.ErrorPath));
        Assert.Equal("killed_processor", Answer(exhausted with { Reason = FaultReason.KilledProcessor })!.ErrorCode);
        Assert.Equal("unreadable_message", Answer(new FailureCause("receiving", "invalid", FaultReason.UnreadableMessage, "x"))!.ErrorCode);
    }

    [Theory]
    [InlineData(AnalysisFaultCode.InvalidParameters, "invalid", "analysis_refused", "engine:invalid_parameters")]
    [InlineData(AnalysisFaultCode.WorkerCrashed, "transient", "processor_failed", "engine:worker_crashed")]
    [InlineData(AnalysisFaultCode.Timeout, "transient", "processor_failed", "engine:timeout")]
    [InlineData(AnalysisFaultCode.AlgorithmFailed, "invalid", "analysis_refused", "engine:algorithm_failed")]
    public void A_fault_is_told_in_the_terms_of_all_letters(AnalysisFaultCode code, string kind, string reason, string fingerprint)
    {
        var cause = RequestOutcome.Cause(new AnalysisFault(code, "why", "/at"), null);
        Assert.Equal((kind, reason, fingerprint, "/at: why", "receiving"), (cause.Kind, new EventFault(cause.Reason).Code, cause.Fingerprint, cause.Message, cause.Stage));
    }

    [Fact]
    public void Estimates_follow_what_was_measured_and_one_slow_call_moves_them_little()
    {
        var costs = new CostCorrections();
        Assert.Equal(1, costs.Correction("mean"));
        costs.Note("mean", TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1));
        Assert.Equal(10.9, costs.Correction("mean"), 9);
        for (var i = 0; i < 200; i++)
            costs.Note("mean", TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(20));
        Assert.Equal(2, costs.Correction("mean"), 6);
        costs.Note("mean", TimeSpan.FromMilliseconds(1), TimeSpan.FromMicroseconds(10));
        Assert.Equal(2, costs.Correction("mean"), 6);
        Assert.Equal(1, costs.Correction("median"));
    }
}
