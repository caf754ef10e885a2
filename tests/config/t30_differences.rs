//! Where Troupe judges a configuration differently, on purpose.

use super::{Difference, check_differences};

const STARTING_DIGITS: &str = "a word that starts with digits and is no number is text";
const PANIC: &str = "nats-server also reports its own failure";
const AT_START: &str = "nats-server accepts it in a check and fails when it starts";

const DIFFERENCES: &[Difference] = &[
    Difference {
        text: "a: 1\nserver_name: 1.5abc\n",
        theirs: Some("Expected a top-level value"),
        ours: Some("unknown field \"a\""),
        reason: STARTING_DIGITS,
    },
    Difference {
        text: "server_name: 1.5abc\n",
        theirs: Some("Expected a top-level value"),
        ours: None,
        reason: STARTING_DIGITS,
    },
    Difference {
        text: "server_name: 123-456\n",
        theirs: Some("All ISO8601 dates"),
        ours: None,
        reason: STARTING_DIGITS,
    },
    Difference {
        text: "server_name: 10kbb\n",
        theirs: Some("config has no values"),
        ours: None,
        reason: STARTING_DIGITS,
    },
    Difference {
        text: "server_metadata { a: [1] }\n",
        theirs: Some("Expected an array value terminator"),
        ours: Some("not string"),
        reason: "a number may stand directly before a closing bracket",
    },
    Difference {
        text: "authorization { user }\n",
        theirs: Some("unknown field \"user\""),
        ours: Some("Expected a value for key \"user\""),
        reason: "the key without a value is named, not put a level higher",
    },
    Difference {
        text: "server_metadata { a: 1",
        theirs: Some("but got '\0' instead"),
        ours: Some("but got 'EOF' instead"),
        reason: "the end of the file is named",
    },
    Difference {
        text: "ocsp { urls: [\"http://a\", \"http://b\"] }\n",
        theirs: Some("interface conversion: interface {} is []interface {}, not []string"),
        ours: None,
        reason: "the list of urls is documented, and nats-server takes none in a file",
    },
    Difference {
        text: "default_sentinel: x\n",
        theirs: None,
        ours: Some("default sentinel requires operators and accounts"),
        reason: AT_START,
    },
    Difference {
        text: "tls { ocsp_peer: true }\n",
        theirs: None,
        ours: Some("OCSP peer verification for client connections requires TLS verify (mTLS) to be enabled"),
        reason: AT_START,
    },
    Difference {
        text: "max_payload: 70mb\n",
        theirs: None,
        ours: Some("max_payload (73400320) cannot be higher than max_pending (67108864)"),
        reason: AT_START,
    },
    Difference {
        text: "no_auth_user: a\n",
        theirs: None,
        ours: Some("no_auth_user: \"a\" present, but users/nkeys are not defined"),
        reason: AT_START,
    },
    Difference {
        text: "no_auth_user: a\nauthorization { users: [{user: b}] }\n",
        theirs: None,
        ours: Some("not present as user or nkey"),
        reason: AT_START,
    },
    Difference {
        text: "lame_duck_grace_period: \"3m\"\n",
        theirs: None,
        ours: Some("lame duck grace period (3m0s) should be strictly lower than lame duck duration (2m0s)"),
        reason: AT_START,
    },
    Difference {
        text: "system_account: A\n",
        theirs: None,
        ours: Some("error resolving system account: account missing"),
        reason: AT_START,
    },
    Difference { text: "port: 70000\n", theirs: None, ours: Some("invalid port 70000"), reason: AT_START },
    Difference {
        text: "ping_interval: \"-5s\"\n",
        theirs: None,
        ours: Some("invalid ping_interval, needs to be positive"),
        reason: "a negative time makes no sense",
    },
    Difference {
        text: "max_payload: -1\n",
        theirs: None,
        ours: Some("max_payload value can not be negative"),
        reason: "messages without a limit are not served",
    },
    Difference {
        text: "accounts: A\n",
        theirs: None,
        ours: Some("expected accounts to be an array or a map"),
        reason: "nats-server ignores the key without a word",
    },
    Difference {
        text: "listen: \"unix:/tmp/none.sock\"\n",
        theirs: Some("could not parse port"),
        ours: None,
        reason: "Unix sockets",
    },
    Difference {
        text: "listen: [\"127.0.0.1:4222\", \"unix:/tmp/none.sock\"]\n",
        theirs: Some("expected port or host:port"),
        ours: None,
        reason: "Unix sockets",
    },
    Difference {
        text: "log_format: json\n",
        theirs: Some("unknown field \"log_format\""),
        ours: None,
        reason: "structured log lines",
    },
    Difference {
        text: "tls { watch: false }\n",
        theirs: Some("unknown field \"watch\""),
        ours: None,
        reason: "certificate files are watched",
    },
    Difference {
        text: "a: \"\\xff\"\n",
        theirs: Some("unknown field \"a\""),
        ours: Some("not valid UTF-8"),
        reason: "text is UTF-8",
    },
    Difference {
        text: "server_name: [a\n",
        theirs: Some("but got '\0' instead"),
        ours: Some("but got 'EOF' instead"),
        reason: "the end of the file is named",
    },
    Difference {
        text: "authorization: 5\n",
        theirs: Some("nil pointer dereference"),
        ours: Some("interface conversion"),
        reason: PANIC,
    },
    Difference {
        text: "authorization { user: 5 }\n",
        theirs: Some("nil pointer dereference"),
        ours: Some("x.conf:1:16: interface conversion"),
        reason: PANIC,
    },
    Difference {
        text: "authorization { users: [5] }\n",
        theirs: Some("Expected an array value terminator"),
        ours: Some("Expected user entry to be a map/struct, got 5"),
        reason: "a number may stand directly before a closing bracket",
    },
    Difference {
        text: "tls { certs: 5 }\n",
        theirs: Some("unsupported type map"),
        ours: Some("unsupported type int64"),
        reason: "the type is that of the value, not of the block",
    },
    Difference {
        text: "max_payload: 1.5mb\n",
        theirs: Some("Expected a top-level value"),
        ours: Some("interface {} is string, not int64"),
        reason: STARTING_DIGITS,
    },
    Difference {
        text: "proxies { trusted [ {} ] }\n",
        theirs: None,
        ours: Some("proxy trusted key \"\" is invalid"),
        reason: AT_START,
    },
];

#[test]
fn known_differences_hold() {
    check_differences(DIFFERENCES);
}
