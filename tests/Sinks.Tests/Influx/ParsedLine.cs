using System.Text;

namespace Pipeline.Sinks.Tests.Influx;

/// <summary>
/// A second, independent reading of line protocol, as InfluxDB does it: measurement, tags, fields with their raw values, timestamp.
/// In tags a comma, an equals sign or a space right behind a backslash is text. In field keys and texts a backslash and the character behind it
/// are one pair: before a comma, an equals sign or a space, or in texts a quote or a backslash, it means that character; before any other, both
/// are kept.
/// </summary>
sealed class ParsedLine
{
    readonly string _line;
    int _at;

    ParsedLine(string line) => _line = line;

    public string Measurement { get; private set; } = "";
    public Dictionary<string, string> Tags { get; } = [];
    public Dictionary<string, string> Fields { get; } = [];
    public string Timestamp { get; private set; } = "";

    public static ParsedLine Read(ReadOnlyMemory<byte> bytes) => Read(Encoding.UTF8.GetString(bytes.Span));

    public static ParsedLine Read(string line)
    {
        var parsed = new ParsedLine(line);
        parsed.Read();
        return parsed;
    }

    void Read()
    {
        Measurement = Tag(", ");
        while (Take(','))
        {
            var name = Tag("=");
            Expect('=');
            Tags.Add(name, Tag(", "));
        }
        Expect(' ');
        do
        {
            var name = Key("=");
            Expect('=');
            Fields.Add(name, Take('"') ? '"' + Text() : Key(", "));
        }
        while (Take(','));
        Expect(' ');
        Timestamp = _line[_at..];
        Assert.Matches(@"^-?\d+$", Timestamp);
    }

    string Tag(string ends)
    {
        var text = new StringBuilder();
        for (; _at < _line.Length && !ends.Contains(_line[_at], StringComparison.Ordinal); _at++)
        {
            Assert.NotEqual('\n', _line[_at]);
            if (_line[_at] == '\\' && _at + 1 < _line.Length && ",= ".Contains(_line[_at + 1], StringComparison.Ordinal))
                _at++;
            text.Append(_line[_at]);
        }
        Assert.NotEqual(0, text.Length);
        return text.ToString();
    }

    string Key(string ends)
    {
        var text = new StringBuilder();
        for (; _at < _line.Length && !ends.Contains(_line[_at], StringComparison.Ordinal); _at++)
        {
            Assert.NotEqual('\n', _line[_at]);
            if (_line[_at] == '\\' && _at + 1 < _line.Length && !",= ".Contains(_line[++_at], StringComparison.Ordinal))
                text.Append('\\');
            text.Append(_line[_at]);
        }
        Assert.NotEqual(0, text.Length);
        return text.ToString();
    }

    string Text()
    {
        var text = new StringBuilder();
        for (; _line[_at] != '"'; _at++)
        {
            if (_line[_at] == '\\' && _line[_at + 1] is '"' or '\\')
                _at++;
            text.Append(_line[_at]);
        }
        _at++;
        return text.ToString();
    }

    bool Take(char c)
    {
        if (_at >= _line.Length || _line[_at] != c)
            return false;
        _at++;
        return true;
    }

    void Expect(char c) => Assert.True(Take(c), $"'{c}' expected at {_at} of {_line}");
}
