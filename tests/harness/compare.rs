//! Plays scripts on the server under test and on the Go server, and insists on the same bytes.

use crate::config::Config;
use crate::player::play;
use crate::script::Script;
use crate::server::Server;
use crate::transcript::Transcript;

/// The environment variable that has every transcript of the Go server printed.
const SHOW_VARIABLE: &str = "TROUPE_TESTS_SHOW";

/// How many differences of one comparison are printed in full.
const PRINTED: usize = 12;
/// After this many exchanges that ended in a timeout the rest of a comparison is left out.
const TIMEOUTS_ENDURED: usize = 2;

/// Starts both servers with `config`, plays every script on both and compares the transcripts.
///
/// Skipped with a note when the Go server is not installed.
///
/// # Panics
/// Panics after the last script with the differences: `-` is what the Go server answered, `+` what the server under test did.
pub fn compare(config: impl Into<Config>, scripts: impl IntoIterator<Item = Script>) {
    compare_beside(config, scripts, |_| ());
}

/// As [`compare`], while what `beside` starts at each of the servers lives.
///
/// # Panics
/// As [`compare`].
pub fn compare_beside<T>(
    config: impl Into<Config>,
    scripts: impl IntoIterator<Item = Script>,
    beside: impl Fn(&Server) -> T,
) {
    let config = config.into();
    let Some(reference) = Server::reference(config.clone()) else { return };
    let troupe = Server::troupe(config.clone());
    let _beside = [beside(&reference), beside(&troupe)];
    let scripts: Vec<Script> = scripts.into_iter().collect();
    let mut differences = Vec::new();
    let (mut played, mut timeouts) = (0, 0);
    for script in &scripts {
        let (wanted, got) = play_on_both(script, &reference, &troupe);
        differences.extend(wanted.difference(&got).map(|text| format!("exchange \"{}\":\n{text}", script.name)));
        played += 1;
        timeouts += usize::from(got.timed_out());
        if timeouts == TIMEOUTS_ENDURED {
            break;
        }
    }
    assert!(differences.is_empty(), "{}", report(&differences, played, scripts.len(), &config));
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

fn report(differences: &[String], played: usize, scripts: usize, config: &Config) -> String {
    let printed = &differences[..differences.len().min(PRINTED)];
    let hidden = differences.len() - printed.len();
    let unprinted = if hidden == 0 { String::new() } else { format!("\n({hidden} more are not printed)") };
    let unplayed = if played == scripts {
        String::new()
    } else {
        format!("\n({} exchanges were not played after timeouts)", scripts - played)
    };
    format!(
        "{} of {played} exchanges differ from nats-server (- wanted, + got), with this configuration:\n{}\n{}{unprinted}{unplayed}",
        differences.len(),
        config.text(),
        printed.join("\n"),
    )
}

/// Plays a script on both servers at the same time; returns what the Go server and what the server under test answered.
fn play_on_both(script: &Script, reference: &Server, troupe: &Server) -> (Transcript, Transcript) {
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
    (wanted, got)
}
