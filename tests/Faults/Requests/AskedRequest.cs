using System.Security.Cryptography;

namespace Pipeline.Faults.Requests;

/// <summary>How a request must end, whatever fails on the way, unless its client cancels it.</summary>
enum Ending
{
    Completed,
    /// <summary>It can never work: abandoned, and a dead letter.</summary>
    Abandoned,
    /// <summary>A record of the topic that shares its id with an earlier one: a dead letter alone.</summary>
    Conflict,
    /// <summary>Ingest answers 4xx, and nothing comes of it.</summary>
    Refused,
}

/// <param name="Value">The result's value, reckoned by the test itself.</param>
/// <param name="Code">Of the fault for which it is abandoned.</param>
sealed record Expected(Ending Ending, double Value = 0, string Code = "");

/// <summary>One request as a client holds it: its bytes, by whose digest it is known again everywhere. Two requests of one id are two.</summary>
sealed record AskedRequest(Guid Mark, string Id, byte[] Bytes, Expected Expected)
{
    public string Digest { get; } = DigestOf(Bytes);

    public static string DigestOf(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
