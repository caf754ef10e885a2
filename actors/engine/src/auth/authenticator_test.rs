//! The tables were recorded from nats-server 2.15.1.

use base64::Engine;
use nkeys::KeyPair;

use super::*;
use crate::auth::CertificateNames;
use crate::options::{
    AccountOptions, ConnectionType, Permissions, SubjectPermission, TlsOptions, UserLimitOptions, UserOptions,
};

/// bcrypt of `secret`, which only the shell compares.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

fn user(name: &str, password: &str) -> UserOptions {
    let credential = Credential::Password { name: name.into(), password: Secret::new(password) };
    UserOptions {
        credential,
        account: None,
        permissions: None,
        allowed_connection_types: None,
        proxy_required: false,
        limits: UserLimitOptions::default(),
    }
}

fn nkey_user(key: &KeyPair) -> UserOptions {
    UserOptions { credential: Credential::Nkey(key.public_key()), ..user("", "") }
}

fn in_account(account: &str, user: UserOptions) -> UserOptions {
    UserOptions { account: Some(account.into()), ..user }
}

fn with_users(users: Vec<UserOptions>) -> Options {
    let mut options = Options::default();
    options.auth.users = users;
    options
}

fn account(name: &str) -> AccountOptions {
    AccountOptions { name: name.into(), ..AccountOptions::default() }
}

fn publish_only(subject: &str) -> Option<Permissions> {
    let publish = Some(SubjectPermission { allow: Some(vec![subject.into()]), deny: Vec::new() });
    Some(Permissions { publish, ..Permissions::default() })
}

fn nothing() -> Presented {
    Presented { nonce: "KmXY4TJ5bL0Sgp8".into(), ..Presented::new(ConnectionType::Standard) }
}

fn password(name: &str, password: &str) -> Presented {
    Presented { user: Some(name.into()), password: Some(Secret::new(password)), ..nothing() }
}

fn token(token: &str) -> Presented {
    Presented { auth_token: Some(Secret::new(token)), ..nothing() }
}

fn implicit() -> Presented {
    Presented { implicit: true, ..nothing() }
}

fn sign(key: &KeyPair) -> Option<String> {
    let signature = key.sign(nothing().nonce.as_bytes()).expect("signs");
    Some(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(signature))
}

fn signed(key: &KeyPair) -> Presented {
    Presented { nkey: Some(key.public_key()), signature: sign(key), ..nothing() }
}

/// `account user` of a grant, `? user` when a comparison decides, or the closed reason and the name.
fn outcome(options: &Options, presented: &Presented) -> String {
    let named = |identity: &Identity| identity.reported().unwrap_or("-").to_owned();
    match Authenticator::new(options).decide(presented) {
        Decision::Accept(grant) => format!("{} {}", grant.account, named(&grant.identity)),
        Decision::Refuse(refusal) => format!("{}: {}", refusal.reason.closed_reason(), named(&refusal.identity)),
        Decision::FindAccount(missing) => format!("{} is to be found", missing.account),
        Decision::CheckPassword(check) => match check.clone().resolve(true) {
            Ok(grant) => format!("? {} {}", grant.account, named(&grant.identity)),
            Err(refusal) => format!("? {}: {}", refusal.reason.closed_reason(), named(&refusal.identity)),
        },
    }
}

#[track_caller]
fn check(options: &Options, table: &[(Presented, &str)]) {
    for (presented, expected) in table {
        assert_eq!(outcome(options, presented), *expected, "{presented:?}");
    }
}

