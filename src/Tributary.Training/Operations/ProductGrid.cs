namespace Tributary.Training.Operations;

/// <summary>How a product is cut into rectangles that are computed each by itself.</summary>
internal readonly record struct ProductGrid(int Rows, int Columns)
{
    /// <summary>
    /// The grid of up to that many rectangles whose largest takes least: its area counts, and what is copied for it, a column of B as
    /// much as eight of C's elements and a row of A as two (measured).
    /// </summary>
    public static ProductGrid For(int rows, int columns, int rectangles)
    {
        var best = new ProductGrid(1, 1);
        long least = long.MaxValue;
        for (int across = 1; across <= rectangles; across++)
        {
            int down = rectangles / across;
            long height = Share(rows, MatrixTile.Rows, down), width = Share(columns, MatrixTile.Columns, across);
            long cost = (height * width) + (8 * width) + (2 * height);
            if (cost < least)
            {
                (least, best) = (cost, new ProductGrid(down, across));
            }
        }

        return best;
    }

    /// <summary>One of some shares of a length, cut at multiples of a grain; it may be empty.</summary>
    public static (int Begin, int End) Cut(int length, int grain, int part, int parts)
    {
        long grains = (length + grain - 1) / grain;
        return ((int)Math.Min(length, grains * part / parts * grain), (int)Math.Min(length, grains * (part + 1) / parts * grain));
    }

    private static long Share(int length, int grain, int parts) => ((((length + grain - 1) / grain) + parts - 1) / parts) * (long)grain;
}
