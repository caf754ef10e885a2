//! Clusters under fault: numbered messages flow while servers die, stall and lose their connections. `README.md` beside this file tells how
//! it is used.
//!
//! `stage` has the servers and strikes them, `network` is what connects them, `workload` are the clients, `holding` is what servers must
//! not keep.

mod holding;
mod network;
mod stage;
mod workload;

use std::process::ExitCode;
use std::time::Duration;

use network::Wiring;
use stage::{Fault, Plan, play};
use troupe_tests::cluster::Kind;

/// What `--help` says.
const USAGE: &str = include_str!("usage.txt");

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--help" || argument == "-h") {
        eprint!("{USAGE}");
        return ExitCode::SUCCESS;
    }
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
    let mut plan = Plan { rounds: 8, ..plan_of(1, "TTTTT", Wiring::Proxies) };
    let mut seeds = 1;
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{name}: {value:?} is no number"));
        match name.as_str() {
            "--seed" => plan.seed = number()?,
            "--seeds" => seeds = number()?,
            "--rounds" => plan.rounds = usize::try_from(number()?).unwrap_or(usize::MAX),
            "--nodes" => plan.kinds = value.chars().map(kind).collect::<Result<_, _>>()?,
            "--victims" => plan.victims = value.split(',').map(victim).collect::<Result<_, _>>()?,
            "--time" => plan.time = Some(Duration::from_millis(number()?)),
            "--net" => plan.wiring = wiring(&value)?,
            "--config" => plan.config = read(&value)?,
            "--cluster" => plan.cluster = read(&value)?,
            "--logs" => plan.logs = Some(value.into()),
            "--faults" => plan.faults = value.split(',').map(fault).collect::<Result<_, _>>()?,
            _ => return Err(format!("unknown flag {name}; --help tells those there are")),
        }
    }
    match plan.victims.iter().find(|victim| **victim >= plan.kinds.len()) {
        Some(victim) => Err(format!("there is no server {victim}: the first of {} is 0", plan.kinds.len())),
        None if plan.kinds.len() < 2 => Err("a cluster has two servers or more".to_owned()),
        None => Ok((plan, seeds)),
    }
}

fn read(path: &str) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|fault| format!("{path}: {fault}"))
}

fn victim(number: &str) -> Result<usize, String> {
    number.parse().map_err(|_| format!("{number:?} is no number of a server"))
}

fn kind(letter: char) -> Result<Kind, String> {
    match letter {
        'T' => Ok(Kind::Troupe),
        'R' => Ok(Kind::Reference),
        _ => Err(format!("{letter:?} is no kind of server: T is Troupe, R is nats-server")),
    }
}

fn wiring(name: &str) -> Result<Wiring, String> {
    match name {
        "proxies" => Ok(Wiring::Proxies),
        "namespaces" => Ok(Wiring::Namespaces),
        _ => Err(format!("unknown network {name:?}")),
    }
}

fn fault(name: &str) -> Result<Fault, String> {
    let known = Fault::ALL.iter().find(|(known, _)| *known == name);
    known.map(|(_, fault)| *fault).ok_or_else(|| format!("unknown fault {name:?}"))
}

/// Every fault, on servers of these kinds.
fn plan_of(seed: u64, nodes: &str, wiring: Wiring) -> Plan {
    let faults = Fault::ALL.iter().map(|(_, fault)| *fault).collect();
    let kinds = nodes.chars().filter_map(|letter| kind(letter).ok()).collect();
    let (config, cluster) = (String::new(), String::new());
    Plan { seed, kinds, faults, rounds: 6, wiring, time: None, config, cluster, victims: Vec::new(), logs: None }
}

/// The short set of a continuous integration; the rest is a command away.
#[test]
fn messages_survive_a_few_faults() {
    for (seed, nodes) in [(1, "TTT"), (2, "TRT")] {
        if let Err(fault) = play(&plan_of(seed, nodes, Wiring::Proxies)) {
            panic!("seed {seed} of {nodes}: {fault}");
        }
    }
}

/// Where namespaces cannot be made this says so, and stalls proxies instead.
#[test]
fn messages_survive_black_holes() {
    for (nodes, fault) in [("TTT", Fault::OneWay), ("TTT", Fault::Blackhole), ("TTTT", Fault::Ring)] {
        let plan = Plan { faults: vec![fault], rounds: 2, ..plan_of(3, nodes, Wiring::Namespaces) };
        if let Err(found) = play(&plan) {
            panic!("{fault:?} in {nodes}: {found}");
        }
    }
}

#[test]
fn messages_survive_panics_of_actors() {
    let plan = Plan { faults: vec![Fault::Panic], rounds: 4, ..plan_of(4, "TTR", Wiring::Proxies) };
    if let Err(found) = play(&plan) {
        panic!("{found}");
    }
}
