namespace Tributary.Simulation.Experiments;

/// <summary>How far an experiment has come.</summary>
/// <param name="Number">The measurement that is under way, from 1.</param>
/// <param name="Count">The measurements in all.</param>
/// <param name="What">What is measured.</param>
/// <param name="Doing">What goes on in it.</param>
/// <param name="Bytes">The bytes that all sites together have moved in that.</param>
/// <param name="Seconds">The measured seconds; null while it goes on.</param>
public sealed record ExperimentProgress(int Number, int Count, string What, string Doing, long Bytes, double? Seconds);
