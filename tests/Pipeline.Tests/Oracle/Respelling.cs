using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Pipeline.Pipeline.Tests.Oracle;

/// <summary>
/// Writes the same JSON value with other bytes, as another client's library would: keys in another order, white space, escapes, and numbers
/// spelled in another way.
/// </summary>
static class Respelling
{
    public static byte[] Of(byte[] json, Random random)
    {
        using var document = JsonDocument.Parse(json);
        var text = new StringBuilder();
        Write(document.RootElement, text, random);
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    static void Write(JsonElement element, StringBuilder text, Random random)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var members = element.EnumerateObject().ToArray();
                random.Shuffle(members);
                WriteList('{', members, '}', text, random, m =>
                {
                    WriteString(m.Name, text, random);
                    text.Append(Space(random)).Append(':').Append(Space(random));
                    Write(m.Value, text, random);
                });
                break;
            case JsonValueKind.Array:
                WriteList('[', element.EnumerateArray().ToArray(), ']', text, random, e => Write(e, text, random));
                break;
            case JsonValueKind.String:
                WriteString(element.GetString()!, text, random);
                break;
            case JsonValueKind.Number:
                text.Append(Number(element.GetRawText(), random));
                break;
            default:
                text.Append(element.GetRawText());
                break;
        }
    }

    static void WriteList<T>(char open, T[] items, char close, StringBuilder text, Random random, Action<T> write)
    {
        text.Append(open).Append(Space(random));
        for (var i = 0; i < items.Length; i++)
        {
            if (i > 0)
                text.Append(',').Append(Space(random));
            write(items[i]);
        }
        text.Append(Space(random)).Append(close);
    }

    static void WriteString(string value, StringBuilder text, Random random)
    {
        text.Append('"');
        foreach (var c in value)
            if (c is '"' or '\\' || c < 0x20 || random.Next(40) == 0)
                text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                text.Append(c);
        text.Append('"');
    }

    static string Number(string raw, Random random) => !raw.All(char.IsAsciiDigit) ? raw : random.Next(4) switch
    {
        0 => raw + ".0",
        1 => raw + "e0",
        2 when raw.Length > 1 => $"{raw[0]}.{raw[1..]}E+{raw.Length - 1}",
        _ => raw,
    };

    static string Space(Random random) => random.Next(6) switch { 0 => " ", 1 => "\n  ", 2 => "\t", _ => "" };
}
