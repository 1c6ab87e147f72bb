using System.Text;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres.Retention;

namespace Pipeline.Sinks.Tests.Postgres.Retention;

public sealed class LetterIdsTests
{
    const string Own = "a1111111-2222-3333-4444-555555555555";

    static IEnumerable<Guid> Of(string value) => LetterIds.Of("conflicting_duplicate", Encoding.UTF8.GetBytes(value), null, "topic", 3, 17);

    [Theory]
    [InlineData("a1111111-2222-3333-4444-555555555555")]
    [InlineData("\\u0061\\u0031111111-2222-3333-4444-555555555555")]
    public void An_id_is_read_as_the_road_reads_it(string written) => Assert.Equal([Guid.Parse(Own)], Of($$"""{"event_id":"{{written}}","event_type":"error"}"""));

    [Fact]
    public void An_event_that_names_none_has_that_of_its_place() => Assert.Equal([EventIdentity.FromLog("topic", 3, 17)], Of("""{"event_type":"error"}"""));

    [Theory]
    [InlineData("\\ud800")]
    [InlineData("no id")]
    public void What_is_no_id_keeps_none(string written) => Assert.Empty(Of($$"""{"event_id":"{{written}}"}"""));
}
