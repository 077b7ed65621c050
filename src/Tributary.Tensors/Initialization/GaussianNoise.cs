using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Tributary.Tensors.Initialization;

/// <summary>
/// Approximately normal numbers, one for each element of a tensor, that depend on a seed, the tensor's name and the element's place
/// alone: any run of them can be made at any time, in any order, on any machine, and is the same bits.
/// </summary>
/// <remarks>
/// A number is the count of ones among 32 random bits (a binomial distribution) plus two random fractions, which fill the gaps between the
/// counts; it lies within 5.95 deviations of the mean, and its fourth moment is 2 % below a normal one's. All of it is integer
/// arithmetic, one exact conversion, one multiplication and one addition, so the vectors give the bits of <see cref="At(long, float, float)"/>. The random bits are a counter that goes
/// three times through a mixer ("lowbias32" of Wellons' hash-prospector), with keys of SplitMix64 (Steele, Lea and Flood 2014) between.
/// Not for keys, and not for privacy.
/// </remarks>
public readonly struct GaussianNoise
{
    /// <summary>The elements that share keys: those of the shortest strip.</summary>
    private const int RunElements = Tile.StripAlignment;

    private const ulong Gamma = 0x9E3779B97F4A7C15;
    private const uint FirstMultiplier = 0x7FEB352D;
    private const uint SecondMultiplier = 0x846CA68B;

    // In units of 2^-16 of a count: the mean of 32 coins and two fractions, and the deviation.
    private const int Mean = (16 << 16) + 0xFFFF;
    private static readonly double Deviation = Math.Sqrt((8 * 65536.0 * 65536.0) + (((65536.0 * 65536.0) - 1) / 6));

    private readonly ulong _key;

    /// <summary>Makes the numbers of a tensor.</summary>
    /// <param name="seed">Any number.</param>
    /// <param name="tensor">The tensor's name.</param>
    public GaussianNoise(ulong seed, string tensor) => _key = Mix(Mix(seed + Gamma) ^ Hash(tensor));

    /// <summary>The number of one element, as <see cref="Fill"/> gives it.</summary>
    /// <param name="element">The element's place in its tensor.</param>
    /// <param name="mean">The mean of all.</param>
    /// <param name="deviation">Their standard deviation.</param>
    public float At(long element, float mean = 0, float deviation = 1)
    {
        (uint first, uint second, uint third) = Keys(element / RunElements);
        return At((uint)(element % RunElements), first, second, third, mean, Step(deviation));
    }

    /// <summary>Fills a run of elements.</summary>
    /// <param name="start">The place of the first one in its tensor.</param>
    /// <param name="mean">The mean of all.</param>
    /// <param name="deviation">Their standard deviation.</param>
    /// <param name="values">Receives the numbers.</param>
    public void Fill(long start, float mean, float deviation, Span<float> values)
    {
        while (!values.IsEmpty)
        {
            int first = (int)(start % RunElements);
            int count = Math.Min(values.Length, RunElements - first);
            FillRun(start / RunElements, (uint)first, mean, Step(deviation), values[..count]);
            values = values[count..];
            start += count;
        }
    }

    private static float Step(float deviation) => (float)(deviation / Deviation);

    private void FillRun(long run, uint first, float mean, float step, Span<float> values)
    {
        (uint key0, uint key1, uint key2) = Keys(run);
        Vector<uint> keys1 = new(key1), keys2 = new(key2);
        Vector<uint> counter = Vector<uint>.Indices + new Vector<uint>(first + key0);
        ref float to = ref MemoryMarshal.GetReference(values);
        int i = 0;
        for (; i <= values.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<uint> coins = Mix(Mix(counter) ^ keys1);
            Vector<uint> fractions = Mix(coins ^ keys2);
            Vector<uint> sum = (CountOnes(coins) << 16) + (fractions & new Vector<uint>(0xFFFF)) + (fractions >>> 16);
            Vector<float> steps = Vector.ConvertToSingle(Vector.AsVectorInt32(sum) - new Vector<int>(Mean));
            (new Vector<float>(mean) + (steps * step)).StoreUnsafe(ref to, (nuint)i);
            counter += new Vector<uint>((uint)Vector<float>.Count);
        }

        for (; i < values.Length; i++)
        {
            values[i] = At(first + (uint)i, key0, key1, key2, mean, step);
        }
    }

    private static float At(uint counter, uint key0, uint key1, uint key2, float mean, float step)
    {
        uint coins = Mix(Mix(counter + key0) ^ key1);
        uint fractions = Mix(coins ^ key2);
        uint sum = ((uint)BitOperations.PopCount(coins) << 16) + (fractions & 0xFFFF) + (fractions >>> 16);
        return mean + (((int)sum - Mean) * step);
    }

    private (uint First, uint Second, uint Third) Keys(long run)
    {
        ulong one = Mix(_key + ((ulong)run * Gamma));
        ulong two = Mix(one + Gamma);
        return ((uint)one, (uint)(one >> 32), (uint)two);
    }

    private static uint Mix(uint x)
    {
        x = (x ^ (x >>> 16)) * FirstMultiplier;
        x = (x ^ (x >>> 15)) * SecondMultiplier;
        return x ^ (x >>> 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> Mix(Vector<uint> x)
    {
        x = (x ^ (x >>> 16)) * new Vector<uint>(FirstMultiplier);
        x = (x ^ (x >>> 15)) * new Vector<uint>(SecondMultiplier);
        return x ^ (x >>> 16);
    }

    /// <summary>The ones of each lane, added up pairwise.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<uint> CountOnes(Vector<uint> x)
    {
        x -= (x >>> 1) & new Vector<uint>(0x55555555);
        x = (x & new Vector<uint>(0x33333333)) + ((x >>> 2) & new Vector<uint>(0x33333333));
        x = (x + (x >>> 4)) & new Vector<uint>(0x0F0F0F0F);
        x += x >>> 8;
        return (x + (x >>> 16)) & new Vector<uint>(0x3F);
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>FNV-1a over the name's UTF-8, 64 bits.</summary>
    private static ulong Hash(string name)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (byte letter in Encoding.UTF8.GetBytes(name))
        {
            hash = (hash ^ letter) * 0x100000001B3;
        }

        return hash;
    }
}
