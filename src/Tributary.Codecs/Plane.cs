namespace Tributary.Codecs;

/// <summary>
/// One kind of a tile's bytes (scales, codes), laid out one after the other: so many bytes for every group of so many elements.
/// </summary>
/// <param name="GroupBytes">The bytes of one group.</param>
/// <param name="GroupElements">The elements of one group; a tile's last group may be short, and takes as many bytes.</param>
public readonly record struct Plane(int GroupBytes, int GroupElements)
{
    /// <summary>The bytes of this plane in a tile, or in a strip that begins with a group, of that many elements.</summary>
    public int ByteLength(int elements) => checked((int)(((long)elements + GroupElements - 1) / GroupElements * GroupBytes));

    /// <summary>Where the bytes of the group begin that holds an element, counted from the plane's first.</summary>
    public int Offset(int element) => element / GroupElements * GroupBytes;

    /// <summary>The bytes of the groups that a strip touches.</summary>
    /// <param name="start">The strip's first element, counted from its tile's.</param>
    /// <param name="elements">The strip's length.</param>
    public int StripLength(int start, int elements) => elements == 0 ? 0 : ByteLength(start + elements) - Offset(start);
}
