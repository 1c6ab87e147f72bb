using System.Text;
using Pipeline.Contracts.Events;

namespace Pipeline.Contracts.Tests.Events;

public sealed class EventNamesTests
{
    [Fact]
    public void The_numbers_of_event_types_are_the_stored_ones() =>
        Assert.Equal(
            ["annotation", "task_status", "tool_efficiency", "user_interaction", "performance", "error", "backend_computation"],
            Enumerable.Range(1, 7).Select(n => ((EventType)n).Name()));

    [Fact]
    public void A_reason_is_found_by_its_code_and_says_a_sentence()
    {
        foreach (var reason in Enum.GetValues<FaultReason>().Where(r => r != FaultReason.None))
        {
            var fault = new EventFault(reason);
            Assert.Equal(reason, EventFault.ReasonOf(fault.Code));
            Assert.Equal(reason.ToString(), fault.Code.Replace("_", "", StringComparison.Ordinal), ignoreCase: true);
            Assert.EndsWith(".", fault.Detail, StringComparison.Ordinal);
        }
        Assert.Equal(FaultReason.None, EventFault.ReasonOf("nonsense"));
    }

    [Fact]
    public void A_type_is_found_by_its_name_and_by_nothing_near_it()
    {
        foreach (var type in Enum.GetValues<EventType>().Where(t => t != EventType.None))
        {
            Assert.Equal(type, EventTypes.Parse(Encoding.UTF8.GetBytes(type.Name())));
            Assert.Equal(EventType.None, EventTypes.Parse(Encoding.UTF8.GetBytes(type.Name().ToUpperInvariant())));
            Assert.Equal(EventType.None, EventTypes.Parse(Encoding.UTF8.GetBytes(type.Name()[1..])));
        }
        Assert.Equal(EventType.None, EventTypes.Parse([]));
        Assert.Throws<ArgumentOutOfRangeException>(() => EventType.None.Name());
    }

    [Fact]
    public void A_data_field_is_found_by_its_name_and_by_nothing_near_it()
    {
        var fields = Enumerable.Range(0, DataFields.Count).Select(i => (DataField)i).ToList();
        Assert.Equal(fields, Enum.GetValues<DataField>().Where(f => f != DataField.Unknown).Order());
        foreach (var field in fields)
        {
            Assert.Equal(field, DataFields.Parse(Encoding.UTF8.GetBytes(field.Name())));
            Assert.Equal("data." + field.Name(), field.Path());
            Assert.Equal(DataField.Unknown, DataFields.Parse(Encoding.UTF8.GetBytes(field.Name() + "_")));
            Assert.Equal(DataField.Unknown, DataFields.Parse(Encoding.UTF8.GetBytes("X" + field.Name()[1..])));
            // snake_case and camelCase as the enumeration's own names say them.
            Assert.Equal(field.ToString(), field.Name().Replace("_", "", StringComparison.Ordinal), ignoreCase: true);
        }
        Assert.Equal(DataField.Unknown, DataFields.Parse([]));
        Assert.Equal(DataField.Unknown, DataFields.Parse(new byte[1000]));
    }
}
