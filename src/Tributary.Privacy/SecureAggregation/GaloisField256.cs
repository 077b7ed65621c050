namespace Tributary.Privacy.SecureAggregation;

/// <summary>The field of 256 elements with AES's polynomial x^8 + x^4 + x^3 + x + 1 (FIPS 197, section 4). Adding is XOR. No tables and no branches on values, so time tells nothing of them.</summary>
internal static class GaloisField256
{
    private const int Polynomial = 0x11B;

    public static byte Multiply(int a, int b)
    {
        int product = 0;
        for (int bit = 0; bit < 8; bit++)
        {
            product ^= -((b >> bit) & 1) & a;
            a = (a << 1) ^ (-((a >> 7) & 1) & Polynomial);
        }

        return (byte)product;
    }

    /// <summary>One over it: its 254th power; 0 for 0.</summary>
    public static byte Inverse(byte a)
    {
        byte power = 1;
        for (int bit = 7; bit >= 0; bit--)
        {
            power = Multiply(power, power);
            // 254 is all ones but the last.
            power = bit > 0 ? Multiply(power, a) : power;
        }

        return power;
    }
}
