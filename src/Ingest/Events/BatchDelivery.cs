using Confluent.Kafka;
using Pipeline.Contracts;

namespace Pipeline.Ingest.Events;

/// <summary>Waits for the delivery reports of one batch. The body must live until <see cref="Produced"/> ends the producing.</summary>
sealed class BatchDelivery(EventBatch batch, IngestHeader.Template header)
{
    readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly Headers?[] _headers = new Headers?[5];
    readonly byte[]?[] _headerBytes = new byte[]?[5];

    /// <summary>One more than the events produced, so that the batch cannot end before its last event was handed over.</summary>
    int _pending = 1;

    public EventBatch Batch => batch;

    public Task Done => _done.Task;

    public string? LastError { get; private set; }

    /// <summary>
    /// The one header of the event at this position. Headers of equally many digits share an array that is written anew each time, which is
    /// safe because Produce copies it.
    /// </summary>
    public Headers HeaderAt(int position)
    {
        var digits = position < 10 ? 1 : position < 100 ? 2 : position < 1000 ? 3 : 4;
        var bytes = _headerBytes[digits] ??= new byte[header.Length(position)];
        header.Write(position, bytes);
        return _headers[digits] ??= new Headers { { Topics.IngestHeaderName, bytes } };
    }

    public void Expect() => Interlocked.Increment(ref _pending);

    public void Report(int index, Error error)
    {
        batch[index].Verdict = error.IsError ? Verdict.Retry : Verdict.Accepted;
        if (error.IsError)
            LastError = error.Reason;
        CountDown();
    }

    /// <summary>Nothing more will be produced.</summary>
    public void Produced() => CountDown();

    void CountDown()
    {
        if (Interlocked.Decrement(ref _pending) == 0)
            _done.SetResult();
    }
}
