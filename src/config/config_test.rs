//! What files and flags become.

use std::path::PathBuf;
use std::time::Duration;

use config::{Map, Value};
use tempfile::TempDir;
use troupe_engine::options::*;

use super::*;

/// Loads a text with flags.
fn load_with(text: &str, flags: &[(&str, Value)]) -> Result<Loaded, ConfigErrors> {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("t.conf");
    std::fs::write(&file, text).expect("a file");
    let flags: Map<String, Value> = flags.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    load(Some(&file), &flags)
}

#[track_caller]
fn options(text: &str) -> Options {
    options_with(text, &[])
}

#[track_caller]
fn options_with(text: &str, flags: &[(&str, Value)]) -> Options {
    match load_with(text, flags) {
        Ok(loaded) => loaded.options,
        Err(errors) => panic!("{errors}"),
    }
}

/// The faults, without the name of the file.
#[track_caller]
fn faults(text: &str) -> Vec<String> {
    let errors = match load_with(text, &[]) {
        Ok(loaded) => panic!("it loads: {:?}", loaded.options),
        Err(errors) => errors,
    };
    errors.errors.iter().map(|error| without_file(&error.to_string())).collect()
}

fn without_file(line: &str) -> String {
    line.split_once("t.conf:").map_or(line, |(_, rest)| rest).to_owned()
}

#[test]
fn nothing_gives_the_defaults() {
    let loaded = load(None, &Map::new()).expect("it loads");
    assert_eq!(loaded.options, Options::default());
    assert!(loaded.warnings.is_empty());
}

#[test]
fn an_empty_file_is_worth_a_warning() {
    let loaded = load_with("# nothing\n", &[]).expect("it loads");
    let warnings: Vec<_> = loaded.check_failures().map(|warning| warning.text.clone()).collect();
    assert!(warnings.len() == 1 && warnings[0].ends_with("t.conf: config has no values or is empty"), "{warnings:?}");
}

#[test]
fn limits_and_timing() {
    let options = options(
        "max_payload: 2mb\nmax_pending: 0\nmax_conn: 0\nmax_subs: -1\nping_interval: '90s'\nping_max: 0\n\
         write_deadline: 3s\nwrite_timeout: close\nlame_duck_duration: '1m'\nlame_duck_grace_period: '5s'\n\
         connect_error_reports: 7\n",
    );
    assert_eq!(options.limits.max_payload, 2 * 1024 * 1024);
    assert_eq!(options.limits.max_pending, LimitOptions::default().max_pending);
    assert_eq!(options.limits.max_connections, -1);
    assert_eq!(options.limits.max_subscriptions, 0);
    assert_eq!(options.timing.ping_interval, Duration::from_secs(90));
    assert_eq!(options.timing.max_pings_out, 2);
    assert_eq!(options.timing.write_deadline, Duration::from_secs(3));
    assert_eq!(options.timing.write_timeout, WriteTimeoutPolicy::Close);
    assert_eq!(options.lame_duck.duration, Duration::from_secs(60));
    assert_eq!((options.connect_error_reports, options.reconnect_error_reports), (7, 1));
}

#[test]
fn addresses() {
    let socket = || Some(PathBuf::from("/run/t.sock"));
    let cases = [
        ("debug: on", "0.0.0.0", 4222, None),
        ("listen: 4333", "0.0.0.0", 4333, None),
        ("listen: 'localhost:4333'", "localhost", 4333, None),
        ("listen: '[::1]:-1'", "::1", -1, None),
        ("listen: ':4333'", "0.0.0.0", 4333, None),
        ("net: 127.0.0.1\nport: 0", "127.0.0.1", 4222, None),
        ("listen: 'a:1'\nport: 2", "a", 2, None),
        ("listen: 'unix:/run/t.sock'", "0.0.0.0", 0, socket()),
        ("listen: 'unix:///run/t.sock'\nport: 5", "0.0.0.0", 5, socket()),
        ("listen: ['a:1', 'unix:/run/t.sock']", "a", 1, socket()),
    ];
    for (text, host, port, unix_path) in cases {
        let listen = options(text).listen;
        assert_eq!((listen.host.as_str(), listen.port, listen.unix_path), (host, port, unix_path), "{text}");
    }
    for text in ["listen: ['a:1', 'b:2']", "listen: ['unix:/a', 'unix:/b']", "listen: 'unix:'", "listen: '::1:4222'"] {
        assert!(load_with(text, &[]).is_err(), "{text}");
    }
}