#[test]
fn nothing_configured_lets_everybody_in() {
    let options = Options::default();
    let key = KeyPair::new_user().public_key();
    check(
        &options,
        &[
            (nothing(), "$G -"),
            (implicit(), "$G -"),
            (password("a", "b"), "$G a"),
            (token("x"), "$G [REDACTED]"),
            (Presented { nkey: Some(key.clone()), ..nothing() }, &format!("$G {key}")),
            (Presented { jwt: Some("x".into()), ..nothing() }, "$G -"),
            (Presented { account: Some("A".into()), ..nothing() }, "Authentication Failure: -"),
            (Presented { account: Some(String::new()), ..nothing() }, "$G -"),
            (Presented { new_account: true, ..nothing() }, "Authentication Failure: -"),
            (Presented { new_account: true, ..password("a", "b") }, "Authentication Failure: a"),
        ],
    );
    let authenticator = Authenticator::new(&options);
    assert!(!authenticator.auth_required() && !authenticator.nonce_required());
    assert!(Authenticator::new(&Options { always_enable_nonce: true, ..options }).nonce_required());
}

#[test]
fn single_token() {
    let mut options = Options::default();
    options.auth.token = Some(Secret::new("t"));
    options.auth.default_permissions = publish_only("foo");
    let both = Presented { user: Some("u".into()), ..token("t") };
    check(
        &options,
        &[
            (nothing(), "Authentication Failure: -"),
            (implicit(), "Authentication Failure: -"),
            (token("t"), "$G [REDACTED]"),
            (token("x"), "Authentication Failure: [REDACTED]"),
            (password("t", ""), "Authentication Failure: t"),
            (password("", "t"), "Authentication Failure: -"),
            (both, "$G u"),
        ],
    );
    let Decision::Accept(grant) = Authenticator::new(&options).decide(&token("t")) else { panic!("refused") };
    assert!(grant.permissions.is_none(), "default permissions are for users");
    assert_eq!(grant.identity.label(&grant.account).as_deref(), Some("$G/token"));
    assert!(Authenticator::new(&options).auth_required() && !has_plaintext_passwords(&options));
    options.auth.token = Some(Secret::new(HASH));
    check(&options, &[(token("secret"), "? $G [REDACTED]"), (token(HASH), "? $G [REDACTED]")]);
}

#[test]
fn single_user() {
    let mut options = Options::default();
    options.auth.username = Some("u".into());
    check(&options, &[(nothing(), "Authentication Failure: -"), (password("u", ""), "$G u")]);
    assert!(!has_plaintext_passwords(&options));
    options.auth.password = Some(Secret::new("p"));
    assert!(has_plaintext_passwords(&options));
    let mut mapped = with_users(vec![user("CN=a", "")]);
    assert!(has_plaintext_passwords(&mapped));
    mapped.tls = Some(TlsOptions { verify_and_map: true, ..TlsOptions::default() });
    assert!(!has_plaintext_passwords(&mapped));
    check(
        &options,
        &[
            (password("u", "p"), "$G u"),
            (password("u", "x"), "Authentication Failure: u"),
            (password("x", "p"), "Authentication Failure: x"),
            (password("u", ""), "Authentication Failure: u"),
            (token("p"), "Authentication Failure: [REDACTED]"),
            (nothing(), "Authentication Failure: -"),
        ],
    );
    options.auth.password = Some(Secret::new(HASH));
    let table = [(password("u", "x"), "? $G u"), (password("x", "x"), "? Authentication Failure: x")];
    check(&options, &table);
}

#[test]
fn users() {
    let options = with_users(vec![user("a", HASH), user("b", "b"), user("e", "")]);
    check(
        &options,
        &[
            (password("a", "secret"), "? $G a"),
            (password("b", "b"), "$G b"),
            (password("b", "B"), "Authentication Failure: b"),
            (password("e", ""), "$G e"),
            (password("e", "x"), "Authentication Failure: e"),
            (password("", ""), "Authentication Failure: -"),
            (password("nobody", "x"), "? Authentication Failure: nobody"),
            (nothing(), "Authentication Failure: -"),
            (token("b"), "Authentication Failure: [REDACTED]"),
            (implicit(), "Authentication Failure: -"),
        ],
    );
    assert!(has_plaintext_passwords(&options));
    assert!(!has_plaintext_passwords(&with_users(vec![user("a", HASH)])));
    check(&with_users(vec![user("b", "b")]), &[(password("nobody", "x"), "Authentication Failure: nobody")]);
}

