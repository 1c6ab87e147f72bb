using System.Text;
using Pipeline.Contracts.Events;

namespace Pipeline.Contracts.Tests.Events;

public sealed class EventIdentityTests
{
    /// <summary>Computed apart from the code. A change here would make every resent batch and every replay a set of new events.</summary>
    [Theory]
    [InlineData("batch_001", 0, "{\"a\":1}", "5d1e074a-1ae1-8c67-8cb0-51d7aea4d49f")]
    [InlineData("batch_001", 1, "{\"a\":1}", "f7955b04-b0ec-8515-95dc-66c54627fbe4")]
    [InlineData("bé😀", 999, "", "c8f7e237-653b-8955-a592-bfbf8f34ae86")]
    public void The_id_of_a_place_in_a_batch_never_changes(string batchId, int position, string value, string id) =>
        Assert.Equal(Guid.Parse(id), EventIdentity.FromBatch(batchId, position, Encoding.UTF8.GetBytes(value)));

    [Theory]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAQ", 0, 0, "698ce69f-5b9e-8c0a-9047-ebb36d9d94ba")]
    [InlineData("kqXh4mWqQ9y0uJ6s3n1k2w", 11, 1L << 40, "9c2bd428-77c4-85bd-94f4-11a3480ac6a1")]
    public void The_id_of_a_place_in_a_log_never_changes(string topicId, int partition, long offset, string id) =>
        Assert.Equal(Guid.Parse(id), EventIdentity.FromLog(topicId, partition, offset));

    [Theory]
    [InlineData("{\"a\":1}", "015abd7f5cc57a2dd94b7590f04ad808")]
    [InlineData("", "e3b0c44298fc1c149afbf4c8996fb924")]
    public void A_digest_is_the_first_half_of_sha256(string value, string digest)
    {
        var bytes = new byte[EventIdentity.DigestBytes];
        EventIdentity.Digest(Encoding.UTF8.GetBytes(value), bytes);
        Assert.Equal(digest, Convert.ToHexStringLower(bytes));
    }

    [Fact]
    public void Ids_differ_by_batch_position_bytes_and_kind()
    {
        byte[] one = [1], two = [2];
        var ids = new List<Guid>
        {
            EventIdentity.FromBatch("a", 0, one), EventIdentity.FromBatch("a", 0, two), EventIdentity.FromBatch("a", 1, one), EventIdentity.FromBatch("b", 0, one),
            EventIdentity.FromBatch("a", 256, one), EventIdentity.FromBatch("a\u0001", 0, []), EventIdentity.FromBatch("", 0, one),
            EventIdentity.FromLog("a", 0, 1), EventIdentity.FromLog("a", 1, 0), EventIdentity.FromLog("a", 0, 0), EventIdentity.FromLog("b", 0, 0),
            EventIdentity.FromBatch("a", 0, [0, 0, 0, 0, 0, 0, 0, 0]),
        };
        Assert.Equal(ids.Count, ids.Distinct().Count());
    }

    [Fact]
    public void Derived_ids_are_uuids_of_version_8()
    {
        for (var i = 0; i < 1000; i++)
            foreach (var id in (Guid[])[EventIdentity.FromBatch("batch", i, [1]), EventIdentity.FromLog("topic", i, i)])
            {
                Assert.Equal(8, id.Version);
                Assert.Contains(id.ToString()[19], "89ab");
            }
    }
}
