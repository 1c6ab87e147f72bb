using System.Text;

namespace Pipeline.DevTool.Simulation;

/// <summary>What events say in words. Nothing here may need an escape in JSON.</summary>
static class Texts
{
    /// <summary>By <see cref="Source"/>.</summary>
    public static readonly byte[][] Sources = Of("manual", "model", "imported");

    public static readonly byte[][] Interactions = Of("zoom", "pan", "click", "scroll", "search", "filter", "toggle_layer", "comment");
    public static readonly byte[][] Elements = Of("canvas", "sidebar", "label_list", "timeline", "toolbar", "object_tree");
    public static readonly byte[][] Models = Of("sim-detector-s", "sim-detector-l", "sim-segmenter");
    public static readonly byte[][] Refusals = Of("outside of the image", "too few points", "overlaps another object", "version conflict");
    public static readonly byte[][] SkipReasons = Of("unreadable", "out of scope", "duplicate", "unsure");

    public static byte[][] Of(params string[] texts) => [.. texts.Select(Encoding.UTF8.GetBytes)];
}

/// <summary>What goes wrong in a browser. The fingerprint is that of the place in the code: the same each time.</summary>
sealed record Failure(byte[] Type, byte[] Message, byte[] Severity, byte[] Fingerprint)
{
    public static readonly Failure[] All =
    [
        Of("network_timeout", "no answer within 30 s", "warning", "sim-9f2c11aa"), Of("network_timeout", "no answer within 30 s", "warning", "sim-9f2c11aa"),
        Of("save_conflict", "the item was changed by somebody else", "warning", "sim-40be7d03"), Of("render_failure", "WebGL context lost", "error", "sim-c3a0155e"),
        Of("out_of_memory", "the page needs more memory than there is", "critical", "sim-77d1f920"), Of("script_error", "undefined is not a function", "error", "sim-1b6e8c4f"),
    ];

    static Failure Of(params string[] texts) => Texts.Of(texts) is [var type, var message, var severity, var fingerprint] ? new(type, message, severity, fingerprint)
        : throw new ArgumentException("a failure has four texts", nameof(texts));
}
