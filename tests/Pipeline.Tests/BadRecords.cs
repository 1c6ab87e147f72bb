using System.Text;
using Confluent.Kafka;
using Pipeline.Pipeline.Tests.Harness;

namespace Pipeline.Pipeline.Tests;

/// <summary>A record that can never be stored, and the reason code that its dead letter must have.</summary>
sealed record BadRecord(string Reason, TopicRecord Record);

/// <summary>The collection of what producers get wrong.</summary>
static class BadRecords
{
    const string Good = """{"event_type":"annotation","timestamp":"2024-05-01T00:00:00Z","user_id":"u","project_id":"p","data":{"type":"create","annotationType":"box","duration":5,"success":true}}""";
    static readonly byte[] Key = "some key"u8.ToArray();

    public static IEnumerable<BadRecord> All(Random random)
    {
        var bodies = Bytes(random).Concat(Texts().Select(t => (t.Reason, (byte[]?)Encoding.UTF8.GetBytes(t.Json))));
        foreach (var (reason, value) in bodies)
            yield return new BadRecord(reason, new TopicRecord(random.Next(4) == 0 ? null : Key, value, Headers: random.Next(2) == 0 ? null : SomeHeaders()));
        foreach (var header in (string[])["", "1", "2;0;default;;0;;;", "1;now;default;b;0;;;", "1;1714521600000;default;b;-1;;;", "1;1714521600000;default;b;0;x;;", "1;1714521600000;%0A;b;0;;;", "1;1714521600000;default;b;0;;;;", "1;é;;;;;;"])
            yield return new BadRecord("invalid_header", new TopicRecord(Key, Encoding.UTF8.GetBytes(Good), Headers: new Headers { { "ingest", Encoding.UTF8.GetBytes(header) } }));
        var unreadableKey = new byte[40];
        random.NextBytes(unreadableKey);
        yield return new BadRecord("malformed_json", new TopicRecord(unreadableKey, "{"u8.ToArray()));
    }

    static Headers SomeHeaders() => new() { { "traceparent", "00-1-2-01"u8.ToArray() }, { "empty", [] }, { "none", null }, { "twice", [1] }, { "twice", [0, 255] } };

    static IEnumerable<(string Reason, byte[]? Value)> Bytes(Random random)
    {
        var good = Encoding.UTF8.GetBytes(Good.Replace("\"u\"", "\"ü\"", StringComparison.Ordinal));
        var inside = Array.IndexOf(good, (byte)0xC3) + 1;
        yield return ("invalid_utf8", good[..inside]);
        yield return ("invalid_utf8", [.. good[..inside], .. good[(inside + 1)..]]);
        yield return ("malformed_json", [0xEF, 0xBB, 0xBF, .. good]);
        yield return ("malformed_json", []);
        yield return ("malformed_json", null);
        for (var i = 0; i < 5; i++)
        {
            var noise = new byte[random.Next(1, 400)];
            random.NextBytes(noise);
            noise[0] |= 0xF8;
            yield return ("invalid_utf8", noise);
        }
        yield return ("malformed_json", good[..^1]);
        yield return ("malformed_json", [.. good, .. good]);
        yield return ("too_large", Encoding.UTF8.GetBytes(With("\"duration\":5", $"\"duration\":5,\"x\":\"{new string('x', 600 * 1024)}\"")));
    }

    static IEnumerable<(string Reason, string Json)> Texts()
    {
        foreach (var json in (string[])["[]", "1", "\"text\"", "null", "true", $"[{Good}]"])
            yield return ("not_an_object", json);
        foreach (var json in (string[])["nonsense", "{'user_id':1}", Good + ",", "{\"a\":NaN}", "{\"a\":01}", "// comment\n" + Good, new string('[', 10_000), "{\"a\":\"\u0001\"}"])
            yield return ("malformed_json", json);
        yield return ("duplicate_field", With("\"user_id\":\"u\"", "\"user_id\":\"u\",\"user_id\":\"v\""));
        yield return ("duplicate_field", With("\"user_id\":\"u\"", "\"user_id\":\"u\",\"user\\u005fid\":\"u\""));
        yield return ("duplicate_field", With("\"duration\":5", "\"duration\":5,\"duration\":6"));
        yield return ("too_deep", With("\"duration\":5", $"\"duration\":5,\"x\":{new string('[', 10_000)}{new string(']', 10_000)}"));
        yield return ("too_deep", With("\"project_id\":\"p\"", $"\"project_id\":\"p\",\"metadata\":{string.Concat(Enumerable.Repeat("{\"a\":", 10_000))}1{new string('}', 10_000)}"));
        yield return ("number_out_of_range", With("\"duration\":5", "\"duration\":1e400"));
        yield return ("number_out_of_range", With("\"duration\":5", "\"duration\":5,\"x\":{\"y\":[-1e400]}"));
        yield return ("invalid_string", With("\"u\"", "\"\\ud800\""));
        yield return ("invalid_string", With("\"u\"", "\"\\udc00\\ud800\""));
        yield return ("invalid_string", With("\"u\"", "\"a\\u0000b\""));
        yield return ("invalid_string", With("\"duration\":5", "\"duration\":5,\"free\":\"\\u0000\""));
        foreach (var field in (string[])["event_type", "timestamp", "user_id", "project_id"])
            yield return ("missing_field", With($"\"{field}\":", "\"other\":"));
        yield return ("missing_field", "{}");
        yield return ("missing_field", With("\"data\":", "\"date\":"));
        yield return ("missing_field", With("\"success\":true", "\"success\":null"));
        foreach (var wrong in (string[])["5", "[]", "{}", "true"])
            yield return ("wrong_type", With("\"u\"", wrong));
        yield return ("wrong_type", With("\"duration\":5", "\"duration\":\"5\""));
        yield return ("wrong_type", With("\"project_id\":\"p\"", "\"project_id\":\"p\",\"event_id\":5"));
        yield return ("wrong_type", With("\"project_id\":\"p\"", "\"project_id\":\"p\",\"metadata\":[]"));
        yield return ("invalid_value", With("\"duration\":5", "\"duration\":-5"));
        yield return ("invalid_value", With("\"create\"", "\"destroy\""));
        yield return ("invalid_value", With("\"annotation\"", "\"annotations\""));
        yield return ("invalid_length", With("\"u\"", "\"\""));
        yield return ("invalid_length", With("\"u\"", $"\"{new string('u', 129)}\""));
        foreach (var control in (string[])["a\\nb", "\\u0001", "a\\u007f", "\\ttab"])
            yield return ("control_character", With("\"u\"", $"\"{control}\""));
        foreach (var id in (string[])["not-a-uuid", "", "00000000-0000-0000-0000-000000000000", "c67a8e9f4bf171fe8019b83201dde15d", "{c67a8e9f-4bf1-71fe-8019-b83201dde15d}"])
            yield return ("invalid_event_id", With("\"project_id\":\"p\"", $"\"project_id\":\"p\",\"event_id\":\"{id}\""));
        foreach (var time in (string[])["yesterday", "2024-05-01T00:00:00", "2024-05-01", "2024-13-01T00:00:00Z", "2023-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "1714521600"])
            yield return ("invalid_timestamp", With("2024-05-01T00:00:00Z", time));
        foreach (var time in (string[])["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1999-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59"])
            yield return ("timestamp_out_of_range", With("2024-05-01T00:00:00Z", time));
    }

    static string With(string part, string instead) => Good.Contains(part, StringComparison.Ordinal)
        ? Good.Replace(part, instead, StringComparison.Ordinal) : throw new ArgumentException($"the event has no {part}", nameof(part));
}