#[test]
fn no_auth_user() {
    let web = Some(vec![ConnectionType::Websocket]);
    let mut options = with_users(vec![
        user("a", "a"),
        user("hash", HASH),
        UserOptions { allowed_connection_types: web, ..user("web", "web") },
        user("b", "b"),
    ]);
    for (name, anonymous, implied) in [
        ("a", "$G a", "$G a"),
        ("hash", "Authentication Failure: hash", "Authentication Failure: hash"),
        ("web", "Authentication Failure: web", "Authentication Failure: -"),
    ] {
        options.auth.no_auth_user = Some(name.into());
        check(
            &options,
            &[
                (nothing(), anonymous),
                (implicit(), implied),
                (Presented { jwt: Some("x".into()), ..nothing() }, anonymous),
                (Presented { nkey: Some("x".into()), ..nothing() }, if name == "a" { "$G x" } else { anonymous }),
                (password("b", "b"), "$G b"),
                (password("", "x"), "Authentication Failure: -"),
                (token("x"), "Authentication Failure: [REDACTED]"),
                (password("web", "web"), "? Authentication Failure: web"),
            ],
        );
        assert!(!Authenticator::new(&options).auth_required());
    }
}

#[test]
fn nkeys() {
    let (key, other) = (KeyPair::new_user(), KeyPair::new_user());
    let public = key.public_key();
    let mut options = with_users(vec![nkey_user(&key), user("b", "b")]);
    let granted = format!("$G {public}");
    let refused = format!("Authentication Failure: {public}");
    check(
        &options,
        &[
            (signed(&key), &granted),
            (Presented { user: Some("b".into()), password: Some(Secret::new("x")), ..signed(&key) }, &granted),
            (Presented { signature: None, ..signed(&key) }, &refused),
            (Presented { signature: sign(&other), ..signed(&key) }, &refused),
            (Presented { signature: Some("abc".into()), ..signed(&key) }, &refused),
            (Presented { nkey: Some("bogus".into()), ..password("b", "b") }, "Authentication Failure: bogus"),
            (signed(&other), &format!("Authentication Failure: {}", other.public_key())),
            (password("b", "b"), "$G b"),
            (implicit(), "Authentication Failure: -"),
        ],
    );
    let authenticator = Authenticator::new(&options);
    assert!(authenticator.nonce_required() && authenticator.auth_required());

    options.auth.no_auth_user = Some(public.clone());
    check(
        &options,
        &[
            (nothing(), &granted),
            (implicit(), "Authentication Failure: -"),
            (Presented { signature: Some("bad".into()), ..signed(&key) }, &granted),
            (password("b", "b"), "$G b"),
            (token("x"), "Authentication Failure: [REDACTED]"),
        ],
    );
    let names_only = with_users(vec![user("b", "b")]);
    check(&names_only, &[(Presented { nkey: Some(public.clone()), ..password("b", "b") }, &granted)]);
    assert!(!Authenticator::new(&names_only).nonce_required());
}

#[test]
fn default_permissions() {
    let mut options = with_users(vec![
        user("c", "c"),
        in_account("A", user("a", "a")),
        in_account("A", UserOptions { permissions: publish_only("own"), ..user("a2", "a2") }),
        in_account("B", user("b", "b")),
    ]);
    options.auth.default_permissions = publish_only("server");
    let with_defaults = AccountOptions { default_permissions: publish_only("account"), ..account("A") };
    options.accounts = [with_defaults.into(), account("B").into()].into_iter().collect();
    let authenticator = Authenticator::new(&options);
    for (name, place, expected) in
        [("c", "$G", Some("server")), ("a", "A", Some("account")), ("a2", "A", Some("own")), ("b", "B", None)]
    {
        let Decision::Accept(grant) = authenticator.decide(&password(name, name)) else { panic!("{name} refused") };
        assert_eq!(&*grant.account, place);
        match (grant.permissions, expected) {
            (None, None) => {}
            (Some(permissions), Some(subject)) => {
                assert!(permissions.allows_publish(subject.as_bytes()) && !permissions.allows_publish(b"other"));
            }
            (permissions, _) => panic!("{name}: {permissions:?}"),
        }
    }
}

