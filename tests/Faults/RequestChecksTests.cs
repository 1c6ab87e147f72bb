using Pipeline.Faults.Harness;
using Pipeline.Faults.Requests;

namespace Pipeline.Faults;

/// <summary>Each check of requests is shown what it is there for.</summary>
public sealed class RequestChecksTests
{
    static readonly DateTime At = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    readonly RequestTraffic _valid = new(new Random(1), new RequestShape { InvalidShare = 0, UnreadableShare = 0 });
    readonly RequestTraffic _invalid = new(new Random(2), new RequestShape { InvalidShare = 1, UnreadableShare = 0 });
    readonly RequestTraffic _unreadable = new(new Random(3), new RequestShape { UnreadableShare = 1 });
    readonly RequestLedger _ledger = new();
    readonly List<TaskRow> _rows = [];
    readonly List<RequestLetter> _letters = [];
    readonly List<TopicAnswer> _results = [];
    readonly HashSet<string> _logged = [];

    [Fact]
    public void What_ended_as_it_must_is_in_order()
    {
        Complete(Ask(_valid, Told.Ok));
        Complete(Ask(_valid, Told.Unknown));
        Ask(_valid, Told.Unknown, isLogged: false);
        Ask(_unreadable, Told.Refused, isLogged: false);
        Abandon(Ask(_invalid, Told.Ok));
        var first = Ask(_valid, Told.Ok);
        Complete(first);
        Bury(Note(_valid.Conflicting(first, byHttp: false), Told.Ok, isLogged: true), "conflicting_duplicate", "conflicting_duplicate");
        Note(_valid.Conflicting(first, byHttp: true), Told.Refused, isLogged: false);
        var cancelled = Ask(_valid, Told.Ok);
        _ledger.Cancel(cancelled, CancelWord.Cancelled);
        _rows.Add(Row(cancelled, [1, 2, 9]));
        // A row whose record never came to the topic, and whose client was told nothing: left to the day after which it is given up.
        _rows.Add(Row(Ask(_valid, Told.Unknown, isLogged: false), [1]));
        Assert.Empty(Findings());
    }

    [Fact]
    public void A_lost_request_is_found_whether_it_never_came_or_never_ended()
    {
        var lost = Ask(_valid, Told.Ok);
        Assert.Contains(lost.Id, Found("have no task"), StringComparison.Ordinal);
        _rows.Add(Row(lost, [1, 2, 4]));
        Assert.Contains(lost.Id, Found("were accepted and have not ended"), StringComparison.Ordinal);
        Ask(_valid, Told.Ok, isLogged: false);
        Found("are not in the topic");
    }

