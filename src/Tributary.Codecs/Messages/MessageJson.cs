using System.Text.Json.Serialization;

namespace Tributary.Codecs.Messages;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(MessageFormat.Row))]
internal sealed partial class MessageJson : JsonSerializerContext;