#[test]
fn only_a_system_account_leaves_anonymous_in_global() {
    let key = KeyPair::new_user();
    let mut options = with_users(vec![in_account("SYS", user("s", "s")), in_account("SYS", nkey_user(&key))]);
    options.accounts = [account("SYS").into()].into_iter().collect();
    check(&options, &[(nothing(), "Authentication Failure: -"), (implicit(), "Authentication Failure: -")]);

    options.system_account = Some("SYS".into());
    for presented in [nothing(), implicit()] {
        let answer = outcome(&options, &presented);
        assert!(answer.starts_with("$G nats-") && answer.len() == "$G nats-12345678".len(), "{answer}");
    }
    check(
        &options,
        &[
            (password("s", "s"), "SYS s"),
            (signed(&key), &format!("SYS {}", key.public_key())),
            (password("x", "y"), "Authentication Failure: x"),
            (token("x"), "Authentication Failure: [REDACTED]"),
        ],
    );
    let first = Authenticator::new(&options);
    assert!(first.auth_required(), "INFO still says so");
    let Decision::Accept(before) = first.decide(&nothing()) else { panic!("refused") };
    let reconsidered = first.reload(&options).reconsider(&nothing(), &before);
    assert!(matches!(reconsidered, Reconsidered::Unchanged(after) if after.identity == before.identity));

    let mut timed = options.clone();
    timed.auth.timeout = Some(std::time::Duration::from_secs(5));
    check(&timed, &[(nothing(), "Authentication Failure: -"), (password("s", "s"), "SYS s")]);
    options.accounts.put(account("A").into());
    check(&options, &[(nothing(), "Authentication Failure: -"), (password("s", "s"), "SYS s")]);
}

#[test]
fn trusted_proxies() {
    let proxy = KeyPair::new_server();
    let through = |presented: Presented| Presented { proxy_signature: sign(&proxy), ..presented };
    let forged = |presented: Presented| Presented { proxy_signature: Some("bad".into()), ..presented };
    let mut options = with_users(vec![UserOptions { proxy_required: true, ..user("u", "p") }, user("v", "p")]);
    options.auth.no_auth_user = Some("u".into());
    check(&options, &[(through(password("u", "p")), "Proxy Required: u"), (forged(password("v", "p")), "$G v")]);
    options.auth.trusted_proxies = vec![proxy.public_key()];
    check(
        &options,
        &[
            (implicit(), "Authentication Failure: -"),
            (nothing(), "Proxy Required: u"),
            (through(nothing()), "$G u"),
            (password("u", "p"), "Proxy Required: u"),
            (password("u", "x"), "Proxy Required: u"),
            (password("v", "p"), "$G v"),
            (through(password("u", "p")), "$G u"),
            (forged(password("v", "p")), "Proxy Not Trusted: v"),
        ],
    );
    assert!(Authenticator::new(&options).nonce_required());
    let Decision::Accept(grant) = Authenticator::new(&options).decide(&through(nothing())) else { panic!("refused") };
    assert_eq!(grant.proxy_key.as_deref(), Some(proxy.public_key().as_str()));

    let mut single = Options::default();
    single.auth.trusted_proxies = vec![proxy.public_key()];
    single.auth.proxy_required = true;
    check(&single, &[(nothing(), "$G -"), (forged(nothing()), "Proxy Not Trusted: -")]);
    single.auth.username = Some("u".into());
    single.auth.password = Some(Secret::new("p"));
    check(
        &single,
        &[
            (nothing(), "Proxy Required: -"),
            (password("u", "p"), "Proxy Required: u"),
            (through(password("u", "p")), "$G u"),
            (through(nothing()), "Authentication Failure: -"),
        ],
    );
}

