namespace Pipeline.Processors.Analysis.Kernels;

/// <summary>Why a kernel has no result: a closed set.</summary>
enum KernelFault
{
    None,
    Empty,
    TooFewValues,
    RaggedColumns,
    MismatchedMatrices,
    NotFinite,
    Overflow,
    RankDeficient,
    BadParameter,
}

/// <summary>
/// The fault, and the two numbers that its message needs (which number is which depends on the fault). A message is only made when somebody reads it, so
/// that refusing costs no allocation.
/// </summary>
/// <param name="Parameter">The name of a bad parameter, else null.</param>
readonly record struct KernelError(KernelFault Fault, long Needed = 0, long Got = 0, string? Parameter = null)
{
    public static KernelError None => default;

    public static KernelError Empty => new(KernelFault.Empty);

    public static KernelError Overflow => new(KernelFault.Overflow);

    public static KernelError TooFew(long needed, long got) => got == 0 ? Empty : new(KernelFault.TooFewValues, needed, got);

    public static KernelError NotFinite(long index) => new(KernelFault.NotFinite, 0, index);

    public static KernelError Bad(string parameter) => new(KernelFault.BadParameter, 0, 0, parameter);

    public string Message => Fault switch
    {
        KernelFault.None => "",
        KernelFault.Empty => "there are no values",
        KernelFault.TooFewValues => $"{Needed} values are needed, there are {Got}",
        KernelFault.RaggedColumns => $"the columns differ in length: {Needed} and {Got} values",
        KernelFault.MismatchedMatrices => $"the matrices do not fit: {Needed} columns on the left, {Got} rows on the right",
        KernelFault.NotFinite => $"the value at index {Got} is not a finite number",
        KernelFault.Overflow => "the values are finite, the result is beyond the largest double",
        KernelFault.RankDeficient => $"column {Got} depends on the columns before it",
        _ => $"parameter {Parameter} is out of its range",
    };
}

/// <summary>A result, or why there is none. With <see cref="KernelFault.Overflow"/> the value is the infinity that IEEE 754 would give.</summary>
readonly record struct Outcome<T>(T Value, KernelError Error)
{
    public bool Failed => Error.Fault != KernelFault.None;

    public static implicit operator Outcome<T>(T value) => new(value, KernelError.None);

    public static implicit operator Outcome<T>(KernelError error) => new(default!, error);
}
