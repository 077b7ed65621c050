namespace Tributary.Provisioning;

/// <summary>The project file that <c>provision init</c> writes: one that works on this machine, to be changed.</summary>
public static class ProjectTemplate
{
    /// <summary>Its text.</summary>
    public const string Text = """
        # The parties of one federation. 'tributary provision project.yaml --out kits' makes a certificate authority and a kit
        # for each of them. After a change here run it again: it adds what is new and keeps what is there.
        # Names are small letters, digits and hyphens.

        # The project's name; it stands in the certificate of its authority.
        name: my-federation

        server:
          # The server's own name; it is for people.
          name: server
          # The host names and IP addresses that the server is reached at. They stand in its certificate, and the first
          # is the one that sites and administrators are given.
          addresses: [localhost, 127.0.0.1]
          # The port that it listens on.
          port: 8443

        # Who trains on data of their own. A site connects outwards only; no port has to be open there.
        sites: [site-1, site-2]

        # Those of the sites that make their own key, which then never leaves them: no kit with a key is made for them, they
        # send a request ('tributary provision request'), which you sign ('tributary provision sign').
        # own_keys: [site-2]

        # Who may submit and end jobs.
        admins: [admin]

        # Who may look, and change nothing.
        # viewers: [auditor]

        # How many days a certificate is valid before it has to be renewed ('tributary provision renew').
        certificate_days: 365

        # How many days the certificate authority itself is valid. When it ends, everybody needs a new kit.
        ca_days: 3650

        """;

    /// <summary>Writes it as a file.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Write(string path) => DurableFiles.Write(path, Text);
}
