using System.Text.Json;
using System.Text.Json.Serialization;

namespace Tributary.Simulation.Experiments.Roles;

/// <summary>How the lines between an experiment and its processes are written: camelCase, enums as words.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, UseStringEnumConverter = true, RespectRequiredConstructorParameters = true, RespectNullableAnnotations = true)]
[JsonSerializable(typeof(RoleSettings))]
[JsonSerializable(typeof(RoleEvent))]
internal sealed partial class RoleJson : JsonSerializerContext;
