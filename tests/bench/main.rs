//! The load bench: the same load on a candidate and on a reference server in turn, and the ratios between them.
//!
//! ```text
//! bench --candidate PATH --reference PATH [--only NAME,NAME] [--rounds 3] [--scale 1.0]
//! ```
//!
//! Each round starts a fresh server of each kind on a free loopback port. Medians over the rounds are compared; machines
//! differ and are noisy, so only the ratios mean anything:
//!
//! - `thr x`: operations per second, candidate / reference; higher is better.
//! - `cpu x`: processor time of the server per operation; lower is better.
//! - `p99 x`: 99th percentile of a request, or of a probe message to itself while the load runs; lower is better.
//! - `rss x`: resident memory at the end; lower is better.
//!
//! Modules: [`arguments`], [`cases`] (what is measured), [`server`] (the measured process), [`link`] (a client connection), [`inlet`] (one
//! that is read message by message), [`flow`] (publishers and counting readers), [`probe`] (latency under load), [`report`] (medians, the table).

mod arguments;
mod cases;
mod flow;
mod inlet;
mod link;
mod probe;
mod report;
mod server;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use arguments::Arguments;
use cases::{ALL, Case};
use report::{Measured, Report};

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(fault) => {
            eprintln!("{fault}\n\n{}", arguments::USAGE);
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", Report::HEADER)?;
    for case in ALL.iter().filter(|case| arguments.wants(case.name)) {
        let report = measure(case, arguments);
        writeln!(out, "{report}")?;
        out.flush()?;
    }
    Ok(())
}

/// Runs a case on both servers, in turn, as many rounds as asked for.
fn measure(case: &Case, arguments: &Arguments) -> Report {
    let mut report = Report::new(case.name);
    for _ in 0..arguments.rounds {
        report.add_candidate(one(case, &arguments.candidate, arguments.scale));
        report.add_reference(one(case, &arguments.reference, arguments.scale));
    }
    report
}

fn one(case: &Case, binary: &Path, scale: f64) -> Result<Measured, String> {
    (case.run)(&cases::Setting { binary, scale }).map_err(|fault| format!("{}: {fault}", binary.display()))
}
