namespace Pipeline.Contracts.Tests;

public sealed class NearNamesTests
{
    static readonly string[] Known = ["kmeans", "dbscan", "linear_regression"];

    [Theory]
    [InlineData("k_means", "kmeans")]
    [InlineData("linearregresion", "linear_regression")]
    [InlineData("histogram", null)]
    public void Only_names_that_are_like_it_are_offered(string name, string? near) => Assert.Equal(near is null ? [] : [near], NearNames.Like(name, Known));

    [Fact]
    public void A_name_of_any_length_costs_nothing() => Assert.Empty(NearNames.Like(new string('x', 100_000), Known));

    [Theory]
    [InlineData(64, "", 64)]
    [InlineData(64, "b", 64)]
    [InlineData(63, "😀", 63)]
    [InlineData(62, "😀b", 64)]
    public void Of_a_long_name_the_beginning_is_repeated_and_never_half_a_character(int letters, string rest, int shown)
    {
        var name = new string('a', letters) + rest;
        Assert.Equal(name.Length <= 64 ? name : name[..shown] + "…", NearNames.Shown(name));
    }

    [Fact]
    public void The_nearest_come_first() => Assert.Equal(["dbscan", "kmeans", "linear_regression"], NearNames.Of("dbscam", Known));
}
