using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Tributary.Configuration;

/// <summary>How the values of <see cref="YamlJson"/> are written.</summary>
[JsonSerializable(typeof(JsonNode))]
internal sealed partial class YamlJsonContext : JsonSerializerContext;
