namespace Pipeline.Processors.Analysis.Native;

/// <summary>All algorithms of this process, by name. A new one is one more entry of one of these lists.</summary>
static class NativeAlgorithms
{
    public static readonly IReadOnlyDictionary<string, NativeAlgorithm> ByName =
        MomentAlgorithms.All.Concat(OrderAlgorithms.All).Concat(SeriesAlgorithms.All).Concat(ColumnAlgorithms.All).ToDictionary(a => a.Name, StringComparer.Ordinal);
}
