namespace Tributary.Privacy.SecureAggregation;

/// <summary>Signs a statement with this site's certificate key.</summary>
/// <param name="type">What kind of statement it is; a signature of one kind may be none of another.</param>
/// <param name="text">The statement: a digest in hexadecimal digits.</param>
public delegate byte[] SignStatement(string type, string text);

/// <summary>
/// Whether a signature is a site's over a statement. Whose key that is follows from the site's certificate, as its project's CA and the signed job have it, and never from the server.
/// </summary>
/// <param name="site">The site's name in the roster.</param>
/// <param name="type">The kind of statement.</param>
/// <param name="text">The statement.</param>
/// <param name="signature">The signature.</param>
public delegate bool VerifyStatement(string site, string type, string text, byte[] signature);

/// <summary>The kinds of statements that sites sign.</summary>
public static class StatementTypes
{
    /// <summary>The public halves of a site's keys of a round.</summary>
    public const string Keys = "application/vnd.tributary.aggregation-keys";

    /// <summary>Whose sum is to be unmasked.</summary>
    public const string Survivors = "application/vnd.tributary.aggregation-survivors";
}
