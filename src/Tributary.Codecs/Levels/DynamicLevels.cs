namespace Tributary.Codecs.Levels;

/// <summary>
/// The 256 levels of the signed dynamic map, ascending: in each decade from 1e-6 to 1 twice as many evenly spaced levels as in the
/// one below, with both signs; then 0 and 1.
/// </summary>
/// <remarks>
/// Source: "8-bit Optimizers via Block-wise Quantization" (arXiv 2110.02861), as bitsandbytes makes it. The digits are written out
/// because the original sums in fp32 in an order that depends on the machine's vector width.
/// </remarks>
internal static class DynamicLevels
{
    /// <summary>The positive levels but 1.</summary>
    private static readonly float[] Magnitudes =
    [
        // Decade 0.
        5.5000004e-7f,
        // Decade 1.
        3.2500002e-6f, 7.75e-6f,
        // Decade 2.
        2.1249998e-5f, 4.375e-5f, 6.625e-5f, 8.875e-5f,
        // Decade 3.
        1.5625001e-4f, 2.6875004e-4f, 3.8125002e-4f, 4.9375003e-4f, 6.062501e-4f, 7.1875006e-4f, 8.3125e-4f,
        9.437501e-4f,
        // Decade 4.
        0.0012812499f, 0.00184375f, 0.00240625f, 0.00296875f, 0.0035312497f, 0.00409375f, 0.0046562497f,
        0.0052187503f, 0.00578125f, 0.00634375f, 0.00690625f, 0.00746875f, 0.00803125f, 0.00859375f, 0.009156249f,
        0.00971875f,
        // Decade 5.
        0.01140625f, 0.01421875f, 0.01703125f, 0.01984375f, 0.02265625f, 0.02546875f, 0.028281247f, 0.03109375f,
        0.033906247f, 0.036718752f, 0.03953125f, 0.042343747f, 0.04515625f, 0.04796875f, 0.05078125f, 0.05359375f,
        0.05640625f, 0.059218753f, 0.062031247f, 0.06484375f, 0.067656256f, 0.070468746f, 0.07328125f, 0.07609375f,
        0.07890625f, 0.08171874f, 0.08453125f, 0.08734375f, 0.09015625f, 0.092968754f, 0.095781244f, 0.09859375f,
        // Decade 6.
        0.107031256f, 0.12109375f, 0.13515624f, 0.14921875f, 0.16328125f, 0.17734374f, 0.19140625f, 0.20546874f,
        0.21953125f, 0.23359376f, 0.24765626f, 0.26171875f, 0.27578127f, 0.28984374f, 0.30390626f, 0.31796873f,
        0.33203125f, 0.3460937f, 0.36015624f, 0.37421876f, 0.38828123f, 0.40234375f, 0.4164062f, 0.43046874f,
        0.44453126f, 0.45859373f, 0.47265625f, 0.48671877f, 0.50078124f, 0.51484376f, 0.5289062f, 0.54296875f,
        0.5570313f, 0.5710938f, 0.58515626f, 0.5992187f, 0.61328125f, 0.6273438f, 0.64140624f, 0.65546876f,
        0.6695313f, 0.68359375f, 0.6976563f, 0.7117188f, 0.72578126f, 0.7398438f, 0.75390625f, 0.7679688f,
        0.78203124f, 0.7960937f, 0.8101562f, 0.82421875f, 0.8382812f, 0.85234374f, 0.8664062f, 0.8804687f,
        0.89453125f, 0.9085938f, 0.92265624f, 0.9367187f, 0.9507812f, 0.96484375f, 0.9789062f, 0.99296874f,
    ];

    public static LevelTable Table { get; } = new([.. Magnitudes.Reverse().Select(magnitude => -magnitude), 0, .. Magnitudes, 1]);
}
