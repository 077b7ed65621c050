namespace Tributary.Training;

/// <summary>What differs between the kinds of tokenizer: how a run of text becomes tokens, and what bytes a token stands for.</summary>
internal abstract class TextEncoding
{
    /// <summary>Whether the first piece of a text has a space that is not the text's own.</summary>
    public abstract bool PrependsSpace { get; }

    /// <summary>The text as tokens are looked for in it.</summary>
    /// <param name="text">A run of text.</param>
    /// <param name="continuing">Whether it goes on from text that has been encoded, so that nothing is put in front.</param>
    public abstract string Normalize(string text, bool continuing);

    /// <summary>Adds the tokens of a normalized run of text.</summary>
    /// <param name="text">The run; not empty, no half surrogate pairs.</param>
    /// <param name="atStart">Whether it stands where the whole text begins.</param>
    /// <param name="continuing">Whether it goes on from text that has been encoded.</param>
    /// <param name="tokens">Where they are added.</param>
    public abstract void Encode(string text, bool atStart, bool continuing, List<int> tokens);

    /// <summary>The bytes of the vocabulary's piece with an id, a part of UTF-8 text.</summary>
    public abstract byte[] BytesOf(int token);
}
