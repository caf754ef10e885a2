//! Clusters under fault: numbered messages flow while servers die, stall and lose their connections.
//!
//! ```text
//! faults [--seed N] [--seeds COUNT] [--nodes KINDS] [--faults NAME,NAME] [--rounds N]
//! ```
//!
//! `KINDS` is a word of `T` (Troupe) and `R` (nats-server), one letter per server: `TTTTT`. A run is repeated with its seed. Each server
//! is reached by the others through a proxy of its own on a loopback address; network namespaces are not made.
//!
//! Checked all the time: no message twice to a subscriber, order per publisher, nothing in another account. After each fault: messages
//! go from everybody to everybody again. At the end: no connection left open, no panic.

mod stage;
mod workload;

use std::process::ExitCode;

use stage::{Fault, Plan, play};
use troupe_tests::cluster::Kind;

fn main() -> ExitCode {
    match arguments(std::env::args().skip(1)).and_then(|(plan, seeds)| run(&plan, seeds)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("{fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(plan: &Plan, seeds: u64) -> Result<(), String> {
    for seed in plan.seed..plan.seed + seeds {
        let plan = Plan { seed, ..plan.clone() };
        eprintln!("seed {seed}");
        match play(&plan) {
            Ok(true) => {}
            Ok(false) => return Err("a server binary is not there".to_owned()),
            Err(fault) => return Err(format!("seed {seed}: {fault}")),
        }
    }
    Ok(())
}

fn arguments(mut arguments: impl Iterator<Item = String>) -> Result<(Plan, u64), String> {
    let faults = Fault::ALL.iter().map(|(_, fault)| *fault).collect();
    let mut plan = Plan { seed: 1, kinds: vec![Kind::Troupe; 5], faults, rounds: 8 };
    let mut seeds = 1;
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{name}: {value:?} is no number"));
        match name.as_str() {
            "--seed" => plan.seed = number()?,
            "--seeds" => seeds = number()?,
            "--rounds" => plan.rounds = usize::try_from(number()?).unwrap_or(usize::MAX),
            "--nodes" => plan.kinds = value.chars().map(kind).collect::<Result<_, _>>()?,
            "--faults" => plan.faults = value.split(',').map(fault).collect::<Result<_, _>>()?,
            _ => return Err(format!("unknown flag {name}")),
        }
    }
    Ok((plan, seeds))
}

fn kind(letter: char) -> Result<Kind, String> {
    match letter {
        'T' => Ok(Kind::Troupe),
        'R' => Ok(Kind::Reference),
        _ => Err(format!("{letter:?} is no kind of server: T is Troupe, R is nats-server")),
    }
}

fn fault(name: &str) -> Result<Fault, String> {
    let known = Fault::ALL.iter().find(|(known, _)| *known == name);
    known.map(|(_, fault)| *fault).ok_or_else(|| format!("unknown fault {name:?}"))
}

/// The short set of a continuous integration; the rest is a command away.
#[test]
fn messages_survive_a_few_faults() {
    for (seed, nodes) in [(1, "TTT"), (2, "TRT")] {
        let kinds = nodes.chars().map(|letter| kind(letter).expect("a kind")).collect();
        let faults = Fault::ALL.iter().map(|(_, fault)| *fault).collect();
        if let Err(fault) = play(&Plan { seed, kinds, faults, rounds: 6 }) {
            panic!("seed {seed} of {nodes}: {fault}");
        }
    }
}
