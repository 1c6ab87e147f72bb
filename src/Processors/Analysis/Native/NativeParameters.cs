namespace Pipeline.Processors.Analysis.Native;

/// <summary>Parameters that several algorithms share.</summary>
static class NativeParameters
{
    public static readonly string[] Methods = ["R-1", "R-2", "R-3", "R-4", "R-5", "R-6", "R-7", "R-8", "R-9"];

    public static readonly Parameter Nan = new("nan", ParameterType.Text, "What a missing value (null, NaN) does: raise refuses the input, omit leaves it out, propagate makes the result null.", "raise")
    {
        Choices = ["raise", "omit", "propagate"],
    };

    /// <summary>For a matrix, of which nothing can be left out.</summary>
    public static readonly Parameter NanOfMatrix = Nan with { Choices = ["raise", "propagate"], Summary = "What a missing value (null, NaN) does: raise refuses the input, propagate makes what depends on it null." };

    public static readonly Parameter Ddof = new("ddof", ParameterType.Integer, "Delta degrees of freedom: squares are divided by n - ddof; 1 for a sample, 0 for a population.", 1) { Minimum = 0 };

    public static readonly Parameter Bias = new("bias", ParameterType.Boolean, "False corrects for the bias of a sample (G1, G2).", true);

    public static readonly Parameter Method = new("method", ParameterType.Text, "Definition of a quantile by R's numbers (Hyndman and Fan 1996).", "R-7") { Choices = Methods };

    public static readonly string[] Series = ["values", "columns"];
}
