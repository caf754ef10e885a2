//! Servers, what befalls them, and whether they recover.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use proptest::prelude::RngExt;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use troupe_tests::cluster::{ClusterConfig, Kind, Node};
use troupe_tests::process::troupe_binary;
use troupe_tests::proxy::Disturbance;

use super::holding::{as_before, when_complete};
use super::network::{Network, Wiring};
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
    /// What it sends to one other server vanishes.
    OneWay,
    /// What it and all the others send each other vanishes.
    Blackhole,
    /// Each server reaches its two neighbours on a ring only.
    Ring,
    /// Actors of it panic. A server that is not ours is restarted.
    Panic,
}

/// Where actors of a server panic, as `TROUPE_FAULTS` has it.
const PANICS: [&str; 5] = [
    "router:mid-apply=panic@3",
    "router:after-publish=panic@2",
    "routes:event=panic@2",
    "route:mid-batch=panic@20",
    "listener:accepted=panic@2",
];

impl Fault {
    /// All of them, by the names of the command line.
    pub(crate) const ALL: [(&'static str, Self); 11] = [
        ("kill", Self::Kill),
        ("restart", Self::Restart),
        ("stop", Self::Stop),
        ("stall", Self::Stall),
        ("cut", Self::Cut),
        ("delay", Self::Delay),
        ("throttle", Self::Throttle),
        ("one-way", Self::OneWay),
        ("blackhole", Self::Blackhole),
        ("ring", Self::Ring),
        ("panic", Self::Panic),
    ];

    /// Whether it can happen in a network.
    fn fits(self, wiring: Wiring) -> bool {
        match self {
            Self::Kill | Self::Restart | Self::Stop | Self::Panic => true,
            Self::Stall | Self::Cut | Self::Delay | Self::Throttle => wiring == Wiring::Proxies,
            Self::OneWay | Self::Blackhole | Self::Ring => wiring == Wiring::Namespaces,
        }
    }
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) faults: Vec<Fault>,
    pub(crate) rounds: usize,
    pub(crate) wiring: Wiring,
    /// How long each fault lasts; by chance where it is not said.
    pub(crate) time: Option<Duration>,
    /// Lines of every server's configuration.
    pub(crate) config: String,
    /// Lines of every server's `cluster` block.
    pub(crate) cluster: String,
    /// Numbers of the servers that faults befall; all where there are none.
    pub(crate) victims: Vec<usize>,
    /// Where the logs of the servers go when something is wrong; a temporary directory where it is not said.
    pub(crate) logs: Option<PathBuf>,
}

struct Actor {
    node: Option<Node>,
    place: Place,
    kind: Kind,
    /// Log lines of those that ran before.
    past: Vec<String>,
    /// Actors of it panic.
    is_injected: bool,
}

/// The servers and what connects them.
struct Stage {
    actors: Vec<Actor>,
    network: Network,
    plan: Plan,
}

/// Does what the plan says. The error tells what went wrong, and where the logs are; `Ok(false)` is for a binary that is not there.
pub(crate) fn play(plan: &Plan) -> Result<bool, String> {
    let mut random = Random::new(plan.seed);
    let faults: Vec<Fault> = plan.faults.iter().copied().filter(|fault| fault.fits(plan.wiring)).collect();
    if faults.is_empty() {
        return Err(format!("none of the faults can happen with {:?}", plan.wiring));
    }
    let network = Network::new(plan.wiring, plan.kinds.len());
    let mut stage = Stage { actors: Vec::new(), network, plan: plan.clone() };
    for (number, kind) in plan.kinds.iter().enumerate() {
        let Some(node) = stage.start(*kind, number, None) else { return Ok(false) };
        let place = Arc::new(Mutex::new(node.process.address()));
        stage.actors.push(Actor { node: Some(node), place, kind: *kind, past: Vec::new(), is_injected: false });
    }
    let workload = Workload::of(&plan.kinds);
    stage.actors.iter().enumerate().for_each(|(number, actor)| workload.start(number, &actor.place));
    let outcome = rounds(&mut stage, &workload, &faults, &mut random);
    workload.end();
    outcome.and_then(|()| stage.find_panic()).map(|()| true).map_err(|fault| match stage.keep_logs() {
        Ok(place) => format!("{fault}; the logs are in {}", place.display()),
        Err(cause) => format!("{fault}; the logs cannot be kept: {cause}"),
    })
}

fn rounds(stage: &mut Stage, workload: &Workload, faults: &[Fault], random: &mut Random) -> Result<(), String> {
    let plan = stage.plan.clone();
    let count = stage.actors.len();
    let victims: Vec<_> =
        (0..count).filter(|number| plan.victims.is_empty() || plan.victims.contains(number)).collect();
    heal(workload, count, "the start")?;
    let before = when_complete(&stage.nodes())?;
    for round in 0..plan.rounds {
        let (victim, fault) = (victims[random.below(victims.len())], faults[random.below(faults.len())]);
        let chance = Duration::from_millis(100 + random.below(600) as u64);
        // A black hole is noticed by the pings that are not answered.
        let chance = if fault.fits(Wiring::Proxies) { chance } else { chance * 4 };
        let time = plan.time.unwrap_or(chance);
        eprintln!("round {round}: {fault:?} on server {victim} for {time:?}");
        stage.strike(victim, fault, time, random);
        heal(workload, count, &format!("{fault:?} on server {victim}"))?;
    }
    // Where a panic came from is read out of the program, which takes memory for good.
    let spends: Vec<_> = stage.actors.iter().map(|actor| actor.is_injected).collect();
    as_before(&stage.nodes(), &before, &spends)
}

