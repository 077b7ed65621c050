namespace Tributary.Codecs.Levels;

/// <summary>The values that a code can stand for, between -1 and 1, and the rule that picks one for a value.</summary>
internal sealed class LevelTable
{
    private readonly float[] _values;
    private readonly float[] _midpoints;
    private readonly byte[] _codes;

    /// <summary>Makes a table.</summary>
    /// <param name="values">The value of each code. Where two codes have the same value, the encoder uses the first.</param>
    public LevelTable(params ReadOnlySpan<float> values)
    {
        _values = values.ToArray();
        (float Value, byte Code)[] ascending =
            [.. _values.Select((value, code) => (value, (byte)code)).DistinctBy(level => level.value).OrderBy(level => level.value)];
        _codes = [.. ascending.Select(level => level.Code)];
        _midpoints = [.. ascending.Zip(ascending.Skip(1), (lower, upper) => (lower.Value + upper.Value) / 2)];
    }

    /// <summary>The value of each code.</summary>
    public ReadOnlySpan<float> Values => _values;

    /// <summary>The points halfway between neighbouring levels, in fp32, ascending.</summary>
    public ReadOnlySpan<float> Midpoints => _midpoints;

    /// <summary>The code of each level, in the order of their values.</summary>
    public ReadOnlySpan<byte> Codes => _codes;

    /// <summary>The code of the level nearest to a value; a value equal to a midpoint goes to the lower level.</summary>
    public byte Nearest(float value)
    {
        int below = 0;
        int above = _midpoints.Length;
        while (below < above)
        {
            int middle = (below + above) / 2;
            if (_midpoints[middle] < value)
            {
                below = middle + 1;
            }
            else
            {
                above = middle;
            }
        }

        return _codes[below];
    }
}
