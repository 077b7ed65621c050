namespace Tributary.Codecs.Levels;

/// <summary>Names a table of levels as a type, so that what works with it is compiled for it.</summary>
internal interface ILevels
{
    static abstract LevelTable Table { get; }
}
