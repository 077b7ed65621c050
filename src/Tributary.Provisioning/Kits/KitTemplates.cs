namespace Tributary.Provisioning;

/// <summary>What is in a kit besides certificates and keys: texts that its owner reads and changes.</summary>
internal static class KitTemplates
{
    public static string Configuration(Party party, ProjectFile project) => party.Role switch
    {
        PartyRole.Server => Server(project),
        PartyRole.Site => Site(party, project),
        _ => Client(party, project),
    };

    /// <summary>Starts a server or a site from wherever the kit lies.</summary>
    public static string StartScript(Party party) => $$"""
        #!/bin/sh
        # Starts {{party}} of this kit. TRIBUTARY says where the program is, if it is not on the path.
        set -eu
        kit=$(cd "$(dirname "$0")" && pwd)
        exec "${TRIBUTARY:-tributary}" {{Verb(party)}} start --kit "$kit" "$@"

        """;

    public static string Unit(Party party, ProjectFile project) => $"""
        # Runs {party} of project {project.Name} as a service. Put the kit at /opt/tributary/{party.Name}, owned by a user
        # 'tributary', and this file into /etc/systemd/system; then: systemctl enable --now {KitFiles.Unit(party)}
        [Unit]
        Description=Tributary {party} of {project.Name}
        Wants=network-online.target
        After=network-online.target

        [Service]
        User=tributary
        WorkingDirectory=/opt/tributary/{party.Name}
        ExecStart=/usr/local/bin/tributary {Verb(party)} start --kit /opt/tributary/{party.Name}
        # It goes on where it was, however it ended. Exit code 2 is a wrong configuration, which no restart mends.
        Restart=on-failure
        RestartPreventExitStatus=2
        RestartSec=5
        # What it needs to write lies in its kit's folder; it gets nothing else, and no rights beyond its user's.
        ProtectSystem=strict
        ProtectHome=read-only
        PrivateTmp=yes
        ReadWritePaths=/opt/tributary/{party.Name}
        NoNewPrivileges=yes
        CapabilityBoundingSet=
        LimitNOFILE=65536

        [Install]
        WantedBy=multi-user.target

        """;

    private static string Verb(Party party) => Party.Word(party.Role);

    private static string Server(ProjectFile project) => $"""
        # The server of project {project.Name}. Paths are relative to this file's folder.

        # The address of this machine that it listens on; 'any' is all of them.
        address: any

        # The port that it listens on. Sites and administrators connect to {project.ServerUri}
        port: {project.Port}

        # Where its journal, models, messages and spool lie. Plan for the model's size a few times over.
        folder: data

        # The largest message that it takes from a site, in bytes.
        message_bytes_max: 1_099_511_627_776

        # The largest model that a job may start from, in bytes.
        model_bytes_max: 1_099_511_627_776

        # How many jobs run at once; the others wait for their turn.
        jobs_max: 4

        # How many requests in a second it answers one party. Beyond that a party is told to ask again later.
        requests_per_second: 500

        # A port on loopback that answers /healthz and /readyz without a certificate, for a service manager or a container on this machine.
        # health_port: 8444

        # An OpenTelemetry collector that traces and metrics are sent to (OTLP over HTTP).
        # telemetry:
        #   otlp: http://127.0.0.1:4318

        """;

    private static string Site(Party party, ProjectFile project) => $$"""
        # Site {{party.Name}} of project {{project.Name}}. Paths are relative to this file's folder. What is commented out shows what can be said;
        # docs/SITES.md says what each of it guarantees and what not. A change counts when the site is started again.

        # The server's address. Its certificate has to be of this project's authority, and has to say this very name.
        server: {{Address(project)}}

        # Where received models and what a trainer keeps between rounds lie.
        folder: work

        # The records that it trains on, JSONL. They never leave the site.
        # data: records.jsonl

        # The checkpoint folder of the model that is trained, with its config.json and tokenizer.json.
        # model: model

        # The proxy to go out through, with 'user:password@' where it asks for that. Without this line it is the one that the
        # environment names (HTTPS_PROXY, with the exceptions of NO_PROXY), if any.
        # proxy: http://proxy.example.org:3128

        # Whose jobs it takes. Without this line those of every administrator of the project.
        # submitters: [admin/alice]

        # The jobs it takes, by name; * stands for any run of characters. Without this line all.
        # jobs: ["llama-*", quickstart]

        # Whether a person here has to say yes to each job, by its digest ('tributary site jobs', 'site approve', 'site refuse').
        # approval: manual

        # When it takes tasks. One that has begun goes on to its end. Without a time zone it is this machine's.
        # hours: "20:00-06:00"
        # time_zone: Europe/Berlin

        # The trainers it offers beside the one inside, which 'builtin: off' takes away. A job names one of them and sets the options allowed here, never
        # a command. One with data of its own sees these and no others, and so do its jobs.
        # trainers:
        #   builtin: off
        #   pytorch:
        #     command: [python3, train.py]
        #     options: [rank]
        #     timeout: 10m
        #     lifetime: job
        #     environment: { CUDA_VISIBLE_DEVICES: "0" }
        #     data: consented.jsonl

        # What is done to all that it sends, whatever a job says: tensors that are sent as if they had not been trained, the largest L2 norm of a
        # change, the largest values of it alone, these cut to a bound, the finest precision that anything leaves in. None of them is a formal guarantee.
        # filters:
        #   exclude: ["*.embed*"]
        #   clip_norm: 1.0
        #   sparsify: 10 %
        #   percentile: { above: 90, clip: 0.01 }
        #   quantize_at_least: int8

        # The most that one job may spend of the records' privacy; others, and jobs without such privacy, are refused (docs/PRIVACY.md).
        # privacy: { epsilon: 8, delta: 1e-5 }

        # The largest model it takes, in bytes as fp32, however it travels.
        # model_bytes_max: 16 GB

        # The largest message that it takes from the server, in bytes; a task with a larger one is refused before any of it is fetched.
        message_bytes_max: 1_099_511_627_776

        # What its transfers may take of the line, all of them together.
        # bandwidth: { down: 10 MB/s, up: 2 MB/s }

        # The site's own OpenTelemetry collector, which traces and metrics are sent to (OTLP over HTTP).
        # telemetry:
        #   otlp: http://127.0.0.1:4318

        """;

    private static string Client(Party party, ProjectFile project) => $"""
        # {party} of project {project.Name}.

        # The server's address. Its certificate has to be of this project's authority, and has to say this very name.
        server: {Address(project)}

        # The proxy to go out through, with 'user:password@' where it asks for that. Without this line it is the one that the
        # environment names (HTTPS_PROXY, with the exceptions of NO_PROXY), if any.
        # proxy: http://proxy.example.org:3128

        """;

    private static string Address(ProjectFile project) => project.ServerUri.GetLeftPart(UriPartial.Authority);
}
