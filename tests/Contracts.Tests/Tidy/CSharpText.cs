using System.Text;

namespace Pipeline.Contracts.Tests.Tidy;

/// <summary>C# with its comments and texts blanked, line by line in place: enough to count braces and parameters by.</summary>
static class CSharpText
{
    public static string Blank(string code)
    {
        var text = new StringBuilder(code);
        for (var i = 0; i < text.Length;)
            i = End(code, i) is var end && end > i ? Erase(text, i, end) : i + 1;
        return text.ToString();
    }

    /// <summary>Where the comment or literal that begins at <paramref name="i"/> ends; <paramref name="i"/> where none does.</summary>
    static int End(string code, int i) => code[i] switch
    {
        '/' when Next(code, i) == '/' => Until(code, i, "\n", 0),
        '/' when Next(code, i) == '*' => Until(code, i + 2, "*/", 2),
        '\'' => Quoted(code, i),
        '"' => Text(code, i),
        _ => i,
    };

    static int Text(string code, int i)
    {
        var quotes = 0;
        while (i + quotes < code.Length && code[i + quotes] == '"')
            quotes++;
        if (quotes >= 3)
            return Until(code, i + quotes, new string('"', quotes), quotes);
        if (i > 0 && (code[i - 1] == '@' || (i > 1 && code[i - 2] == '@')))
            return Verbatim(code, i);
        return Quoted(code, i);
    }

    static int Verbatim(string code, int i)
    {
        for (i++; i < code.Length; i++)
        {
            if (code[i] != '"')
                continue;
            if (Next(code, i) != '"')
                return i + 1;
            i++;
        }
        return i;
    }

    static int Quoted(string code, int i)
    {
        var quote = code[i];
        for (i++; i < code.Length && code[i] != '\n'; i++)
        {
            if (code[i] == '\\')
                i++;
            else if (code[i] == quote)
                return i + 1;
        }
        return i;
    }

    static int Until(string code, int from, string end, int extra)
    {
        var at = code.IndexOf(end, from, StringComparison.Ordinal);
        return at < 0 ? code.Length : at + extra;
    }

    static char Next(string code, int i) => i + 1 < code.Length ? code[i + 1] : '\0';

    static int Erase(StringBuilder text, int start, int end)
    {
        for (var i = start; i < end; i++)
            if (text[i] != '\n')
                text[i] = ' ';
        return end;
    }
}
