using System.Text;
using Pipeline.Contracts.Events;
using Pipeline.Sinks.Postgres.Events;

namespace Pipeline.Sinks.Tests.Postgres.Events;

public sealed class JsonContentTests
{
    [Theory]
    [InlineData("""{"a":1,"b":[true,null,"x"]}""", """ { "b" : [ true , null , "x" ] , "a" : 1 } """)]
    [InlineData("""{"a":"é/😀"}""", """{"\u0061":"\u00e9\/\ud83d\ude00"}""")]
    [InlineData("""{"a":1.5}""", """{"a":15e-1}""")]
    [InlineData("""{"a":100}""", """{"a":1E+2}""")]
    [InlineData("""{"a":0}""", """{"a":0.000}""")]
    public void White_space_order_escapes_and_forms_of_numbers_do_not_count(string one, string other) => Assert.True(Same(one, other));

    [Theory]
    [InlineData("""{"a":1}""", """{"a":2}""")]
    [InlineData("""{"a":1}""", """{"a":"1"}""")]
    [InlineData("""{"a":1}""", """{"a":1,"b":null}""")]
    [InlineData("""{"a":[1,2]}""", """{"a":[2,1]}""")]
    [InlineData("""{"a":9007199254740992}""", """{"a":9007199254740993}""")]
    [InlineData("""{"a":"x"}""", """{"A":"x"}""")]
    [InlineData("""{"a":null}""", """{"a":false}""")]
    public void Values_count(string one, string other) => Assert.False(Same(one, other));

    /// <summary>Whatever the contract lets in has to get an answer here: an exception would stop the processors for ever.</summary>
    [Theory]
    [InlineData("""{"a":1e-99999999999}""", """{"a":1e-99999999999 }""")]
    [InlineData("""{"a":0e99999999999}""", """{"a":0E99999999999}""")]
    [InlineData("""{"a":1,"a":2}""", """{"a":1, "a":2}""")]
    public void Odd_but_valid_events_get_an_answer(string one, string other)
    {
        Same(one, other);
        Assert.False(Same(one, """{"b":1}"""));
    }

    [Fact]
    public void The_deepest_event_that_the_contract_takes_is_compared()
    {
        var deep = "{\"x\":" + new string('[', EventLimits.DepthMax - 1) + new string(']', EventLimits.DepthMax - 1) + "}";
        Assert.True(Same(deep, " " + deep));
    }

    static bool Same(string one, string other) => JsonContent.Same(Encoding.UTF8.GetBytes(one), Encoding.UTF8.GetBytes(other));
}
