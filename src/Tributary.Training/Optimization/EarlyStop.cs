namespace Tributary.Training;

/// <summary>
/// Ends a training whose held-out loss no longer falls. The loss is measured before the first step, after every so many and after the
/// last one; what comes out is the model with the lowest, whether the training was ended early or not. The model as it was before is one of
/// them. A copy of the best is kept, 4 bytes a trained parameter.
/// </summary>
/// <param name="HeldOut">The records to measure on.</param>
/// <param name="Every">Measure after so many steps, at least 1.</param>
/// <param name="Patience">End after so many measurements in a row that are not the lowest yet, at least 1.</param>
public sealed record EarlyStop(InstructionDataset HeldOut, int Every, int Patience);
