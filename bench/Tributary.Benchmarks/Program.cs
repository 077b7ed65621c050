using BenchmarkDotNet.Running;
using Tributary.Benchmarks;

BenchmarkSwitcher.FromAssembly(typeof(CodecKernels).Assembly).Run(args);
