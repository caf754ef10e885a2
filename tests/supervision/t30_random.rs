//! Random sequences of SUB, UNSUB and PUB with Router failures in between, against a simple model of who must get what.

use std::collections::BTreeMap;

use proptest::prelude::*;
use troupe_actors::supervisor::{Fault, Injection};
use troupe_tests::RawClient;
use troupe_tests::in_process::InProcess;

use crate::received::{publish, received};

const NUM_CLIENTS: usize = 4;
/// Failures of one server, under the limit of its intensity window.
const MAX_PANICS: usize = 4;
const PATTERNS: [&str; 6] = ["a.b", "a.c", "a.*", "*.b", "a.>", ">"];
const SUBJECTS: [&str; 4] = ["a.b", "a.c", "d.b", "a.b.c"];
const POINTS: [&str; 4] = ["before-apply", "mid-apply", "before-publish", "after-publish"];

#[derive(Clone, Debug)]
enum Step {
    /// With or without a queue group; `waits` for the PONG or not.
    Subscribe {
        client: usize,
        pattern: usize,
        in_group: bool,
        waits: bool,
    },
    /// Ends one of the client's open subscriptions.
    Unsubscribe {
        client: usize,
        nth: usize,
        waits: bool,
    },
    Publish {
        client: usize,
        subject: usize,
    },
    /// The Router panics at the n-th pass of a point.
    Panic {
        point: usize,
        nth: u32,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = || 0..NUM_CLIENTS;
    let step = prop_oneof![
        4 => (client(), 0..PATTERNS.len(), prop::bool::weighted(0.3), prop::bool::weighted(0.7))
            .prop_map(|(client, pattern, in_group, waits)| Step::Subscribe { client, pattern, in_group, waits }),
        2 => (client(), 0..8_usize, prop::bool::weighted(0.7))
            .prop_map(|(client, nth, waits)| Step::Unsubscribe { client, nth, waits }),
        5 => (client(), 0..SUBJECTS.len()).prop_map(|(client, subject)| Step::Publish { client, subject }),
        2 => (0..POINTS.len(), 1..4_u32).prop_map(|(point, nth)| Step::Panic { point, nth }),
    ];
    prop::collection::vec(step, 5..60)
}

/// What the model knows of one subscription.
#[derive(Clone, Debug)]
struct Modelled {
    client: usize,
    pattern: &'static str,
    in_group: bool,
    /// The client has seen the PONG behind its SUB.
    is_confirmed: bool,
    is_ending: bool,
    is_over: bool,
}

/// Who must and who may get one message, by number of the subscription.
#[derive(Debug)]
struct Expected {
    must: Vec<usize>,
    may: Vec<usize>,
    group_must: Vec<usize>,
    group_may: Vec<usize>,
}

struct Play {
    server: InProcess,
    clients: Vec<RawClient>,
    subscriptions: Vec<Modelled>,
    expected: Vec<Expected>,
    num_panics: usize,
}

impl Play {
    fn new() -> Self {
        let server = InProcess::start();
        let clients = (0..NUM_CLIENTS).map(|_| server.join()).collect();
        Self { server, clients, subscriptions: Vec::new(), expected: Vec::new(), num_panics: 0 }
    }

    /// Sends bytes, and waits for a PONG where wanted: from then on the model is certain about this client.
    fn say(&mut self, client: usize, bytes: String, waits: bool) {
        if !waits {
            return self.clients[client].send(bytes);
        }
        self.clients[client].flush(bytes);
        for subscription in self.subscriptions.iter_mut().filter(|subscription| subscription.client == client) {
            subscription.is_confirmed = true;
            subscription.is_over = subscription.is_ending;
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Subscribe { client, pattern, in_group, waits } => {
                let (sid, pattern) = (self.subscriptions.len(), PATTERNS[pattern]);
                let (is_confirmed, is_ending, is_over) = (false, false, false);
                self.subscriptions.push(Modelled { client, pattern, in_group, is_confirmed, is_ending, is_over });
                let group = if in_group { "group " } else { "" };
                self.say(client, format!("SUB {pattern} {group}{sid}\r\n"), waits);
            }
            Step::Unsubscribe { client, nth, waits } => {
                let open =
                    |modelled: &&mut (usize, &mut Modelled)| modelled.1.client == client && !modelled.1.is_ending;
                let mut numbered: Vec<_> = self.subscriptions.iter_mut().enumerate().collect();
                let Some((sid, subscription)) = numbered.iter_mut().filter(open).nth(nth) else { return };
                subscription.is_ending = true;
                let line = format!("UNSUB {sid}\r\n");
                self.say(client, line, waits);
            }
            Step::Publish { client, subject } => self.publish(client, SUBJECTS[subject]),
            Step::Panic { point, nth } if self.num_panics < MAX_PANICS => {
                self.num_panics += 1;
                let target = format!("router:{}", POINTS[point]);
                self.server.faults().inject(Injection::new(&target, Fault::Panic).at_checkpoint(nth));
            }
            Step::Panic { .. } => {}
        }
    }

