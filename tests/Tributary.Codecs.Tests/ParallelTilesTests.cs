using System.Security.Cryptography;
using Tributary.Tensors;
using Tributary.TestKit;

namespace Tributary.Codecs.Tests;

public sealed class ParallelTilesTests
{
    private const int SeveralTiles = (3 * Tile.ElementsMax) + 1234;

    [Theory]
    [InlineData("nf4")]
    [InlineData("int8")]
    [InlineData("nf4n")]
    [InlineData("int2")]
    [InlineData("topk")]
    public void Any_number_of_threads_gives_the_bytes_of_one(string precision)
    {
        using MemorySource dense = Model();
        using var quantized = new QuantizedSource(dense, Precision.Parse(precision));
        using var back = new DequantizedSource(quantized);
        string encoded = Digest(quantized, threads: 1);
        string decoded = Digest(back, threads: 1);
        foreach (int threads in new[] { 2, 3, 8 })
        {
            Digest(quantized, threads).ShouldBe(encoded);
            Digest(back, threads).ShouldBe(decoded);
        }
    }

    [Fact]
    public void Tiles_come_in_the_order_that_was_asked_for()
    {
        using MemorySource dense = Model();
        Tile[] backwards = [.. dense.Manifest.Tiles().Reverse()];
        var seen = new List<Tile>();
        ParallelTiles.ForEachInOrder(dense, backwards, threads: 3, (tile, _) => seen.Add(tile), TestContext.Current.CancellationToken);
        seen.ShouldBe(backwards);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void An_unreadable_tile_is_an_error_after_the_sink_had_all_before_it(int threads)
    {
        using var source = new WatchedSource(tiles: 20, broken: 7);
        var seen = new List<long>();
        Should.Throw<IOException>(() => ParallelTiles.ForEachInOrder(source, threads, (tile, _) => seen.Add(tile.Index), TestContext.Current.CancellationToken))
            .Message.ShouldBe("tile 7");
        seen.ShouldBe([0, 1, 2, 3, 4, 5, 6]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void An_enumeration_of_tiles_that_fails_is_an_error_of_the_caller_not_of_the_process(int threads)
    {
        static IEnumerable<Tile> Tiles()
        {
            yield return new Tile(0, 0);
            throw new IOException("no more");
        }

        using MemorySource dense = Model();
        int handed = 0;
        Should.Throw<IOException>(() => ParallelTiles.ForEachInOrder(dense, Tiles(), threads, (_, _) => handed++, TestContext.Current.CancellationToken));
        handed.ShouldBe(1);
    }

    [Fact]
    public void A_slow_sink_does_not_let_tiles_pile_up()
    {
        using var source = new WatchedSource(tiles: 50, broken: -1);
        long handed = 0;
        ParallelTiles.ForEachInOrder(
            source,
            threads: 3,
            (_, _) =>
            {
                (source.Started - handed).ShouldBeLessThanOrEqualTo(6);
                handed++;
            },
            TestContext.Current.CancellationToken);
        handed.ShouldBe(50);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_failing_sink_stops_the_readers(int threads)
    {
        using var source = new WatchedSource(tiles: 1000, broken: -1);
        Should.Throw<InvalidOperationException>(() => ParallelTiles.ForEachInOrder(
            source, threads, (_, _) => throw new InvalidOperationException("full disk"), TestContext.Current.CancellationToken));
        source.Started.ShouldBeLessThanOrEqualTo(6);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Cancelling_stops_between_tiles(int threads)
    {
        using var source = new WatchedSource(tiles: 1000, broken: -1);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        int handed = 0;
        Should.Throw<OperationCanceledException>(() => ParallelTiles.ForEachInOrder(
            source,
            threads,
            (_, _) =>
            {
                if (++handed == 5)
                {
                    cancel.Cancel();
                }
            },
            cancel.Token));
        handed.ShouldBe(5);
    }

    [Fact]
    public void A_source_without_tiles_hands_over_nothing()
    {
        using var empty = new MemorySource(MemorySource.F32("none", [0]));
        ParallelTiles.ForEachInOrder(empty, threads: 2, (_, _) => Assert.Fail("there is no tile"), TestContext.Current.CancellationToken);
    }

    private static MemorySource Model() => new(
        MemorySource.Gaussian("a", DType.F32, [SeveralTiles], seed: 1),
        MemorySource.Gaussian("b", DType.BF16, [77], seed: 2),
        MemorySource.Gaussian("c", DType.F16, [Tile.ElementsMax + 1], seed: 3));

    private static string Digest(TensorSource source, int threads)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        ParallelTiles.ForEachInOrder(source, threads, (_, bytes) => digest.AppendData(bytes), TestContext.Current.CancellationToken);
        return Convert.ToHexString(digest.GetHashAndReset());
    }

    /// <summary>One tensor of bytes that counts how many of its tiles were begun.</summary>
    private sealed class WatchedSource(int tiles, long broken) : TensorSource
    {
        private long _started;

        public long Started => Interlocked.Read(ref _started);

        public override TensorManifest Manifest { get; } =
            new([new TensorEntry(new TensorSpec("bytes", DType.U8, new TensorShape((long)tiles * Tile.ElementsMax)))]);

        public override void Read(Tile tile, int offset, Span<byte> destination)
        {
            Interlocked.Increment(ref _started);
            if (tile.Index == broken)
            {
                throw new IOException($"tile {tile.Index}");
            }

            destination.Fill((byte)tile.Index);
        }
    }
}
