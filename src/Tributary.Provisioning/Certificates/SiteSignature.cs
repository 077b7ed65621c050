namespace Tributary.Provisioning;

/// <summary>Signatures of sites over what everybody in a round knows.</summary>
public static class SiteSignature
{
    /// <summary>Whether a detached signature is of a site's kit over a text, and its certificate one of the project's now.</summary>
    /// <param name="site">The site's name.</param>
    /// <param name="type">What kind of document the text is.</param>
    /// <param name="text">The text.</param>
    /// <param name="signature">See <see cref="PartySignature.Detached"/>.</param>
    /// <param name="trust">What the certificate is held against.</param>
    public static bool IsOf(string site, string type, string text, byte[] signature, ProjectTrust trust)
    {
        try
        {
            return PartySignature.Attach(text, signature).Require(type, trust) == new Party(PartyRole.Site, site);
        }
        catch (CertificateRefusedException)
        {
            return false;
        }
    }
}
