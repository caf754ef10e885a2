//! Texts for `--help`, `--help_tls` and `--version`.

use crate::{COMPATIBLE_VERSION, PROGRAM_NAME, TROUPE_VERSION};

/// The line `--version` prints: the compatible version, then Troupe's own.
#[must_use]
pub fn version() -> String {
    format!("{PROGRAM_NAME}: v{COMPATIBLE_VERSION} (troupe v{TROUPE_VERSION})")
}

/// Every flag.
pub const USAGE: &str = "
Usage: nats-server [options]

Server options:
    -a, --addr, --net <host>         Address to listen on for clients (default: 0.0.0.0)
    -p, --port <port>                Port for clients, -1 for a free one (default: 4222)
    -n, --name
        --server_name <name>         Name of the server (default: its id)
    -P, --pid <file>                 Write the process id to this file
    -m, --http_port <port>           Port for http monitoring
    -ms,--https_port <port>          Port for https monitoring
    -c, --config <file>              Configuration file
    -t                               Check the configuration file and exit
    -sl,--signal <signal>[=<pid>]    Tell a running server: ldm, stop, quit, term, reopen or reload
                                     <pid> is a process id, a pid file, or the start of ids and a *
        --client_advertise <string>  Address other servers give to clients
        --ports_file_dir <dir>       Write a ports file into this directory (<executable_name>_<pid>.ports)

Logging options:
    -l, --log <file>                 Write the log to this file
    -T, --logtime                    Begin lines with the time (default: true)
        --logtime_utc                Times are in UTC, not in local time (default: false)
    -s, --syslog                     Write the log to the local syslog
    -r, --remote_syslog <addr>       Write the log to a syslog server (udp://localhost:514)
    -D, --debug                      Debug lines
    -V, --trace                      Protocol trace lines
    -VV                              Protocol trace lines, the system account included
    -DV                              Debug and trace lines
    -DVV                             Debug and trace lines, the system account included
        --log_size_limit <limit>     Rotate the log file beyond this size in bytes (default: never)
        --max_traced_msg_len <len>   Longest payload in a trace line (default: unlimited)

JetStream options:
    -js, --jetstream                 Enable JetStream
    -sd, --store_dir <dir>           Directory of the stored messages

Authorization options:
        --user <user>                User clients must name
        --pass <password>            Password clients must give
        --auth <token>               Token clients must give

TLS options:
        --tls                        TLS without client certificates (default: false)
        --tlscert <file>             Certificate of the server
        --tlskey <file>              Private key of the certificate
        --tlsverify                  TLS with verified client certificates
        --tlscacert <file>           Authority that signs client certificates

Cluster options:
        --routes <rurl-1, rurl-2>    Servers to connect to
        --cluster <cluster-url>      Address to listen on for routes
        --cluster_name <string>      Name of the cluster (default: generated)
        --no_advertise <bool>        Do not tell clients about other servers
        --cluster_advertise <string> Address given to other servers
        --connect_retries <number>   Attempts to connect to a server heard of from others
        --cluster_listen <url>       Same as --cluster

Profiling options:
        --profile <port>             Port for profiling over http

Common options:
    -h, --help                       Show this text
    -v, --version                    Show the version
        --help_tls                   Show help on TLS
";

/// What can stand in a `tls` block.
pub const TLS_HELP: &str = "
TLS is configured in the tls block of the configuration file:

    tls {
        cert_file:      \"./certs/server-cert.pem\"
        key_file:       \"./certs/server-key.pem\"
        ca_file:        \"./certs/ca.pem\"
        verify:         true
        verify_and_map: true
        min_version:    \"1.2\"
        timeout:        2

        cipher_suites: [
            \"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256\",
            \"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\"
        ]
        curve_preferences: [
            \"X25519\",
            \"CurveP256\"
        ]
    }

Cipher suites served:
    TLS_AES_128_GCM_SHA256
    TLS_AES_256_GCM_SHA384
    TLS_CHACHA20_POLY1305_SHA256
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
    TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256

Curves served:
    X25519MLKEM768
    X25519
    CurveP256
    CurveP384
";
