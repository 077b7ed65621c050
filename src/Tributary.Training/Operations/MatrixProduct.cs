using Tributary.Training.Memory;

namespace Tributary.Training.Operations;

/// <summary>Products of matrices, by the kernel that the <see cref="Workers"/> say.</summary>
internal static unsafe class MatrixProduct
{
    /// <summary>c = a bᵀ, or c += a bᵀ.</summary>
    public static void TimesTransposed(Matrix a, Matrix b, Matrix c, bool accumulate, Workers workers)
    {
        b.RequireShape(c.Columns, a.Columns);
        c.RequireShape(a.Rows, b.Rows);
        Multiply(new(a.Data, a.Columns, 1), new(b.Data, 1, b.Columns), c, a.Columns, accumulate, workers);
    }

    /// <summary>c = a b, or c += a b.</summary>
    public static void Times(Matrix a, Matrix b, Matrix c, bool accumulate, Workers workers)
    {
        b.RequireShape(a.Columns, c.Columns);
        c.RequireShape(a.Rows, b.Columns);
        Multiply(new(a.Data, a.Columns, 1), new(b.Data, b.Columns, 1), c, a.Columns, accumulate, workers);
    }

    /// <summary>c = aᵀ b, or c += aᵀ b.</summary>
    public static void TransposedTimes(Matrix a, Matrix b, Matrix c, bool accumulate, Workers workers)
    {
        b.RequireShape(a.Rows, c.Columns);
        c.RequireShape(a.Columns, b.Columns);
        Multiply(new(a.Data, 1, a.Columns), new(b.Data, b.Columns, 1), c, a.Rows, accumulate, workers);
    }

    private static void Multiply(Strided a, Strided b, Matrix c, int inner, bool accumulate, Workers workers)
    {
        if (c.Length == 0 || (inner == 0 && accumulate))
        {
            return;
        }

        if (inner == 0)
        {
            c.Clear();
        }
        else if (workers.Kernel == MatrixKernel.OpenBlas)
        {
            OpenBlas.Multiply(a, b, c, inner, accumulate, workers);
        }
        else
        {
            BlockedProduct.Multiply(a, b, c, inner, accumulate, workers);
        }
    }
}
