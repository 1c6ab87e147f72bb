using System.Text;
using Pipeline.Contracts.Events;
using static Pipeline.Contracts.Tests.Events.EventText;

namespace Pipeline.Contracts.Tests.Events;

/// <summary>Strings that become part of a key: 1 to 128 code points, no control characters.</summary>
public sealed class EventKeyTests
{
    public static TheoryData<string> Fields => ["user_id", "project_id", "task_id", "session_id", "tool", "data.annotationType", "data.objectId"];

    public static TheoryData<string> Characters => ["x", "é", "漢", "😀", "\U0010FFFF"];

    [Theory, MemberData(nameof(Fields))]
    public void Empty_is_refused(string field) => Refused(FaultReason.InvalidLength, field, With(field, "\"\""));

    [Theory, MemberData(nameof(Characters))]
    public void A_hundred_and_twenty_eight_code_points_are_taken_and_one_more_is_not(string character)
    {
        foreach (string field in Fields.Select(f => f.Data))
            foreach (var write in (Func<string, string>[])[s => s, Escaped, HalfEscaped])
            {
                Accepted(With(field, Quoted(character, EventLimits.KeyCharactersMax, write)));
                Refused(FaultReason.InvalidLength, field, With(field, Quoted(character, EventLimits.KeyCharactersMax + 1, write)));
            }
    }

    [Theory, MemberData(nameof(Characters))]
    public void A_key_of_the_greatest_length_is_read_back(string character)
    {
        var text = string.Concat(Enumerable.Repeat(character, EventLimits.KeyCharactersMax));
        foreach (var write in (Func<string, string>[])[s => s, Escaped, HalfEscaped])
        {
            var value = With("user_id", Quoted(character, EventLimits.KeyCharactersMax, write)).Bytes();
            Assert.Equal(text, Valid(value).UserId.Text(value));
        }
    }

    [Fact]
    public void Far_too_long_is_refused_without_harm()
    {
        foreach (var length in (int[])[600, 5000, 200_000])
        {
            Refused(FaultReason.InvalidLength, "user_id", With("user_id", $"\"{new string('x', length)}\""));
            Refused(FaultReason.InvalidLength, "user_id", With("user_id", $"\"\\n{new string('x', length)}\""));
        }
        Refused(FaultReason.InvalidLength, "event_type", With("event_type", $"\"{new string('x', 5000)}\""));
    }

    [Theory]
    [InlineData("\\u0001")]
    [InlineData("\\u001f")]
    [InlineData("\\n")]
    [InlineData("\\r")]
    [InlineData("\\t")]
    [InlineData("\\b")]
    [InlineData("\\f")]
    [InlineData("\\u007f")]
    [InlineData("\u007f")]
    public void Control_characters_are_refused(string character)
    {
        foreach (string field in Fields.Select(f => f.Data))
            foreach (var json in (string[])[$"\"{character}\"", $"\"a{character}b\"", $"\"é{character}\""])
                Refused(FaultReason.ControlCharacter, field, With(field, json));
    }

    [Theory]
    [InlineData("a;b")]
    [InlineData("100%")]
    [InlineData("it's \\\"quoted\\\"")]
    [InlineData("Robert'); DROP TABLE events;--")]
    [InlineData("a b,c=d")]
    [InlineData("\\\\")]
    [InlineData("\u0085\u2028\u200b")]
    [InlineData(" ")]
    public void Other_characters_are_text(string text) => Accepted(With("user_id", $"\"{text}\""));

    [Fact]
    public void Texts_that_are_no_key_may_hold_control_characters_and_any_length()
    {
        Accepted(With("data.error", $"\"line\\nline\\t{new string('x', 100_000)}\""));
        Accepted(With("data.error", "\"\""));
        Accepted(With("data.extra", "\"\\u0001\""));
    }

    static string Quoted(string character, int count, Func<string, string> write) => "\"" + write(string.Concat(Enumerable.Repeat(character, count))) + "\"";

    static string Escaped(string text)
    {
        var json = new StringBuilder();
        foreach (var unit in text)
            json.Append($"\\u{(int)unit:X4}");
        return json.ToString();
    }

    /// <summary>All but the first code point as it is.</summary>
    static string HalfEscaped(string text)
    {
        var first = char.IsSurrogate(text[0]) ? 2 : 1;
        return Escaped(text[..first]) + text[first..];
    }
}
