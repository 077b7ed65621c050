using System.Text;

namespace Tributary.Training;

/// <summary>
/// The printable character that stands for each byte inside a byte-level vocabulary, so that its pieces are text: printable Latin-1
/// stands for itself, the other 68 bytes are U+0100 and following in their order.
/// </summary>
/// <remarks>GPT-2's encoder.py, bytes_to_unicode.</remarks>
internal static class ByteAlphabet
{
    private static readonly char[] Characters = Build();
    private static readonly Dictionary<char, byte> Bytes = Enumerable.Range(0, 256).ToDictionary(value => Characters[value], value => (byte)value);

    /// <summary>The character of a byte.</summary>
    public static char Character(byte value) => Characters[value];

    /// <summary>The bytes of a piece; where a character stands for none, the UTF-8 of the piece as it is.</summary>
    public static byte[] Decode(string piece)
    {
        var bytes = new byte[piece.Length];
        for (int i = 0; i < piece.Length; i++)
        {
            if (!Bytes.TryGetValue(piece[i], out bytes[i]))
            {
                return Encoding.UTF8.GetBytes(piece);
            }
        }

        return bytes;
    }

    private static char[] Build()
    {
        var characters = new char[256];
        int others = 0;
        for (int value = 0; value < 256; value++)
        {
            bool printable = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            characters[value] = printable ? (char)value : (char)(256 + others++);
        }

        return characters;
    }
}
