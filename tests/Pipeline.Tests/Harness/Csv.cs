using System.Text;

namespace Pipeline.Pipeline.Tests.Harness;

/// <summary>RFC 4180: quoted fields may hold commas, doubled quotes and line feeds.</summary>
static class Csv
{
    public static List<List<string>> Read(string text)
    {
        var lines = new List<List<string>> { new() };
        var field = new StringBuilder();
        var quoted = false;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (quoted && c == '"' && i + 1 < text.Length && text[i + 1] == '"')
                field.Append(text[++i]);
            else if (c == '"')
                quoted = !quoted;
            else if (!quoted && c is ',' or '\n' && !quoted)
                EndField(c == '\n');
            else if (c != '\r' || quoted)
                field.Append(c);
        }
        EndField(endsLine: false);
        return lines;

        void EndField(bool endsLine)
        {
            lines[^1].Add(field.ToString());
            field.Clear();
            if (endsLine)
                lines.Add([]);
        }
    }
}
