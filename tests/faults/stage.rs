//! Servers behind proxies, what befalls them, and whether they recover.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use proptest::prelude::RngExt;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use troupe_tests::cluster::{ClusterConfig, Kind, Node};
use troupe_tests::proxy::{Disturbance, Proxy};

use super::workload::{Place, Workload};

/// Time in which every server must know all interest again, once nothing is wrong any more.
const HEALING: Duration = Duration::from_secs(15);

/// What can befall a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process is killed and started again.
    Kill,
    /// It ends in order and is started again.
    Restart,
    /// It stands still for a while.
    Stop,
    /// Its routes carry nothing for a while, and nobody is told.
    Stall,
    /// Its routes are cut, whatever they carry.
    Cut,
    /// Its routes are slow.
    Delay,
    /// Few bytes at a time pass.
    Throttle,
}

impl Fault {
    /// All of them, by the names of the command line.
    pub(crate) const ALL: [(&'static str, Self); 7] = [
        ("kill", Self::Kill),
        ("restart", Self::Restart),
        ("stop", Self::Stop),
        ("stall", Self::Stall),
        ("cut", Self::Cut),
        ("delay", Self::Delay),
        ("throttle", Self::Throttle),
    ];
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) rounds: usize,
}

struct Actor {
    node: Option<Node>,
    proxy: Proxy,
    place: Place,
    kind: Kind,
}

/// Does what the plan says. The error tells what went wrong; `Ok(false)` is for a binary that is not there.
pub(crate) fn play(plan: &Plan) -> Result<bool, String> {
    let mut random = Random::new(plan.seed);
    let mut actors: Vec<Actor> = Vec::new();
    for (number, kind) in plan.kinds.iter().enumerate() {
        let routes: Vec<_> = actors.iter().map(|actor| actor.proxy.address()).collect();
        let proxy = Proxy::new();
        let Some(node) = start(*kind, number, &proxy, &routes) else { return Ok(false) };
        let place = Arc::new(Mutex::new(node.process.address()));
        actors.push(Actor { node: Some(node), proxy, place, kind: *kind });
    }
    let workload = Workload::default();
    actors.iter().enumerate().for_each(|(number, actor)| workload.start(number, &actor.place));
    heal(&workload, actors.len(), "the start")?;
    let open_before: Vec<_> = actors.iter().map(descriptors).collect();
    for round in 0..plan.rounds {
        let victim = random.below(actors.len());
        let fault = plan.faults[random.below(plan.faults.len())];
        let time = Duration::from_millis(100 + random.below(600) as u64);
        eprintln!("round {round}: {fault:?} on server {victim} for {time:?}");
        strike(&mut actors, victim, fault, time);
        heal(&workload, actors.len(), &format!("{fault:?} on server {victim}"))?;
    }
    for (number, (actor, before)) in actors.iter().zip(open_before).enumerate() {
        let deadline = Instant::now() + HEALING;
        while descriptors(actor) > before + 4 {
            if Instant::now() > deadline {
                let now = descriptors(actor);
                return Err(format!("server {number} has {now} open descriptors, {before} before"));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    workload.end();
    let panics = actors.iter().filter_map(|actor| actor.node.as_ref()).flat_map(|node| node.process.log());
    match panics.into_iter().find(|line| line.contains("panicked")) {
        Some(line) => Err(line),
        None => Ok(true),
    }
}

fn start(kind: Kind, number: usize, proxy: &Proxy, routes: &[std::net::SocketAddr]) -> Option<Node> {
    let config = ClusterConfig {
        // Whoever hears of the server reaches it through its proxy.
        cluster: format!("advertise: \"{}\"\nping_interval: \"300ms\"\nping_max: 2", proxy.address()),
        server: "accounts { A { users [{user: a, password: a}] }, B { users [{user: b, password: b}] } }".to_owned(),
        ..ClusterConfig::default()
    };
    let node = Node::start(kind, &format!("n{number}"), "faults", routes, &config)?;
    proxy.lead_to(node.route);
    Some(node)
}

fn strike(actors: &mut [Actor], victim: usize, fault: Fault, time: Duration) {
    let others: Vec<_> = actors.iter().map(|actor| actor.proxy.address()).collect();
    let actor = &mut actors[victim];
    let pause = |disturbance| {
        actor.proxy.disturb(disturbance);
        std::thread::sleep(time);
        actor.proxy.disturb(Disturbance::None);
    };
    match fault {
        Fault::Stall => pause(Disturbance::Stall),
        Fault::Cut => pause(Disturbance::Cut),
        Fault::Delay => pause(Disturbance::Delay(Duration::from_millis(20))),
        Fault::Throttle => pause(Disturbance::Throttle),
        Fault::Stop => {
            let Some(node) = &actor.node else { return };
            node.process.signal(Signal::SIGSTOP);
            std::thread::sleep(time);
            node.process.signal(Signal::SIGCONT);
        }
        Fault::Kill | Fault::Restart => {
            if let Some(node) = actor.node.take().filter(|_| fault == Fault::Restart) {
                node.process.stop();
            }
            std::thread::sleep(time);
            let routes: Vec<_> = others.iter().filter(|other| **other != actor.proxy.address()).copied().collect();
            actor.node = start(actor.kind, victim, &actor.proxy, &routes);
            if let Some(node) = &actor.node {
                *actor.place.lock().expect("no panic") = node.process.address();
            }
        }
    }
}

/// Waits until messages go from everybody to everybody again.
fn heal(workload: &Workload, nodes: usize, after: &str) -> Result<(), String> {
    let marks = workload.marks();
    let deadline = Instant::now() + HEALING;
    loop {
        let silent = workload.silent(&marks, nodes);
        if let Some(fault) = workload.faults().first() {
            return Err(format!("after {after}: {fault}"));
        }
        if silent.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("after {after}: nothing arrives between (subscriber, publisher) {silent:?}"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn descriptors(actor: &Actor) -> usize {
    let pid = actor.node.as_ref().map_or(0, |node| node.process.pid());
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// The same numbers for the same seed.
struct Random(TestRunner);

impl Random {
    fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self(TestRunner::new_with_rng(Config::default(), random))
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0.rng().random_range(0..limit.max(1))
    }
}