#[test]
fn flags_win_over_the_file() {
    let text = "listen: 'a:1'\nlogfile: x.log\ntrace_verbose: true\nMax_Conn: 5\n\
                authorization { username: u, pass: p }\ntls { cert_file: a, key_file: b }\n";
    let flags: &[(&str, Value)] = &[
        ("port", 2.into()),
        ("host", "b".into()),
        ("log_file", "y.log".into()),
        ("trace", false.into()),
        ("max_connections", 6.into()),
        ("authorization.user", "v".into()),
        ("authorization.password", "q".into()),
        ("tls.verify", true.into()),
    ];
    let options = options_with(text, flags);
    assert_eq!((options.listen.host.as_str(), options.listen.port), ("b", 2));
    assert_eq!(options.logging.log_file, Some("y.log".into()));
    assert!(!options.logging.trace);
    assert_eq!(options.limits.max_connections, 6);
    assert_eq!(options.auth.username.as_deref(), Some("v"));
    assert_eq!(options.auth.password, Some(Secret::new("q")));
    let tls = options.tls.expect("TLS is on");
    assert!(tls.verify && tls.certificates.len() == 1);
}

#[test]
fn flags_stand_beside_users_of_the_file_and_switch_tls_off() {
    let text = "authorization { users: [{user: a}] }\naccounts { A { users: [{user: b}] } }\ntls {}\n";
    let flags: &[(&str, Value)] =
        &[("authorization.user", "v".into()), ("authorization.pass", "q".into()), ("tls", false.into())];
    let options = options_with(text, flags);
    assert_eq!((options.auth.users.len(), options.auth.username.as_deref()), (2, Some("v")));
    assert_eq!(options.tls, None);
}

#[test]
fn flags_without_a_file() {
    let flags: Map<String, Value> =
        [("authorization.token".to_owned(), "t".into()), ("tls.cert_file".to_owned(), "c".into())]
            .into_iter()
            .collect();
    let errors = load(None, &flags).expect_err("the key is missing");
    assert_eq!(errors.to_string(), "command line: missing 'key_file' in TLS configuration");
    let flags: Map<String, Value> = [("port".to_owned(), "x".into())].into_iter().collect();
    let errors = load(None, &flags).expect_err("no number");
    assert_eq!(errors.to_string(), "command line: interface conversion: interface {} is string, not int64");
}

#[test]
fn permissions_come_from_the_user_then_the_account_or_the_block() {
    let options = options(
        "authorization { default_permissions { publish: d }, users: [{user: a}, {user: b, permissions {publish: own}}] }\n\
         accounts { A { users: [{user: c}] }, B { default_permissions {publish: e}, users: [{user: f}] } }\n",
    );
    let allowed: Vec<_> = options
        .auth
        .users
        .iter()
        .map(|user| {
            user.permissions.as_ref().and_then(|p| p.publish.as_ref()?.allow.clone()).unwrap_or_default().join(" ")
        })
        .collect();
    assert_eq!(allowed, ["d", "own", "", "e"]);
    let accounts: Vec<_> = options.auth.users.iter().map(|user| user.account.as_deref()).collect();
    assert_eq!(accounts, [None, None, Some("A"), Some("B")]);
}

#[test]
fn permissions_of_every_shape() {
    let permissions = |text: &str| {
        let users = options(&format!("authorization {{ users: [{{user: a, permissions {{ {text} }} }}] }}")).auth.users;
        users[0].permissions.clone().expect("permissions")
    };
    let list = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    let both = permissions("pub { allow: a, deny: [b, c] }, sub: 'd q'");
    let publish = both.publish.expect("publish");
    assert_eq!((publish.allow, publish.deny.len()), (list(&["a"]), 2));
    assert_eq!(both.subscribe.and_then(|p| p.allow), list(&["d q"]));
    assert_eq!(permissions("publish {}").publish, None);
    assert_eq!(permissions("publish []").publish, Some(SubjectPermission::default()));
    let answers = permissions("allow_responses { max: -1, ttl: '-1s' }");
    assert_eq!(answers.responses, Some(ResponsePermission { max_messages: -1, expires: None }));
    assert_eq!(answers.publish.and_then(|p| p.allow), list(&[]));
    let answers = permissions("publish: a, allow_responses: true");
    assert_eq!(answers.publish.and_then(|p| p.allow), list(&["a"]));
    assert_eq!(answers.responses, Some(ResponsePermission::default()));
}

