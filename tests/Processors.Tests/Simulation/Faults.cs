namespace Pipeline.Processors.Tests.Simulation;

/// <summary>What becomes of one statement besides being executed.</summary>
enum StatementFault { None, RequestLost, AnswerLost, Fails, SessionDies }

/// <summary>
/// How often what goes wrong. Each seed draws its own mix, in which most faults are absent: a fault that is always there hides what
/// only happens without it.
/// </summary>
sealed class Faults
{
    readonly Order _order;
    readonly double[] _contents = new double[Enum.GetValues<Content>().Length];
    double _requestLost, _answerLost, _commitLost, _fails, _sessionDies;

    public Faults(Order order)
    {
        _order = order;
        _requestLost = Draw(0.02);
        _answerLost = Draw(0.02);
        _commitLost = Draw(0.3);
        _fails = Draw(0.05);
        _sessionDies = Draw(0.02);
        Slow = Draw(0.15);
        Unreachable = Draw(0.2);
        ClusterSilent = Draw(0.05);
        SeekFails = Draw(0.2);
        ClientSkips = Draw(0.5);
        Repeats = Draw(0.3);
        Action = 0.01 + Draw(0.08);
        _contents[(int)Content.Marker] = Draw(0.2);
        _contents[(int)Content.Respelled] = Draw(0.1);
        _contents[(int)Content.Conflicting] = Draw(0.1);
        _contents[(int)Content.WithoutId] = Draw(0.2);
        _contents[(int)Content.Invalid] = Draw(0.2);
        _contents[(int)Content.Refused] = Draw(0.1);
        _contents[(int)Content.Throws] = Draw(0.1);
        LethalLeft = order.Chance(0.3) ? order.Random.Next(1, 3) : 0;
    }

    public double Slow { get; private set; }
    public double Unreachable { get; private set; }
    public double ClusterSilent { get; private set; }
    public double SeekFails { get; private set; }
    public double ClientSkips { get; private set; }
    public double Repeats { get; }

    /// <summary>Of something happening to processes, partitions or the log between two steps.</summary>
    public double Action { get; private set; }

    /// <summary>Records still to come that end whatever process reads them: few, since each costs six processes.</summary>
    public int LethalLeft { get; set; }

    /// <summary>From now on everything works, but what is broken stays broken until somebody mends it.</summary>
    public void End()
    {
        _requestLost = _answerLost = _commitLost = _fails = _sessionDies = 0;
        Slow = Unreachable = ClusterSilent = SeekFails = ClientSkips = Action = 0;
        LethalLeft = 0;
    }

    public StatementFault DrawStatement(bool commit)
    {
        var draw = _order.Random.NextDouble();
        return (draw -= _requestLost) < 0 ? StatementFault.RequestLost
            : (draw -= commit ? _commitLost : _answerLost) < 0 ? StatementFault.AnswerLost
            : (draw -= _fails) < 0 ? StatementFault.Fails
            : draw - _sessionDies < 0 ? StatementFault.SessionDies
            : StatementFault.None;
    }

    public Content DrawContent()
    {
        if (LethalLeft > 0 && _order.Chance(0.05))
        {
            LethalLeft--;
            return Content.Lethal;
        }
        var draw = _order.Random.NextDouble();
        for (var i = 0; i < _contents.Length; i++)
            if ((draw -= _contents[i]) < 0)
                return (Content)i;
        return Content.Valid;
    }

    /// <summary>Absent in most seeds, else anything up to the most.</summary>
    double Draw(double max) => _order.Chance(0.35) ? _order.Random.NextDouble() * max : 0;
}
