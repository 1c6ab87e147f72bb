using System.Text.Json;

namespace Pipeline.Sinks.Postgres.Events;

/// <summary>Whether two events say the same: equal JSON values, whatever the white space, key order, escapes or way to write a number.</summary>
static class JsonContent
{
    static readonly JsonDocumentOptions Options = new() { MaxDepth = Contracts.Events.EventLimits.DepthMax + 2 };

    public static bool Same(byte[] one, byte[] other)
    {
        using var a = JsonDocument.Parse(one, Options);
        using var b = JsonDocument.Parse(other, Options);
        try
        {
            return JsonElement.DeepEquals(a.RootElement, b.RootElement);
        }
        catch (ArgumentOutOfRangeException)
        {
            // An exponent of more than 32 bits (the number is 0 as a float) is not compared. The later event is kept as a dead letter.
            return false;
        }
    }
}
