//! Plays scripts on the server under test and on the Go server, and insists on the same bytes.

use crate::config::Config;
use crate::player::play;
use crate::script::Script;
use crate::server::Server;

/// The environment variable that has every transcript of the Go server printed.
const SHOW_VARIABLE: &str = "TROUPE_TESTS_SHOW";

/// Starts both servers with `config`, plays every script on both and compares the transcripts.
///
/// Skipped with a note when the Go server is not installed.
///
/// # Panics
/// Panics after the last script with every difference: `-` is what the Go server answered, `+` what the server under test did.
pub fn compare(config: impl Into<Config>, scripts: impl IntoIterator<Item = Script>) {
    let config = config.into();
    let Some(reference) = Server::reference(config.clone()) else { return };
    let troupe = Server::troupe(config.clone());
    let scripts: Vec<Script> = scripts.into_iter().collect();
    let differences: Vec<String> =
        scripts.iter().filter_map(|script| difference(script, &reference, &troupe)).collect();
    assert!(
        differences.is_empty(),
        "{} of {} exchanges differ from nats-server (- wanted, + got), with this configuration:\n{}\n{}",
        differences.len(),
        scripts.len(),
        config.text(),
        differences.join("\n")
    );
}

/// Runs `test` against the server under test and, when installed, against the Go server: for behaviour that is
/// judged by assertions because its bytes depend on the kernel's buffers or the clock.
///
/// # Panics
/// Panics when `test` does.
pub fn on_both(config: impl Into<Config>, test: impl Fn(&mut Server)) {
    let config = config.into();
    if let Some(mut reference) = Server::reference(config.clone()) {
        test(&mut reference);
    }
    test(&mut Server::troupe(config));
}

fn difference(script: &Script, reference: &Server, troupe: &Server) -> Option<String> {
    let (wanted, got) = std::thread::scope(|scope| {
        let wanted = scope.spawn(|| play(script, reference));
        let got = play(script, troupe);
        (wanted.join().expect("the script plays on the reference"), got)
    });
    if std::env::var_os(SHOW_VARIABLE).is_some() {
        eprintln!("exchange \"{}\":\n{}", script.name, wanted.text());
    }
    assert!(
        !wanted.timed_out(),
        "exchange \"{}\" waits for what nats-server never sends:\n{}",
        script.name,
        wanted.text()
    );
    wanted.difference(&got).map(|text| format!("exchange \"{}\":\n{text}", script.name))
}
