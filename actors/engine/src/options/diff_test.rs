//! Lines and refusals as nats-server 2.15.1 logs them.

use super::diff::{Change, ChangeScope, diff};
use super::*;

type Edit = fn(&mut Options);

fn lines(before: Edit, after: Edit) -> Result<Vec<String>, String> {
    let (mut old, mut new) = (Options::default(), Options::default());
    before(&mut old);
    after(&mut new);
    let changes = diff(&old, &new).map_err(|error| error.to_string())?;
    let always = ["Reloaded: authorization users", "Reloaded: accounts"];
    Ok(changes.into_iter().filter_map(|change| change.line).filter(|line| !always.contains(&line.as_str())).collect())
}

fn none(_: &mut Options) {}

#[test]
fn users_and_accounts_are_always_reported() {
    let options = Options::default();
    let line = |text: &str| Change { scope: ChangeScope::Auth, line: Some(text.to_owned()) };
    let expected = vec![line("Reloaded: authorization users"), line("Reloaded: accounts")];
    assert_eq!(diff(&options, &options), Ok(expected));
}

#[test]
fn changes_are_reported_in_order() {
    let cases: &[(Edit, &[&str])] = &[
        (
            |o| {
                o.logging.trace = true;
                o.logging.debug = true;
                o.logging.trace_verbose = true;
                o.logging.logtime = false;
            },
            &[
                "Reloaded: trace = true",
                "Reloaded: debug = true",
                "Reloaded: trace_verbose = true",
                "Reloaded: logtime = false",
            ],
        ),
        (
            |o| {
                o.listen.client_advertise = Some("a:1".to_owned());
                o.limits.max_connections = 5;
                o.timing.ping_interval = std::time::Duration::from_secs(60);
                o.no_fast_producer_stall = true;
                o.limits.max_payload = 2000;
            },
            &[
                "Reload: client_advertise = a:1",
                "Reloaded: max_connections = 5",
                "Reloaded: ping_interval = 1m0s",
                "Reloaded: max_payload = 2000",
                "Reloaded: fast producers will not be stalled",
            ],
        ),
        (
            |o| {
                o.auth.username = Some("a".to_owned());
                o.auth.password = Some(Secret::new("b"));
                o.auth.timeout = Some(std::time::Duration::from_millis(2500));
            },
            &[
                "Reloaded: authorization username",
                "Reloaded: authorization password",
                "Reloaded: authorization timeout = 2.5",
            ],
        ),
        (
            |o| o.tls = Some(TlsOptions { handshake_first: HandshakeFirst::AUTO, ..TlsOptions::default() }),
            &[
                "Reloaded: authorization timeout = 3",
                "Reloaded: tls = enabled",
                "Reloaded: Client TLS handshake first: true",
                "Reloaded: Client TLS handshake first fallback delay: 50ms",
            ],
        ),
        (
            |o| {
                o.server_tags = vec!["x".to_owned()];
                o.auth.trusted_proxies = vec!["A".to_owned(), "B".to_owned()];
            },
            &["Reloaded: tags", "Reloaded: proxies trusted keys [\"A\" \"B\"] were added"],
        ),
        (|o| o.listen.port = -1, &[]),
    ];
    for (after, expected) in cases {
        assert_eq!(lines(none, *after), Ok(expected.iter().map(|line| (*line).to_owned()).collect()));
    }
}

#[test]
fn changes_that_need_a_restart_are_refused() {
    let cases: &[(Edit, &str)] = &[
        (|o| o.server_name = Some("b".to_owned()), "ServerName: old=, new=b"),
        (|o| o.listen.host = "127.0.0.2".to_owned(), "Host: old=0.0.0.0, new=127.0.0.2"),
        (|o| o.listen.port = 4333, "Port: old=4222, new=4333"),
        (|o| o.limits.max_subscriptions = 6, "MaxSubs: old=0, new=6"),
        (|o| o.limits.max_sub_tokens = 6, "MaxSubTokens: old=0, new=6"),
        (|o| o.limits.max_pending = 6, "MaxPending: old=67108864, new=6"),
        (|o| o.limits.max_closed_clients = 6, "MaxClosedClients: old=10000, new=6"),
        (|o| o.lame_duck.duration = std::time::Duration::from_secs(60), "LameDuckDuration: old=2m0s, new=1m0s"),
        (|o| o.timing.write_timeout = WriteTimeoutPolicy::Retry, "WriteTimeout: old=default, new=retry"),
        (|o| o.no_header_support = true, "NoHeaderSupport: old=false, new=true"),
        (|o| o.listen.proxy_protocol = true, "ProxyProtocol: old=false, new=true"),
        (|o| o.system_account = Some("A".to_owned()), "SystemAccount: old=, new=A"),
        (|o| o.auth.no_auth_user = Some("a".to_owned()), "NoAuthUser: old=, new=a"),
        (|o| o.allow_non_tls = true, "AllowNonTLS: old=false, new=true"),
        (
            |o| {
                o.feature_flags.insert("x".to_owned(), true);
                o.feature_flags.insert("y".to_owned(), false);
            },
            "FeatureFlags: old=map[], new=map[x:true y:false]",
        ),
    ];
    for (after, expected) in cases {
        assert_eq!(lines(none, *after), Err(format!("config reload not supported for {expected}")));
    }
    let wrong: Edit = |o| o.listen.client_advertise = Some("a:b:c".to_owned());
    let expected = "invalid ClientAdvertise value of a:b:c, err=address a:b:c: too many colons in address";
    assert_eq!(lines(none, wrong), Err(expected.to_owned()));
}

#[test]
fn the_default_user_may_leave_with_its_definition() {
    let user = |o: &mut Options| {
        o.auth.users.push(UserOptions {
            limits: UserLimitOptions::default(),
            credential: Credential::Password { name: "a".to_owned(), password: Secret::new("") },
            account: None,
            permissions: None,
            allowed_connection_types: None,
            proxy_required: false,
        });
    };
    let (mut old, mut new) = (Options::default(), Options::default());
    old.auth.no_auth_user = Some("a".to_owned());
    assert!(diff(&old, &new).is_ok());
    user(&mut new);
    assert!(diff(&old, &new).is_err());
}