    /// The publisher's own changes are in force before its message: one connection's operations keep their order.
    fn publish(&mut self, client: usize, subject: &'static str) {
        let number = self.expected.len();
        let mut expected = Expected { must: vec![], may: vec![], group_must: vec![], group_may: vec![] };
        let matching = self.subscriptions.iter().enumerate();
        for (sid, subscription) in matching.filter(|(_, one)| !one.is_over && matches(one.pattern, subject)) {
            let is_own = subscription.client == client;
            let is_certain = (subscription.is_confirmed || is_own) && !subscription.is_ending;
            if is_own && subscription.is_ending {
                continue;
            }
            match (subscription.in_group, is_certain) {
                (false, true) => expected.must.push(sid),
                (false, false) => expected.may.push(sid),
                (true, true) => expected.group_must.push(sid),
                (true, false) => expected.group_may.push(sid),
            }
        }
        self.expected.push(expected);
        self.say(client, publish(subject, &number.to_string()), true);
    }

    fn judge(mut self) {
        (0..NUM_CLIENTS).for_each(|client| self.say(client, String::new(), true));
        let mut got: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (number, client) in self.clients.iter().enumerate() {
            for message in received(client) {
                let sid: usize = message.sid.parse().expect("a number");
                assert_eq!(self.subscriptions[sid].client, number, "{sid} belongs to another connection");
                got.entry(message.payload.parse().expect("a number")).or_default().push(sid);
            }
        }
        for (number, expected) in self.expected.iter().enumerate() {
            let mut sids = got.remove(&number).unwrap_or_default();
            sids.sort_unstable();
            let plain: Vec<usize> = sids.iter().copied().filter(|sid| !self.subscriptions[*sid].in_group).collect();
            assert!(plain.windows(2).all(|pair| pair[0] < pair[1]), "message {number} twice: {plain:?}");
            assert!(
                expected.must.iter().all(|sid| plain.contains(sid)),
                "message {number}: {expected:?}, got {plain:?}"
            );
            let is_allowed = |sid: &usize| expected.must.contains(sid) || expected.may.contains(sid);
            assert!(plain.iter().all(is_allowed), "message {number}: {expected:?}, got {plain:?}");
            self.judge_group(number, expected, &sids);
        }
        assert!(got.is_empty(), "messages never sent: {got:?}");
        assert_eq!(self.server.client_actors().num_panicked, 0);
        let num_open = self.subscriptions.iter().filter(|subscription| !subscription.is_over).count();
        assert_eq!(self.server.num_indexed(), num_open, "subscriptions in the index");
        assert_eq!(self.server.account().num_subscriptions(), num_open as u64);
    }

    /// The group has one name, so its members on all matching patterns share each message: one of them gets it.
    fn judge_group(&self, number: usize, expected: &Expected, sids: &[usize]) {
        let got: Vec<usize> = sids.iter().copied().filter(|sid| self.subscriptions[*sid].in_group).collect();
        assert!(got.len() <= 1, "message {number}: {got:?} of one group");
        let is_certain = !expected.group_must.is_empty();
        assert!(!is_certain || got.len() == 1, "message {number}: nobody of the group in {expected:?}");
        let is_allowed = |sid: &usize| expected.group_must.contains(sid) || expected.group_may.contains(sid);
        assert!(got.iter().all(is_allowed), "message {number}: {got:?} of {expected:?}");
    }
}

/// An obvious matcher.
fn matches(pattern: &str, subject: &str) -> bool {
    let (pattern, subject): (Vec<&str>, Vec<&str>) = (pattern.split('.').collect(), subject.split('.').collect());
    for (number, token) in pattern.iter().enumerate() {
        match (*token, subject.get(number)) {
            (">", Some(_)) => return true,
            (_, None) => return false,
            ("*", Some(_)) => {}
            (token, Some(other)) if token == *other => {}
            _ => return false,
        }
    }
    pattern.len() == subject.len()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn failures_of_the_router_change_nothing_for_clients(steps in steps()) {
        let mut play = Play::new();
        steps.iter().for_each(|step| play.step(step));
        play.judge();
    }
}
