namespace Tributary.Provisioning;

/// <summary>Keys, certificates or kits that cannot be used or made; the message says which, where and what to do.</summary>
public sealed class ProvisioningException : Exception
{
    /// <summary>Makes the error.</summary>
    public ProvisioningException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}
