use actix::{Actor, ActorContext, Addr, AsyncContext, Context, Handler, Message};

use super::cast::*;
use crate::supervisor::*;

struct Connection {
    panics_in_stopped: bool,
    _guard_opt: Option<ConnectionGuard>,
}

impl Actor for Connection {
    type Context = Context<Self>;

    fn stopped(&mut self, _: &mut Self::Context) {
        assert!(!self.panics_in_stopped, "broken twice");
    }
}

enum Input {
    Garbage,
    Quit,
}

impl Message for Input {
    type Result = ();
}

impl Handler<Input> for Connection {
    type Result = ();

    fn handle(&mut self, input: Input, ctx: &mut Self::Context) {
        match input {
            Input::Garbage => panic!("index out of bounds"),
            Input::Quit => ctx.stop(),
        }
    }
}

fn connect(group: &ConnectionGroup, number: u64, panics_in_stopped: bool) -> Addr<Connection> {
    group.start(number, |ctx| {
        // A connection lives as long as somebody can reach it; this keeps it open.
        ctx.spawn(actix::fut::wrap_future(std::future::pending::<()>()));
        Connection { panics_in_stopped, _guard_opt: None }
    })
}

#[test]
fn a_panicking_connection_ends_alone_and_is_counted() {
    let log = LogReader::default();
    let _guard = log.install();
    on_stage(async |stage: Stage| {
        let group = stage.handle.connection_group("client");
        let connections: Vec<_> = (0..10).map(|number| connect(&group, number, number == 1)).collect();
        for number in [0, 1, 2] {
            assert!(connections[number].send(Input::Garbage).await.is_err());
        }
        for number in [3, 4] {
            connections[number].do_send(Input::Quit);
        }
        let expected = GroupStatus { kind: "client", num_started: 10, num_stopped: 2, num_panicked: 3 };
        until("counted", || stage.handle.board().group("client") == Some(expected)).await;
        assert_eq!(expected.num_alive(), 5);
        assert!(connections[5..].iter().all(Addr::connected));
        assert_eq!(stage.handle.board().snapshot().groups, [expected]);
        until("logged", || log.lines_with(tracing::Level::ERROR, "index out of bounds") == 3).await;
        assert_eq!(log.lines_with(tracing::Level::ERROR, "connection=1 cause=panic"), 1);
    });
}

#[test]
fn a_guard_kept_as_a_field_counts_the_same() {
    on_stage(async |stage: Stage| {
        let group = stage.handle.connection_group("client");
        let start = |number| Connection { panics_in_stopped: false, _guard_opt: Some(group.guard(number)) }.start();
        let (panics, quits, lives) = (start(1), start(2), start(3));
        assert!(panics.send(Input::Garbage).await.is_err());
        quits.do_send(Input::Quit);
        let expected = GroupStatus { kind: "client", num_started: 3, num_stopped: 1, num_panicked: 1 };
        until("counted", || stage.handle.board().group("client") == Some(expected)).await;
        assert!(lives.connected());
    });
}

#[test]
fn a_flood_of_panics_does_not_flood_the_log() {
    let log = LogReader::default();
    let _guard = log.install();
    on_stage(async |stage: Stage| {
        let group = stage.handle.connection_group("client");
        for number in 0..50 {
            let _ = connect(&group, number, false).send(Input::Garbage).await;
        }
        until("counted", || stage.handle.board().group("client").is_some_and(|group| group.num_panicked == 50)).await;
        // A round trip behind the last report: the supervisor has seen them all.
        stage.handle.stop_child("nobody", LONG).await;
        stage.handle.supervise(Player::spec("player", &Journal::default())).await.unwrap();
    });
    let lines = log.lines_with(tracing::Level::ERROR, "connection closed by a panic");
    assert_eq!(lines, 10);
}
