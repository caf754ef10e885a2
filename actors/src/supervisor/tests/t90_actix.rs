//! What plain actix does, as far as the supervisor is built around it. An upgrade that changes one of these shows here.

use std::sync::mpsc;

use actix::prelude::SendError;
use actix::{Actor, ActorContext, Addr, Context, Handler, MailboxError, Message, Supervised, System};

use super::cast::{Journal, until};
use crate::supervisor::install_panic_hook;

struct Plain {
    journal: Journal,
    _field: Witness,
}

/// Notes whether the thread unwinds when it is dropped.
struct Witness(Journal);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.note(format!("dropped, panicking: {}", std::thread::panicking()));
    }
}

impl Plain {
    fn new(journal: &Journal) -> Self {
        Self { journal: journal.clone(), _field: Witness(journal.clone()) }
    }
}

impl Actor for Plain {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.journal.note("started");
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        self.journal.note(format!("stopped, panicking: {}", std::thread::panicking()));
    }
}

impl Supervised for Plain {}

enum Order {
    Panic,
    Stop,
    Nothing,
    Block(mpsc::Receiver<()>),
}

impl Message for Order {
    type Result = ();
}

impl Handler<Order> for Plain {
    type Result = ();

    fn handle(&mut self, order: Order, ctx: &mut Self::Context) {
        match order {
            Order::Panic => panic!("a plain actor panics"),
            Order::Stop => ctx.stop(),
            Order::Nothing => {}
            Order::Block(release) => {
                self.journal.note("blocked");
                let _ = release.recv();
            }
        }
    }
}

fn in_system(test: impl AsyncFnOnce()) {
    install_panic_hook();
    System::new().block_on(test());
}

#[test]
fn a_panic_runs_stopped_and_drops_fields_while_unwinding_and_spares_siblings() {
    in_system(async || {
        let (journal, other) = (Journal::default(), Journal::default());
        let address = Plain::new(&journal).start();
        let sibling = Plain::new(&other).start();
        assert_eq!(address.send(Order::Panic).await, Err(MailboxError::Closed));
        assert_eq!(journal.lines(), ["started", "stopped, panicking: true", "dropped, panicking: true"]);
        assert!(!address.connected());
        assert!(matches!(address.try_send(Order::Nothing), Err(SendError::Closed(_))));
        assert_eq!(sibling.send(Order::Nothing).await, Ok(()));
        assert_eq!(other.lines(), ["started"]);
    });
}

#[test]
fn actix_supervisor_keeps_the_object_after_a_stop_and_does_not_survive_a_panic() {
    in_system(async || {
        let journal = Journal::default();
        let made = journal.clone();
        let address: Addr<Plain> = actix::Supervisor::start(move |_| Plain::new(&made));
        assert_eq!(address.send(Order::Stop).await, Ok(()));
        assert_eq!(address.send(Order::Nothing).await, Ok(()));
        assert!(!journal.lines().iter().any(|line| line.starts_with("dropped")), "the same object goes on");
        assert_eq!(address.send(Order::Panic).await, Err(MailboxError::Closed));
        until("closed for good", || !address.connected()).await;
    });
}

#[test]
fn do_send_knows_no_limit_and_each_clone_has_room_of_its_own() {
    in_system(async || {
        let journal = Journal::default();
        let arbiter = actix::Arbiter::new();
        let started = journal.clone();
        let address = Plain::start_in_arbiter(&arbiter.handle(), move |_: &mut Context<Plain>| Plain::new(&started));
        let (release, blocked) = mpsc::channel();
        address.do_send(Order::Block(blocked));
        until("blocked", || journal.lines().contains(&"blocked".to_owned())).await;
        let accepted = (0..1_000).take_while(|_| address.try_send(Order::Nothing).is_ok()).count();
        assert!(accepted < 50, "one address is bounded: {accepted}");
        let clones: Vec<_> = (0..1_000).map(|_| address.clone()).collect();
        assert!(clones.iter().all(|clone| clone.try_send(Order::Nothing).is_ok()), "a clone per message is not");
        (0..1_000).for_each(|_| address.do_send(Order::Nothing));
        release.send(()).unwrap();
        assert_eq!(address.clone().send(Order::Nothing).await, Ok(()));
        arbiter.stop();
    });
}
