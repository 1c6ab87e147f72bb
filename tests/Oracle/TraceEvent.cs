using System.Text;

namespace Pipeline.Oracle;

/// <summary>One event as it entered. Times are whole milliseconds, as the <c>ingest</c> header carries them.</summary>
/// <param name="Bytes">The event's own JSON; valid by the contract.</param>
public sealed record TraceEvent(byte[] Bytes, DateTimeOffset ReceivedAt)
{
    public TraceEvent(string json, DateTimeOffset receivedAt) : this(Encoding.UTF8.GetBytes(json), receivedAt)
    {
    }

    /// <summary>The batch's send time by the sender's clock.</summary>
    public DateTimeOffset? SentAt { get; init; }

    /// <summary>The tool of the batch's metadata: it counts where the event names none.</summary>
    public string? BatchTool { get; init; }

    public string Tenant { get; init; } = "default";

    /// <summary>The id that the pipeline derives where the JSON names none. Whoever sends the event knows its batch and place and resolves it.</summary>
    public Guid? DerivedId { get; init; }
}
