using Pipeline.Faults.Harness;

namespace Pipeline.Faults.Requests;

/// <summary>
/// Every accepted request ends in exactly one final state, with the right answer or with a dead letter that has its cause and its bytes; what was refused leaves nothing; the results' topic may repeat an
/// answer and never gives two different ones. Set algebra over what clients were told and what is there.
/// </summary>
sealed class AnswerChecks(RequestLedger ledger, Answers answers, Findings findings)
{
    const string NotRead = "not_read";

    readonly Word _word = ledger.Told.Read();
    readonly ILookup<Guid, CancelWord> _cancels = ledger.Cancels;
    readonly Dictionary<string, AskedRequest> _asked = ledger.Asked.ToDictionary(a => a.Digest);
    readonly Dictionary<string, TaskRow> _rows = answers.Rows.ToDictionary(r => r.Digest);
    readonly ILookup<string, RequestLetter> _letters = answers.Letters.ToLookup(l => l.Digest ?? "");

    /// <param name="unreadEnds">Whether rows whose record nobody read are given up within the test's time; else they may stay submitted.</param>
    public void Run(bool unreadEnds)
    {
        CheckEnds(unreadEnds);
        CheckRefused();
        CheckAnswers();
        CheckLetters();
        CheckTopic();
        CheckCancels();
    }

    TaskRow? RowOf(AskedRequest asked) => _rows.GetValueOrDefault(asked.Digest);

    bool IsAccepted(AskedRequest asked) => _word.Ok.Contains(asked.Mark);

    IEnumerable<AskedRequest> Accepted => ledger.Asked.Where(IsAccepted);

    void Empty(IEnumerable<AskedRequest> set, string what) => findings.Empty([.. set.Select(a => a.Mark)], what, "requests");

    void CheckEnds(bool unreadEnds)
    {
        Empty(Accepted.Where(a => !answers.Logged.Contains(a.Digest)), "were accepted and are not in the topic");
        Empty(Accepted.Where(a => a.Expected.Ending != Ending.Conflict && RowOf(a) is null), "were accepted and have no task");
        Empty(Accepted.Where(a => RowOf(a) is { } row && !TaskChain.IsFinal(row.State)), "were accepted and have not ended");
        // Nobody was told anything of the rest; but what is in the log is read, and what is not is given up in the end.
        Empty(ledger.Asked.Where(a => !IsAccepted(a) && RowOf(a) is { } row && !TaskChain.IsFinal(row.State) && (unreadEnds || row.State != TaskChain.Submitted || answers.Logged.Contains(a.Digest))), "have a task that has not ended");
        foreach (var breach in answers.Rows.Select(r => (r.Id, Breach: TaskChain.Breach(r), r.States)).Where(b => b.Breach is not null).Take(3))
            findings.Add($"task {breach.Id} {breach.Breach}: {string.Join(", ", breach.States)}");
    }

    void CheckRefused()
    {
        Empty(ledger.Asked.Where(a => _word.Refused.Contains(a.Mark) && a.Expected.Ending != Ending.Refused), "were refused although nothing is wrong with them");
        Empty(ledger.Asked.Where(a => a.Expected.Ending == Ending.Refused && (IsAccepted(a) || RowOf(a) is not null || _letters.Contains(a.Digest) || answers.Logged.Contains(a.Digest))), "were to be refused and are there all the same");
        findings.Expect(answers.Rows.All(r => _asked.ContainsKey(r.Digest)), $"{answers.Rows.Count(r => !_asked.ContainsKey(r.Digest))} tasks belong to requests that nobody sent");
    }

    /// <summary>A task that nobody read may be given up only where nobody was told that it was accepted.</summary>
    bool IsUnread(AskedRequest asked, TaskRow row) => row.State == TaskChain.Abandoned && row.Code == NotRead && !IsAccepted(asked);

    void CheckAnswers()
    {
        Empty(ledger.Asked.Where(a => RowOf(a) is { } row && TaskChain.IsFinal(row.State) && !IsUnread(a, row) && !IsRight(a, row)), "have a wrong answer");
    }

    bool IsRight(AskedRequest asked, TaskRow row) => row.State switch
    {
        TaskChain.Completed => asked.Expected.Ending == Ending.Completed && row.Value == asked.Expected.Value,
        TaskChain.Abandoned => asked.Expected.Ending == Ending.Abandoned && row.Code == asked.Expected.Code,
        _ => _cancels[asked.Mark].Any(),
    };

    void CheckLetters()
    {
        Empty(ledger.Asked.Where(a => RowOf(a) is { State: TaskChain.Abandoned, Code: not NotRead } row && !_letters[a.Digest].Any(l => l.Fingerprint.EndsWith($":{row.Code}", StringComparison.Ordinal) && IsWhole(l, a))),
            "were abandoned and have no dead letter with their bytes and their cause");
        Empty(Accepted.Where(a => a.Expected.Ending == Ending.Conflict && !_letters[a.Digest].Any(l => l.Reason == "conflicting_duplicate" && IsWhole(l, a))), "were in conflict with another one and have no dead letter that says so");
        Empty(ledger.Asked.Where(a => _letters.Contains(a.Digest) && RowOf(a) is { State: TaskChain.Completed }), "were completed and are dead letters as well");
        Empty(ledger.Asked.Where(a => a.Expected.Ending == Ending.Conflict && RowOf(a) is not null), "have the task that belongs to an earlier one");
        findings.Expect(answers.Letters.All(l => l.Digest is not null && _asked.ContainsKey(l.Digest)), "there are dead letters of requests that nobody sent");
    }

    static bool IsWhole(RequestLetter letter, AskedRequest asked) => letter.Id == asked.Id && letter.Message.Length > 0;

    void CheckTopic()
    {
        var told = answers.Results.GroupBy(r => r.Id).ToDictionary(r => r.Key, r => r.Select(a => a.Answer).Distinct().ToList());
        var different = told.Where(t => t.Value.Count > 1).ToList();
        findings.Expect(different.Count == 0, $"{different.Count} requests have several different answers in the topic, such as {different.FirstOrDefault().Key}: {string.Join(" and ", different.FirstOrDefault().Value ?? [])}");
        // The row is that answer, and none that nobody gave.
        Empty(ledger.Asked.Where(a => RowOf(a) is { State: TaskChain.Completed or TaskChain.Abandoned } row && !IsUnread(a, row) && !told.ContainsKey(a.Id)), "have an answer that is not in the topic");
        var values = answers.Results.Where(r => r.Value is not null).ToLookup(r => r.Id, r => r.Value);
        Empty(ledger.Asked.Where(a => RowOf(a) is not null && values[a.Id].Any(v => a.Expected.Ending != Ending.Completed || v != a.Expected.Value)), "were answered wrongly in the topic");
    }

    void CheckCancels()
    {
        Empty(ledger.Asked.Where(a => _cancels[a.Mark].Contains(CancelWord.Missing)), "were accepted and could not be found right after");
        Empty(ledger.Asked.Where(a => _cancels[a.Mark].Contains(CancelWord.Cancelled) && RowOf(a) is not { State: TaskChain.Cancelled }), "were told to be cancelled and are not");
        Empty(ledger.Asked.Where(a => _cancels[a.Mark].Contains(CancelWord.TooLate) && RowOf(a) is { State: TaskChain.Cancelled }), "were told to have ended and are cancelled");
    }
}