#[test]
fn certificates_name_the_user() {
    let relative = |(oid, value): (&str, &str)| vec![(oid.to_owned(), value.as_bytes().to_vec())];
    let subject =
        [("2.5.4.10", "Org"), ("0.9.2342.19200300.100.1.25", "com"), ("2.5.4.3", "joe")].map(relative).to_vec();
    let names = CertificateNames {
        emails: vec!["joe@example.com".into()],
        dns_names: vec!["joe.example.com".into()],
        uris: vec!["spiffe://example.com/joe".into()],
        subject,
    };
    let shown = Presented { certificate: Some(Arc::new(names)), ..password("someone", "") };
    for name in [
        "joe@example.com",
        "joe.example.com",
        "spiffe://example.com/joe",
        "CN=joe,DC=com,O=Org",
        "O=Org,CN=joe,DC=com",
        "CN=joe,O=Org,DC=com",
        "CN=joe,O=Org",
    ] {
        let mut options = with_users(vec![user(name, "")]);
        options.tls = Some(TlsOptions { verify_and_map: true, ..TlsOptions::default() });
        check(
            &options,
            &[(shown.clone(), &format!("$G {name}")), (password(name, ""), &format!("Authentication Failure: {name}"))],
        );
    }
    let mut options = with_users(vec![user("joe", ""), user("joe.example.com", ""), user("joe@example.com", "")]);
    options.auth.no_auth_user = Some("joe".into());
    options.tls = Some(TlsOptions { verify_and_map: true, ..TlsOptions::default() });
    let with_password = |text: &str| Presented { password: Some(Secret::new(text)), ..shown.clone() };
    let unmatched = "Authentication Failure: joe@example.com";
    check(
        &options,
        &[
            (shown.clone(), "$G joe@example.com"),
            (Presented { implicit: true, user: None, password: None, ..shown.clone() }, "$G joe@example.com"),
            (with_password("x"), unmatched),
            (nothing(), "Authentication Failure: -"),
        ],
    );
    options.auth.users[2] = user("joe@example.com", "p");
    check(&options, &[(shown.clone(), unmatched), (with_password("p"), "$G joe@example.com")]);
    options.auth.users[2] = user("joe@example.com", HASH);
    check(&options, &[(shown.clone(), "? $G joe@example.com")]);
}

#[test]
fn a_reload_reconsiders_connections() {
    let before = with_users(vec![user("a", "a"), user("h", HASH)]);
    let first = Authenticator::new(&before);
    let Decision::Accept(grant) = first.decide(&password("a", "a")) else { panic!("refused") };
    let judge = |users: Vec<UserOptions>| {
        let options = with_users(users);
        first.reload(&options).reconsider(&password("a", "a"), &grant)
    };
    assert!(matches!(judge(vec![user("a", "a")]), Reconsidered::Unchanged(_)));
    assert!(matches!(judge(vec![user("a", "b")]), Reconsidered::Refused(_)));
    assert!(matches!(judge(vec![in_account("A", user("a", "a"))]), Reconsidered::AccountChanged(_)));
    let limited = UserOptions { permissions: publish_only("foo"), ..user("a", "a") };
    assert!(matches!(judge(vec![limited]), Reconsidered::PermissionsChanged(_)));

    let shown = password("h", "secret");
    let Decision::CheckPassword(check) = first.decide(&shown) else { panic!("no comparison") };
    let grant = check.resolve(true).expect("matched");
    assert!(matches!(first.reload(&before).reconsider(&shown, &grant), Reconsidered::Unchanged(_)));
    let other = with_users(vec![user("h", &HASH.replace("$04$", "$05$"))]);
    assert!(matches!(first.reload(&other).reconsider(&shown, &grant), Reconsidered::CheckPassword(_)));
}