#[test]
fn tls_block() {
    let options = options(
        "tls { certs: [{cert_file: a, key_file: b}, {cert_file: c, key_file: d}], ca_file: e, verify_and_map: on, \
         timeout: 1.5, handshake_first: '30ms', min_version: '1.3', watch: false, cipher_suites: \
         [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA], curve_preferences: [CurveP521, X25519] }",
    );
    let tls = options.tls.clone().expect("TLS is on");
    assert_eq!(tls.certificates.len(), 2);
    assert!(tls.verify && tls.verify_and_map && !options.watches_certificates());
    assert_eq!(tls.timeout, Duration::from_millis(1500));
    assert_eq!(tls.handshake_first, HandshakeFirst::After(Duration::from_millis(30)));
    assert_eq!(
        (tls.cipher_suites, tls.curve_preferences),
        (vec!["TLS_AES_128_GCM_SHA256".into()], vec!["X25519".into()])
    );
    assert_eq!(tls.min_version, TlsVersion::Tls13);
    assert_eq!(options.auth_timeout(), Duration::from_millis(2500));
}

#[test]
fn services_that_are_not_built_are_named() {
    let text = "jetstream: true\ncluster { name: c }\nprof_port: 8222\naccounts { A { exports: [{stream: x}], jetstream: on } }\n\
                mqtt { port: 1883 }\n";
    let loaded = load_with(text, &[]).expect("it loads");
    let warnings: Vec<_> = loaded.warnings.iter().map(|warning| without_file(&warning.text)).collect();
    let expected = [
        "3:1: \"prof_port\" is not supported yet and has no effect",
        "5:1: \"mqtt\" is not supported yet and has no effect",
    ];
    assert_eq!(warnings, expected);
    assert_eq!(loaded.options.cluster.name.as_deref(), Some("c"));
    assert!(loaded.options.jetstream.enabled && loaded.options.accounts.to_vec()[0].jetstream.is_some());
    assert_eq!(loaded.check_failures().count(), 0);
    assert!(load_with("jetstream: disabled\nocsp: false\n", &[]).expect("it loads").warnings.is_empty());
}

#[test]
fn the_flag_that_enables_jetstream_keeps_its_block() {
    let flag = [("jetstream.enabled", Value::from(true))];
    let jetstream = options_with("jetstream { sync_interval: \"2m\", enable: false }\n", &flag).jetstream;
    assert_eq!((jetstream.enabled, jetstream.sync), (true, SyncInterval::Every(Duration::from_secs(120))));
    assert!(options_with("jetstream: disabled\n", &flag).jetstream.enabled);
    assert!(options_with("", &flag).jetstream.enabled);
}

#[test]
fn the_monitors_port_wins_over_its_address() {
    let monitor = |text, flags: &[(&str, Value)]| load_with(text, flags).expect("it loads").options.monitor;
    let found = monitor("http: \"10.0.0.1:8222\"\nhttp_base_path: x\n", &[("http_port", 9000.into())]);
    assert_eq!((found.http_port, found.host.as_deref(), &*found.prefix()), (9000, Some("10.0.0.1"), "/x"));
    assert_eq!(monitor("monitor_port: 8222\n", &[]).port(), Some((8222, false)));
    assert_eq!(monitor("http: -1\n", &[]).port(), Some((0, false)));
    let reason = |text| load_with(text, &[]).expect_err("refused").to_string();
    assert!(reason("http: 1\nhttps: 2\n").contains("can't specify both HTTP (1) and HTTPs (2) ports"));
    assert!(reason("https_port: 8443\n").contains("TLS cert and key required for HTTPS"));
    assert!(reason("http: 70000\n").contains("invalid port 70000"));
}

#[test]
fn the_monitor_may_ask_who_comes() {
    let auth = |text: &str| options(text).monitor.auth.expect("a block");
    let found = auth("http: 1\nhttp_auth { username: u, pass: p, token: t, public_healthz: true }\n");
    assert_eq!((found.user.as_deref(), found.asks_for_credentials(), found.public_healthz), (Some("u"), true, true));
    assert_eq!(found.password.expect("a password").expose(), "p");
    let reason = |text| load_with(text, &[]).expect_err("refused").to_string();
    assert!(reason("http_auth { user: u }\n").contains("needs a user and a password, or neither"));
    assert!(reason("http_auth { }\n").contains("http_auth asks for nothing"));
    assert!(reason("http: 1\nhttp_auth { verify: true }\n").contains("needs https"));
    assert!(reason("http_auth { token: t, tokens: 2 }\n").contains("unknown field \"tokens\""));
    assert!(reason("http_auth { token: \"\" }\n").contains("the value is empty"));
}

