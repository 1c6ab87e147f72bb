using System.Globalization;
using System.Text;

namespace Pipeline.Contracts.Tests.Events;

/// <summary>Random JSON values, and one value written in many ways: white space, key order, escapes, forms of numbers.</summary>
sealed class JsonShapes(Random random)
{
    const string Letters = "abcXYZ09_-;%'\",=/\\ é漢😀\U0001F9FF";

    public string Text(int codePoints)
    {
        var runes = Letters.EnumerateRunes().ToArray();
        return string.Concat(Enumerable.Range(0, codePoints).Select(_ => runes[random.Next(runes.Length)].ToString()));
    }

    /// <summary>A value as nested dictionaries, lists, strings, doubles, booleans and nulls.</summary>
    public object? Value(int depth) => random.Next(depth > 0 ? 8 : 6) switch
    {
        0 => null,
        1 => random.Next(2) == 0,
        2 => (double)random.Next(-1000, 1000),
        3 => Math.Round(random.NextDouble() * 1e6, 3),
        4 or 5 => Text(random.Next(6)),
        6 => Enumerable.Range(0, random.Next(4)).Select(_ => Value(depth - 1)).ToList(),
        _ => Enumerable.Range(0, random.Next(4)).ToDictionary(i => $"k{i}" + Text(random.Next(3)), _ => Value(depth - 1)),
    };

    public string Write(object? value)
    {
        var text = new StringBuilder();
        Write(text, value);
        return text.ToString();
    }

    void Write(StringBuilder text, object? value)
    {
        Space(text);
        switch (value)
        {
            case null: text.Append("null"); break;
            case bool b: text.Append(b ? "true" : "false"); break;
            case double d: text.Append(Number(d)); break;
            case string s: Quoted(text, s); break;
            case Dictionary<string, object?> fields: Fields(text, fields); break;
            case List<object?> items: Items(text, items); break;
            default: throw new ArgumentException(value.GetType().Name, nameof(value));
        }
        Space(text);
    }

    void Fields(StringBuilder text, Dictionary<string, object?> fields)
    {
        var shuffled = fields.ToArray();
        random.Shuffle(shuffled);
        text.Append('{');
        for (var i = 0; i < shuffled.Length; i++)
        {
            text.Append(i > 0 ? "," : "");
            Space(text);
            Quoted(text, shuffled[i].Key);
            Space(text);
            text.Append(':');
            Write(text, shuffled[i].Value);
        }
        Space(text);
        text.Append('}');
    }

    void Items(StringBuilder text, List<object?> items)
    {
        text.Append('[');
        for (var i = 0; i < items.Count; i++)
        {
            text.Append(i > 0 ? "," : "");
            Write(text, items[i]);
        }
        Space(text);
        text.Append(']');
    }

    string Number(double d)
    {
        var plain = d.ToString("R", CultureInfo.InvariantCulture);
        return random.Next(4) switch
        {
            0 => plain + "e0",
            1 => plain + "E+00",
            2 when !plain.Contains('.', StringComparison.Ordinal) => plain + ".000",
            _ => plain,
        };
    }

    void Quoted(StringBuilder text, string value)
    {
        text.Append('"');
        var often = random.Next(3);
        foreach (var unit in value)
        {
            if (unit is '"' or '\\')
                text.Append('\\').Append(unit);
            else if (often == 2 || (often == 1 && !char.IsSurrogate(unit) && random.Next(4) == 0))
                text.Append(random.Next(2) == 0 ? $"\\u{(int)unit:x4}" : $"\\u{(int)unit:X4}");
            else
                text.Append(unit);
        }
        text.Append('"');
    }

    void Space(StringBuilder text)
    {
        for (var i = random.Next(3); i > 1; i--)
            text.Append(" \t\r\n"[random.Next(4)]);
    }
}
