using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Tributary.Training.Memory;

namespace Tributary.Training.Operations;

/// <summary>
/// Rotary position embedding in Hugging Face's layout: element i of a head is turned together with element i + half, by
/// position * theta^(-i / half), or by what a <see cref="RopeScaling"/> makes of that.
/// </summary>
/// <remarks>Su et al., "RoFormer" (2021); the layout is that of transformers' rotate_half.</remarks>
internal sealed unsafe class Rope : IDisposable
{
    private readonly int _half;
    private readonly FloatBuffer _cosines;
    private readonly FloatBuffer _sines;

    /// <summary>Computes the angles of the positions from 0 up to but without <paramref name="positions"/>.</summary>
    public Rope(int headLength, double theta, RopeScaling? scaling, int positions)
    {
        _half = headLength / 2;
        Positions = positions;
        _cosines = new FloatBuffer((long)positions * _half);
        _sines = new FloatBuffer((long)positions * _half);
        for (int i = 0; i < _half; i++)
        {
            // Frequencies and angles are fp32 where models are made, so they are here.
            float frequency = (float)(1 / Math.Pow(theta, (float)i / _half));
            frequency = scaling?.Stretch(frequency) ?? frequency;
            for (int position = 0; position < positions; position++)
            {
                float angle = position * frequency;
                _cosines.Data[((long)position * _half) + i] = (float)Math.Cos(angle);
                _sines.Data[((long)position * _half) + i] = (float)Math.Sin(angle);
            }
        }
    }

    /// <summary>The number of positions that have angles.</summary>
    public int Positions { get; }

    /// <summary>Turns every head of every row, in place.</summary>
    /// <param name="heads">Rows of heads.</param>
    /// <param name="positions">Each row's position in its sequence.</param>
    /// <param name="backward">Whether to turn back: the gradient of a rotation is the opposite one.</param>
    public void Apply(Matrix heads, ReadOnlySpan<int> positions, bool backward)
    {
        for (int row = 0; row < heads.Rows; row++)
        {
            int position = positions[row];
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(position, Positions);
            float* cosines = _cosines.Data + ((long)position * _half);
            float* sines = _sines.Data + ((long)position * _half);
            float* head = heads.Data + ((long)row * heads.Columns);
            for (int column = 0; column < heads.Columns; column += 2 * _half)
            {
                Turn(head + column, cosines, sines, backward ? -1 : 1);
            }
        }
    }

    public void Dispose()
    {
        _cosines.Dispose();
        _sines.Dispose();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Turn(float* head, float* cosines, float* sines, float direction)
    {
        int i = 0;
        for (; i <= _half - Vector128<float>.Count; i += Vector128<float>.Count)
        {
            Vector128<float> low = Vector128.Load(head + i), high = Vector128.Load(head + _half + i);
            Vector128<float> cosine = Vector128.Load(cosines + i), sine = Vector128.Load(sines + i) * direction;
            ((low * cosine) - (high * sine)).Store(head + i);
            ((high * cosine) + (low * sine)).Store(head + _half + i);
        }

        for (; i < _half; i++)
        {
            float low = head[i], high = head[_half + i], sine = sines[i] * direction;
            head[i] = (low * cosines[i]) - (high * sine);
            head[_half + i] = (high * cosines[i]) + (low * sine);
        }
    }
}
