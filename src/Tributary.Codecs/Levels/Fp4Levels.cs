namespace Tributary.Codecs.Levels;

/// <summary>
/// The 16 levels of fp4 by code: bit 3 is the sign, the rest a tiny float (0, one subnormal, 2, 3, 4, 6, 8, 12) over its largest.
/// Code 8 would be minus zero; the encoder writes code 0 for both.
/// </summary>
/// <remarks>Source: bitsandbytes' FP4.</remarks>
internal readonly struct Fp4Levels : ILevels
{
    public static LevelTable Table { get; } = new(
        0, 0.0625f / 12, 8f / 12, 12f / 12, 4f / 12, 6f / 12, 2f / 12, 3f / 12,
        -0f, -0.0625f / 12, -8f / 12, -12f / 12, -4f / 12, -6f / 12, -2f / 12, -3f / 12);
}
