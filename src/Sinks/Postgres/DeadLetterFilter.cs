using Npgsql;

namespace Pipeline.Sinks.Postgres;

/// <summary>Whether a letter still waits for somebody: a closed one was redriven and settled.</summary>
public enum DeadLetterState { Open, Closed, All }

/// <summary>Which dead letters are meant; null means any.</summary>
/// <param name="From">First time of failure, inclusive.</param>
/// <param name="To">First time of failure, exclusive.</param>
public sealed record DeadLetterFilter(
    string? Consumer = null, string? Topic = null, int? Partition = null, string? Tenant = null, string? Stage = null, string? Kind = null, string? Reason = null,
    string? Fingerprint = null, DateTime? From = null, DateTime? To = null, DeadLetterState State = DeadLetterState.Open)
{
    internal void AddTo(Conditions where)
    {
        where.Compare("consumer =", Consumer);
        where.Compare("topic =", Topic);
        where.Compare("partition =", Partition);
        where.Compare("tenant =", Tenant);
        where.Compare("stage =", Stage);
        where.Compare("kind =", Kind);
        where.Compare("reason =", Reason);
        where.Compare("fingerprint =", Fingerprint);
        where.Compare("failed_first >=", From);
        where.Compare("failed_first <", To);
        if (State != DeadLetterState.All)
            where.And(State == DeadLetterState.Open ? "closed_at IS NULL" : "closed_at IS NOT NULL");
    }
}

/// <summary>The conditions of one statement. Values go in as parameters, never as text.</summary>
sealed class Conditions(NpgsqlParameterCollection values)
{
    string _text = "";

    public void And(string condition) => _text += (_text.Length == 0 ? " WHERE " : " AND ") + condition;

    /// <summary>Nothing where the value is null.</summary>
    public void Compare(string left, object? value)
    {
        if (value is not null)
            And($"{left} {Bind(value)}");
    }

    /// <returns>How the statement names the value.</returns>
    public string Bind(object value)
    {
        values.Add(new NpgsqlParameter { Value = value });
        return $"${values.Count}";
    }

    public override string ToString() => _text;
}
