using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Tributary.Privacy.SecureAggregation;

/// <summary>Fields as bytes, each with its length before it, so that no two lists of fields have the same bytes.</summary>
internal static class CanonicalBytes
{
    public static byte[] Of(params ReadOnlySpan<Field> fields)
    {
        int length = 0;
        foreach (Field field in fields)
        {
            length += sizeof(int) + field.Bytes.Length;
        }

        byte[] bytes = new byte[length];
        int at = 0;
        foreach (Field field in fields)
        {
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(at), field.Bytes.Length);
            field.Bytes.CopyTo(bytes, at + sizeof(int));
            at += sizeof(int) + field.Bytes.Length;
        }

        return bytes;
    }

    public static byte[] Of(IEnumerable<string> texts) => Of([.. texts.Select(text => (Field)text)]);

    public static byte[] Digest(params ReadOnlySpan<Field> fields) => SHA256.HashData(Of(fields));

    /// <summary>A text, a number or bytes.</summary>
    public readonly record struct Field(byte[] Bytes)
    {
        public static implicit operator Field(string text) => new(Encoding.UTF8.GetBytes(text));

        public static implicit operator Field(byte[] bytes) => new(bytes);

        public static implicit operator Field(long number)
        {
            byte[] bytes = new byte[sizeof(long)];
            BinaryPrimitives.WriteInt64BigEndian(bytes, number);
            return new Field(bytes);
        }
    }
}