#[test]
fn all_faults_are_reported_together() {
    let text = "port: abc\nfoo: 1\nauthorization { users: [{user: a, bar: 1}] }\noperator: x\nmax_sub_tokens: 300\n";
    let mut found = faults(text);
    found.sort();
    let expected = [
        "1:0: interface conversion: interface {} is string, not int64",
        "2:1: unknown field \"foo\"",
        "3:35: unknown field \"bar\"",
        "4:1: error parsing operator JWT: open x: no such file or directory",
        "5:1: max_sub_tokens value is too big",
    ];
    assert_eq!(found, expected);
    let errors = load_with("ping_interval: 5\nfoo: 1\n", &[]).expect_err("unknown");
    let lines: Vec<_> = errors.to_string().lines().map(without_file).collect();
    let warning = "1:0: invalid use of field \"ping_interval\": ping_interval should be converted to a duration";
    assert_eq!(lines, [warning, "2:1: unknown field \"foo\""]);
}

#[test]
fn keys_that_serve_as_variables_need_not_be_known() {
    let options =
        options("P: 4333\nport: $P\nperms { publish: a }\nauthorization { users: [{user: x, permissions: $perms}] }");
    assert_eq!(options.listen.port, 4333);
    assert_eq!(faults("P: 4333\nQ: $P\n"), ["2:1: unknown field \"Q\""]);
    assert_eq!(faults("a.b: 1\nc[0]: 2\n"), ["1:0: unknown field \"a.b\"", "2:1: unknown field \"c[0]\""]);
}

#[test]
fn includes_are_relative_to_the_including_file() {
    let directory = TempDir::new().expect("a directory");
    let write = |name: &str, text: &str| {
        let file = directory.path().join(name);
        std::fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
        std::fs::write(&file, text).expect("a file");
        file
    };
    let main = write("main.conf", "include 'parts/auth.conf'\nserver_name: $name\n");
    write("parts/auth.conf", "name: n\nauthorization { include users.conf }\n");
    let users = write("parts/users.conf", "users: [{user: a}]\n");
    let loaded = load(Some(&main), &Map::new()).expect("it loads");
    assert_eq!((loaded.options.server_name.as_deref(), loaded.options.auth.users.len()), (Some("n"), 1));
    std::fs::write(&users, "users: [{user: a}]\nfoo: 1\n").expect("a file");
    let errors = load(Some(&main), &Map::new()).expect_err("unknown");
    assert_eq!(errors.to_string(), format!("{}:2:1: unknown field \"foo\"", users.display()));
}

#[test]
fn the_format_serves_the_config_crate() {
    let text = "Port: 4222\nlogfile: x\nauthorization { username: a }\n";
    let file = config::File::from_str(text, NatsFormat);
    let config = config::Config::builder().add_source(file).build().expect("it builds");
    assert_eq!(config.get_int("port").ok(), Some(4222));
    assert_eq!(config.get_string("log_file").ok().as_deref(), Some("x"));
    assert_eq!(config.get_string("authorization.user").ok().as_deref(), Some("a"));
    let broken = config::Config::builder().add_source(config::File::from_str("a: {", NatsFormat)).build();
    assert!(broken.is_err_and(|error| error.to_string().contains(":1:4: Parse error on line 1")));
}

#[test]
fn a_file_that_cannot_be_read() {
    let errors = load(Some("none.conf".as_ref()), &Map::new()).expect_err("it is not there");
    assert_eq!(errors.to_string(), "open none.conf: no such file or directory");
}

#[test]
fn rates_of_users_and_accounts() {
    let user = |limits: &str| format!("accounts {{ A {{ users [{{user: a, password: p, limits {{{limits}}}}}] }} }}\n");
    let rate = |per_second, burst| Some(Rate { per_second, burst });
    let given = |limits: &str| options(&user(limits)).auth.users[0].limits;
    assert_eq!(given("messages_per_second: 5").rate, RateOptions { messages: rate(5, 5), bytes: None });
    let both = given("bytes_per_second: 1K, bytes_burst: 2K, max_connections: 3, max_subs: -1");
    assert_eq!((both.rate.bytes, both.max_connections, both.max_subscriptions), (rate(1000, 2000), Some(3), None));
    let account = options("accounts { A { limits { messages_per_second: 5, messages_burst: 9 } } }\n");
    assert_eq!(account.accounts.to_vec()[0].limits.rate.messages, rate(5, 9));
    let wrong = |limits: &str| faults(&user(limits)).join("; ");
    assert!(wrong("messages_per_second: 0").ends_with("\"messages_per_second\" must be greater than zero, got 0"));
    assert!(wrong("bytes_burst: 5").ends_with("\"bytes_burst\" needs \"bytes_per_second\""));
    assert!(wrong("rate: 5").contains("Unknown field \"rate\" parsing user limits"));
}