    [Fact]
    public void A_task_of_an_unknown_request_that_stays_in_between_is_found()
    {
        _rows.Add(Row(Ask(_valid, Told.Unknown), [1, 2]));
        Assert.Contains("have a task that has not ended", Assert.Single(Findings()), StringComparison.Ordinal);
        _rows[0] = Row(Ask(_valid, Told.Unknown, isLogged: false), [1]);
        Assert.Empty(Findings());
        Assert.Contains("have a task that has not ended", Assert.Single(Findings(unreadEnds: true)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_answer_and_one_of_the_wrong_kind_are_found()
    {
        var wrong = Ask(_valid, Told.Ok);
        Complete(wrong, wrong.Expected.Value + 1);
        Found("have a wrong answer");
        Found("were answered wrongly in the topic");
        _rows.Clear();
        _results.Clear();
        Complete(Ask(_invalid, Told.Ok));
        Found("have a wrong answer");
    }

    [Fact]
    public void A_request_given_up_although_it_was_accepted_is_found()
    {
        _rows.Add(Row(Ask(_valid, Told.Ok), [1, 8], code: "not_read"));
        Found("have a wrong answer");
    }

    [Fact]
    public void A_second_different_answer_is_found_and_a_repeated_one_is_not()
    {
        var asked = Ask(_valid, Told.Ok);
        Complete(asked);
        _results.Add(_results[0]);
        Assert.Empty(Findings());
        _results.Add(new TopicAnswer(asked.Id, "abandoned timeout", null));
        Assert.Contains(asked.Id, Assert.Single(Findings()), StringComparison.Ordinal);
    }

    [Fact]
    public void An_abandoned_request_without_its_letter_is_found()
    {
        var asked = Ask(_invalid, Told.Ok);
        Abandon(asked);
        var letter = Assert.Single(_letters);
        foreach (var other in (RequestLetter?[])[null, letter with { Digest = null }, letter with { Fingerprint = "engine:timeout" }, letter with { Message = "" }, letter with { Id = "other" }])
        {
            _letters.Clear();
            _letters.AddRange(other is null ? [] : [other]);
            Found("have no dead letter with their bytes and their cause");
        }
    }

    [Fact]
    public void A_completed_request_that_is_a_dead_letter_as_well_and_a_conflict_without_one_are_found()
    {
        var first = Ask(_valid, Told.Ok);
        Complete(first);
        Bury(first, "retries_exhausted", "engine:timeout");
        Found("were completed and are dead letters as well");
        _letters.Clear();
        var second = Note(_valid.Conflicting(first, byHttp: false), Told.Ok, isLogged: true);
        Found("no dead letter that says so");
        _rows[0] = Row(second, [1, 2, 4, 7], second.Expected.Value);
        Found("have the task that belongs to an earlier one");
    }

    [Fact]
    public void What_was_refused_and_is_there_and_what_should_not_have_been_are_found()
    {
        Ask(_unreadable, Told.Refused, isLogged: true);
        Found("were to be refused and are there all the same");
        _logged.Clear();
        Ask(_unreadable, Told.Ok, isLogged: false);
        Found("were to be refused and are there all the same");
        Ask(_valid, Told.Refused, isLogged: false);
        Found("were refused although nothing is wrong with them");
    }

    [Fact]
    public void A_task_that_nobody_asked_for_is_found()
    {
        _rows.Add(Row(_valid.Next(byHttp: false), [1, 2, 4, 7]));
        Found("belong to requests that nobody sent");
    }

    [Theory]
    [InlineData(new short[] { 2, 4, 7 }, "does not begin with submitted")]
    [InlineData(new short[] { 1, 2, 4, 7, 7 }, "went on after its end")]
    [InlineData(new short[] { 1, 2, 4, 7, 2, 4, 7 }, "went on after its end")]
    [InlineData(new short[] { 1, 2, 5, 7 }, "went from 2 to 5")]
    [InlineData(new short[] { 1, 3, 4, 7 }, "went from 1 to 3")]
    public void Transitions_that_must_not_be_are_found(short[] states, string breach)
    {
        var asked = Ask(_valid, Told.Ok);
        Complete(asked);
        _rows[0] = _rows[0] with { States = states, Entered = [.. states.Select(_ => At)] };
        Found(breach);
        _rows[0] = Row(asked, [1, 2, 4, 5, 6, 3, 4, 3, 4, 2, 4, 7], asked.Expected.Value);
        Assert.Empty(Findings());
        _rows[0] = _rows[0] with { Entered = [.. _rows[0].Entered.Select((at, i) => at.AddSeconds(-2 * i))] };
        Found("has times that do not grow");
    }

    [Fact]
    public void A_cancelled_request_that_ended_otherwise_is_found()
    {
        var asked = Ask(_valid, Told.Ok);
        Complete(asked);
        _ledger.Cancel(asked, CancelWord.Cancelled);
        Found("were told to be cancelled and are not");
        var ended = Ask(_valid, Told.Ok);
        _ledger.Cancel(ended, CancelWord.TooLate);
        _rows.Add(Row(ended, [1, 2, 9]));
        Found("were told to have ended and are cancelled");
        // By nobody.
        _rows.Add(Row(Ask(_valid, Told.Ok), [1, 9]));
        Found("have a wrong answer");
    }

    AskedRequest Ask(RequestTraffic traffic, Told told, bool isLogged = true) => Note(traffic.Next(byHttp: !isLogged || traffic == _unreadable), told, isLogged);

    AskedRequest Note(AskedRequest asked, Told told, bool isLogged)
    {
        _ledger.Note(asked);
        _ledger.Told.Write(asked.Mark, told);
        if (isLogged)
            _logged.Add(asked.Digest);
        return asked;
    }

    void Complete(AskedRequest asked, double? value = null)
    {
        value ??= asked.Expected.Value;
        _rows.Add(Row(asked, [1, 2, 4, 7], value));
        _results.Add(new TopicAnswer(asked.Id, $"completed {value}", value));
    }

    void Abandon(AskedRequest asked)
    {
        _rows.Add(Row(asked, [1, 2, 4, 8], code: asked.Expected.Code));
        _results.Add(new TopicAnswer(asked.Id, $"abandoned {asked.Expected.Code}", null));
        Bury(asked, "analysis_refused", $"engine:{asked.Expected.Code}");
    }

    void Bury(AskedRequest asked, string reason, string fingerprint) => _letters.Add(new RequestLetter(asked.Id, asked.Digest, reason, fingerprint, "because"));

    static TaskRow Row(AskedRequest asked, short[] states, double? value = null, string? code = null) =>
        new(asked.Id, asked.Digest, states[^1], states, [.. states.Select((_, i) => At.AddSeconds(i))], value, code);

    /// <returns>The one finding, among any others, that says so.</returns>
    string Found(string what) => Assert.Single(Findings(), f => f.Contains(what, StringComparison.Ordinal));

    IReadOnlyList<string> Findings(bool unreadEnds = false)
    {
        var findings = new Findings();
        new AnswerChecks(_ledger, new Answers(_rows, _letters, _results, _logged), findings).Run(unreadEnds);
        return findings.List;
    }
}
