namespace Tributary.Provisioning;

/// <summary>A certificate that does not prove who somebody is in this federation; the message says why.</summary>
public sealed class CertificateRefusedException : Exception
{
    /// <summary>Makes the error.</summary>
    public CertificateRefusedException(string message)
        : base(message)
    {
    }
}
