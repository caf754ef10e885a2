use super::*;

fn line(arguments: &[&str]) -> Result<CommandLine, CliError> {
    parse(arguments.iter().map(|argument| (*argument).to_owned()))
}

fn shown(arguments: &[&str]) -> String {
    format!("{:?}", line(arguments).expect("accepted").overrides)
}

#[test]
fn actions_are_picked_in_the_order_of_nats_server() {
    let signal = |value: &str| Action::Signal(SignalRequest::parse(value).expect("splits"));
    let cases: &[(&[&str], Action)] = &[
        (&[], Action::Run),
        (&["--"], Action::Run),
        (&["-v"], Action::Version),
        (&["--version"], Action::Version),
        (&["version"], Action::Version),
        (&["VERSION", "help"], Action::Version),
        (&["--", "version"], Action::Version),
        (&["-h", "-v"], Action::Version),
        (&["-h", "extra"], Action::Help),
        (&["Help"], Action::Help),
        (&["-help_tls"], Action::HelpTls),
        (&["-v=false"], Action::Run),
        (&["-t", "-c", "a.conf"], Action::CheckConfig),
        (&["-sl", "reload=5", "-t"], signal("reload=5")),
        (&["--signal=reload=5"], signal("reload=5")),
        (&["-sl", ""], Action::Run),
    ];
    for (arguments, action) in cases {
        assert_eq!(line(arguments).map(|line| line.action), Ok(action.clone()), "{arguments:?}");
    }
}

#[test]
fn refused_arguments_have_the_texts_of_go() {
    let flag = |text: &str| CliError::Flag(text.to_owned());
    let command = |text: &str| CliError::Command(text.to_owned());
    let cases: &[(&[&str], CliError)] = &[
        (&["-bogus"], flag("flag provided but not defined: -bogus")),
        (&["--bogus=1"], flag("flag provided but not defined: -bogus")),
        (&["---x"], flag("bad flag syntax: ---x")),
        (&["-=x"], flag("bad flag syntax: -=x")),
        (&["-p"], flag("flag needs an argument: -p")),
        (&["-p", "abc"], flag("invalid value \"abc\" for flag -p: parse error")),
        (&["--port=abc"], flag("invalid value \"abc\" for flag -port: parse error")),
        (
            &["-p", "99999999999999999999"],
            flag("invalid value \"99999999999999999999\" for flag -p: value out of range"),
        ),
        (&["-D=maybe"], flag("invalid boolean value \"maybe\" for -D: parse error")),
        (&["-s="], flag("invalid boolean value \"\" for -s: parse error")),
        (&["-v", "-p", "abc"], flag("invalid value \"abc\" for flag -p: parse error")),
        (&["bogus"], command("unrecognized command: \"bogus\"")),
        (&["-"], command("unrecognized command: \"-\"")),
        (&["-D", "maybe"], command("unrecognized command: \"maybe\"")),
        (&["-t"], command("must specify [-c, --config] option to check configuration file syntax")),
        (&["-sl", "reload=1=2"], command("invalid signal parameters: [2]")),
    ];
    for (arguments, error) in cases {
        assert_eq!(line(arguments).map(|line| line.action), Err(error.clone()), "{arguments:?}");
    }
}

