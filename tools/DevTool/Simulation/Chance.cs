namespace Pipeline.DevTool.Simulation;

/// <summary>What a stream of random numbers is for. A purpose of its own keeps one from moving another: the rate does not change who works when.</summary>
enum Purpose { Project = 1, Habits, Annotator, Schedule, Work, Delivery, Incident }

/// <summary>
/// xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64. It is not <see cref="Random"/>, whose numbers are promised for no other version
/// of .NET, and it needs no memory of its own: there is a fresh one for every user and day.
/// </summary>
struct Chance
{
    ulong _a, _b, _c, _d;

    public static Chance Of(int seed, Purpose purpose, int one = 0, int other = 0)
    {
        var state = Mixed(Mixed(Mixed((ulong)(uint)seed) ^ ((ulong)purpose << 56) ^ (uint)one) ^ (uint)other);
        return new Chance { _a = Mixed(state + 1), _b = Mixed(state + 2), _c = Mixed(state + 3), _d = Mixed(state + 4) };
    }

    static ulong Mixed(ulong value)
    {
        value += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }

    public ulong Next()
    {
        var result = ulong.RotateLeft(_b * 5, 7) * 9;
        var shifted = _b << 17;
        _c ^= _a;
        _d ^= _b;
        _b ^= _c;
        _a ^= _d;
        _c ^= shifted;
        _d = ulong.RotateLeft(_d, 45);
        return result;
    }

    /// <summary>Uniform in [0, 1).</summary>
    public double Share() => (Next() >> 11) * (1.0 / (1UL << 53));

    public bool Is(double probability) => Share() < probability;

    public int Below(int count) => (int)Math.BigMul(Next(), (ulong)count, out _);

    public double Between(double low, double high) => low + ((high - low) * Share());

    public double Exponential(double mean) => -mean * Math.Log(1 - Share());

    /// <summary>About normal, within ±3.46: the sum of four uniform numbers, all of them from one draw.</summary>
    public double Normal()
    {
        var bits = Next();
        var sum = (bits & 0xFFFF) + ((bits >> 16) & 0xFFFF) + ((bits >> 32) & 0xFFFF) + (bits >> 48);
        return ((sum / 65535.0) - 2) * 1.7320508075688772;
    }

    public double LogNormal(double median, double sigma) => median * Math.Exp(sigma * Normal());

    /// <summary>1, 2, 3 …, on average this many.</summary>
    public int Geometric(double mean)
    {
        var count = 1;
        while (count < 20 * mean && Is(1 - (1 / mean)))
            count++;
        return count;
    }

    public T Pick<T>(T[] choices) => choices[Below(choices.Length)];
}
