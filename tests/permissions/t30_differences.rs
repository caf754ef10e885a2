//! Where Troupe judges a subscription differently, on purpose. Everything else is compared byte by byte.

use troupe_tests::{Config, Server};

/// A subscription the two servers judge differently.
struct Difference {
    /// The user's subscribe permission.
    permission: &'static str,
    /// What is subscribed to.
    subject: &'static str,
    /// nats-server accepts it.
    is_theirs_open: bool,
    /// Troupe accepts it.
    is_ours_open: bool,
    /// Why.
    reason: &'static str,
}

const BROADER: &str =
    "an allowed `*` stands for one token: nats-server matches it with the token `>` and then delivers deeper subjects";

const DIFFERENCES: [Difference; 4] = [
    Difference {
        permission: "allow: \"foo.*\"",
        subject: "foo.>",
        is_theirs_open: true,
        is_ours_open: false,
        reason: BROADER,
    },
    Difference { permission: "allow: \"*\"", subject: ">", is_theirs_open: true, is_ours_open: false, reason: BROADER },
    Difference {
        permission: "allow: \"*.*\"",
        subject: "foo.>",
        is_theirs_open: true,
        is_ours_open: false,
        reason: BROADER,
    },
    Difference {
        permission: "allow: \"foo.* workers\"",
        subject: "foo.> workers",
        is_theirs_open: true,
        is_ours_open: false,
        reason: BROADER,
    },
];

#[test]
fn known_differences_hold() {
    for difference in DIFFERENCES {
        let permission = difference.permission;
        let config = Config::new(format!(
            "authorization {{ users: [ {{user: u, password: p, permissions: {{subscribe: {{{permission}}}}}}} ] }}"
        ));
        let is_open = |server: &Server| {
            let mut client = server.connect();
            let connect = "CONNECT {\"verbose\":false,\"user\":\"u\",\"pass\":\"p\"}\r\n";
            client.flush(format!("{connect}SUB {} 1\r\n", difference.subject));
            !client.text().contains("-ERR")
        };
        let what = format!("{permission}, SUB {}: {}", difference.subject, difference.reason);
        if let Some(reference) = Server::reference(config.clone()) {
            assert_eq!(is_open(&reference), difference.is_theirs_open, "nats-server: {what}");
        }
        assert_eq!(is_open(&Server::troupe(config)), difference.is_ours_open, "troupe: {what}");
    }
}