impl Stage {
    /// Starts a server that leads to all others which were started before.
    fn start(&self, kind: Kind, number: usize, injected: Option<&str>) -> Option<Node> {
        let others = (0..self.actors.len()).filter(|other| *other != number);
        let routes: Vec<_> = others.map(|other| self.network.address(other)).collect();
        let accounts = "accounts { A { users [{user: a, password: a}] }, B { users [{user: b, password: b}] } }";
        let mut config = ClusterConfig {
            cluster: format!("ping_interval: \"300ms\"\nping_max: 2\n{}", self.plan.cluster),
            server: format!("{accounts}\n{}", self.plan.config),
            injected: injected.map(str::to_owned),
            ..ClusterConfig::default()
        };
        self.network.place(number, &mut config);
        let node = Node::start(kind, &format!("n{number}"), "faults", &routes, &config)?;
        self.network.lead_to(number, node.route);
        Some(node)
    }

    fn strike(&mut self, victim: usize, fault: Fault, time: Duration, random: &mut Random) {
        let pause = |disturbance| {
            self.network.disturb(victim, disturbance);
            std::thread::sleep(time);
            self.network.disturb(victim, Disturbance::None);
        };
        let count = self.actors.len();
        let others = (0..count).filter(|other| *other != victim);
        let vanish = |ways: &[(usize, usize)]| self.network.without(ways, victim, || std::thread::sleep(time));
        match fault {
            Fault::Stall => pause(Disturbance::Stall),
            Fault::Cut => pause(Disturbance::Cut),
            Fault::Delay => pause(Disturbance::Delay(Duration::from_millis(20))),
            Fault::Throttle => pause(Disturbance::Throttle),
            Fault::OneWay => vanish(&[(victim, (victim + 1 + random.below(count - 1)) % count)]),
            Fault::Blackhole => {
                vanish(&others.flat_map(|other| [(victim, other), (other, victim)]).collect::<Vec<_>>())
            }
            Fault::Ring => vanish(&beside_ring(count)),
            Fault::Stop => {
                let Some(node) = &self.actors[victim].node else { return };
                node.process.signal(Signal::SIGSTOP);
                std::thread::sleep(time);
                node.process.signal(Signal::SIGCONT);
            }
            Fault::Kill | Fault::Restart => self.restart(victim, fault, time, None),
            Fault::Panic => {
                let is_there = troupe_binary().with_file_name("troupe-with-faults").is_file();
                let injected = PANICS[random.below(PANICS.len())];
                eprintln!("  {}", if is_there { injected } else { "there is no troupe-with-faults: restarted only" });
                self.restart(victim, fault, Duration::ZERO, is_there.then_some(injected));
            }
        }
    }

    /// Ends a server, in order unless it is to be killed, and starts it again after `time`.
    fn restart(&mut self, victim: usize, fault: Fault, time: Duration, injected: Option<&str>) {
        if let Some(node) = self.actors[victim].node.take() {
            self.actors[victim].past.extend(node.process.log());
            if fault != Fault::Kill {
                node.process.stop();
            }
        }
        std::thread::sleep(time);
        let node = self.start(self.actors[victim].kind, victim, injected);
        let actor = &mut self.actors[victim];
        if let Some(node) = &node {
            *actor.place.lock().expect("no panic") = node.process.address();
        }
        actor.node = node;
        actor.is_injected = injected.is_some();
    }

    /// The servers that run.
    fn nodes(&self) -> Vec<&Node> {
        self.actors.iter().filter_map(|actor| actor.node.as_ref()).collect()
    }

    fn find_panic(&self) -> Result<(), String> {
        let mut lines = self.nodes().into_iter().flat_map(|node| node.process.log());
        lines.find(|line| line.contains("panicked")).map_or(Ok(()), Err)
    }

    /// Writes the logs of all servers, one file each.
    fn keep_logs(&self) -> std::io::Result<PathBuf> {
        let name = format!("faults-{}-{}", std::process::id(), self.plan.seed);
        let place = self.plan.logs.clone().unwrap_or_else(std::env::temp_dir).join(name);
        std::fs::create_dir_all(&place)?;
        for (number, actor) in self.actors.iter().enumerate() {
            let now = actor.node.as_ref().map(|node| node.process.log()).unwrap_or_default();
            let lines: Vec<_> = actor.past.iter().chain(&now).map(String::as_str).collect();
            std::fs::write(place.join(format!("n{number}.log")), lines.join("\n"))?;
        }
        Ok(place)
    }
}

/// All ways between servers that are no neighbours on a ring.
fn beside_ring(count: usize) -> Vec<(usize, usize)> {
    let is_near = |from: usize, to: usize| (from + 1) % count == to || (to + 1) % count == from;
    let ways = (0..count).flat_map(|from| (0..count).map(move |to| (from, to)));
    ways.filter(|(from, to)| from != to && !is_near(*from, *to)).collect()
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
