namespace Tributary.Training.Operations;

/// <summary>A matrix or its transpose, by the distances between its rows and between its columns, in floats.</summary>
internal readonly unsafe struct Strided(float* data, nint row, nint column)
{
    /// <summary>The first element.</summary>
    public float* Data { get; } = data;

    /// <summary>From one row to the next.</summary>
    public nint Row { get; } = row;

    /// <summary>From one column to the next.</summary>
    public nint Column { get; } = column;

    /// <summary>The same from an element on.</summary>
    public Strided At(nint rows, nint columns) => new(Data + (rows * Row) + (columns * Column), Row, Column);
}