#[test]
fn every_spelling_of_a_flag_sets_the_same_key() {
    for arguments in [&["-p", "5"][..], &["-p=5"], &["--p", "5"], &["--port=5"], &["-port", "5"]] {
        assert_eq!(shown(arguments), r#"{"port": "5"}"#, "{arguments:?}");
    }
    for arguments in [&["-a", "h"][..], &["--addr=h"], &["--net", "h"]] {
        assert_eq!(shown(arguments), r#"{"host": "h"}"#, "{arguments:?}");
    }
    for arguments in [&["-n", "x"][..], &["--name=x"], &["--server_name", "x"]] {
        assert_eq!(shown(arguments), r#"{"server_name": "x"}"#, "{arguments:?}");
    }
}

#[test]
fn flags_become_configuration_keys() {
    let cases: &[(&[&str], &str)] = &[
        (&["-p", "1", "-p", "2"], r#"{"port": "2"}"#),
        (&["-p", "0", "-a", ""], r#"{"host": "0.0.0.0", "port": "4222"}"#),
        (&["-DV"], r#"{"debug": "true", "trace": "true"}"#),
        (&["-D", "-DV=false"], r#"{"debug": "false", "trace": "false"}"#),
        (&["-VV"], r#"{"trace": "true", "trace_verbose": "true"}"#),
        (&["-DVV"], r#"{"debug": "true", "trace": "true", "trace_verbose": "true"}"#),
        (&["-V=0"], r#"{"trace": "false"}"#),
        (&["-T=false", "--logtime_utc"], r#"{"logtime": "false", "logtime_utc": "true"}"#),
        (&["-l", "a.log", "-s", "-r", "udp://h:1"], {
            r#"{"logfile": "a.log", "remote_syslog": "udp://h:1", "syslog": "true"}"#
        }),
        (&["-m", "8222", "-ms", "8223"], r#"{"http_port": "8222", "https_port": "8223"}"#),
        (&["-m", "0", "-ms", "0", "--profile", "0"], "{}"),
        (&["-js", "-sd", "/d"], r#"{"jetstream.enabled": "true", "store_dir": "/d"}"#),
        (&["--user", "u", "--pass", "p", "--auth", "t"], {
            r#"{"authorization.pass": "[REDACTED]", "authorization.token": "[REDACTED]", "authorization.user": "u"}"#
        }),
        (&["--tls=false", "--tlscert", "c"], r#"{"tls": "false"}"#),
        (&["--tlsverify", "--tlscert", "c"], r#"{"tls.cert_file": "c", "tls.verify": "true"}"#),
        (&["--cluster", "nats://h:1", "--no_advertise"], {
            r#"{"cluster.listen": "h:1", "cluster.no_advertise": "true"}"#
        }),
        (&["--cluster_listen", "tls://u:p@[::1]:-1/"], {
            r#"{"cluster.authorization.password": "[REDACTED]", "cluster.authorization.user": "u", "cluster.listen": "[::1]:-1"}"#
        }),
        (&["--cluster", "h"], r#"{"cluster.listen": "h"}"#),
        (&["--cluster", ""], r#"{"cluster.listen": ""}"#),
    ];
    for (arguments, overrides) in cases {
        assert_eq!(shown(arguments), *overrides, "{arguments:?}");
    }
}

#[test]
fn routes_are_split_into_a_list() {
    let line = line(&["--routes", "nats://a, nats://b"]).expect("accepted");
    let routes = line.overrides.get("cluster.routes").expect("set").clone().into_array().expect("a list");
    let routes: Vec<String> = routes.into_iter().map(|route| route.into_string().expect("text")).collect();
    assert_eq!(routes, ["nats://a", "nats://b"]);
}

#[test]
fn tls_and_route_flags_are_checked_against_the_whole_configuration() {
    let checked = |arguments: &[&str], cluster| {
        let line = line(arguments).expect("accepted");
        line.check_tls_flags().and_then(|()| line.check_routes(cluster)).map_err(|error| error.to_string())
    };
    let no_certificate = Err("TLS Server certificate must be present and valid".to_owned());
    let no_key = Err("TLS Server private key must be present and valid".to_owned());
    let no_cluster = Err("solicited routes require cluster capabilities, e.g. --cluster".to_owned());
    assert_eq!(checked(&["--tls"], false), no_certificate);
    assert_eq!(checked(&["--tlsverify"], false), no_certificate);
    assert_eq!(checked(&["--tlscert", "x"], false), no_key);
    assert_eq!(checked(&["--tlscert", "x", "--tlskey", "y"], false), Ok(()));
    assert_eq!(checked(&["--tlscert", "x", "--tls=false"], false), Ok(()));
    assert_eq!(checked(&["--routes", "nats://a"], false), no_cluster);
    assert_eq!(checked(&["--routes", "nats://a"], true), Ok(()));
    assert_eq!(checked(&["--routes", "nats://a", "--cluster", "nats://b"], false), Ok(()));
    assert_eq!(checked(&["--routes", ""], false), Ok(()));
}
