using System.Text.Json;

namespace Tributary.Training;

/// <summary>Reads a JSON object among the files of a checkpoint.</summary>
internal static class CheckpointJson
{
    /// <summary>Reads the file; if it is missing, the error says what it is for.</summary>
    public static JsonDocument Read(string path, string purpose)
    {
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(File.ReadAllBytes(path));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            string folder = Path.GetDirectoryName(path) ?? path;
            throw new ModelFormatException($"{folder}: there is no {Path.GetFileName(path)} here; {purpose}.", e);
        }
        catch (JsonException e)
        {
            throw new ModelFormatException($"{path}: is not valid JSON: {e.Message}", e);
        }

        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            document.Dispose();
            throw new ModelFormatException($"{path}: a JSON object is expected.");
        }

        return document;
    }
}
