using System.Text;
using Pipeline.Processors.Analysis.Python;

namespace Pipeline.Processors.Tests.Analysis.Python;

public sealed class FrameTests
{
    [Fact]
    public void A_frame_is_its_head_its_header_and_its_payload()
    {
        var writer = new FrameWriter();
        for (var i = 0; i < 2; i++)
        {
            writer.Begin(FrameType.Call).WriteNumber("call", 7);
            writer.EndHeader();
            "12345678"u8.CopyTo(writer.Payload(8));
            var frame = writer.End().Span;
            Assert.Equal(new FrameHead(FrameType.Call, 10, 8), FrameHead.Read(frame));
            Assert.Equal("""{"call":7}12345678""", Encoding.ASCII.GetString(frame[FrameHead.Bytes..]));
        }
    }

    [Theory]
    [InlineData("47455420")]
    [InlineData("504C505902000700020000000000000000")]
    [InlineData("504C505901006300020000000000000000")]
    [InlineData("504C505901000700010000010000000000")]
    [InlineData("504C50590100070002000000FFFFFFFF00")]
    public void What_is_no_frame_is_refused_before_room_is_made_for_it(string hex) =>
        Assert.Throws<FrameException>(() => FrameHead.Read(Convert.FromHexString(hex.PadRight(32, '0'))));
}
