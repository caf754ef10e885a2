use std::sync::mpsc;
use std::time::Duration;

use super::cast::*;
use crate::supervisor::*;

#[test]
fn actors_start_in_order_and_stop_in_reverse() {
    on_stage(async |stage: Stage| {
        let journal = Journal::default();
        for kind in ["router", "accounts", "listener"] {
            stage.handle.supervise(Player::spec(kind, &journal)).await.unwrap();
        }
        let report = stage.handle.shutdown(LONG).await;
        assert!(report.is_clean(), "{report:?}");
        let expected = [
            "router 1 started",
            "accounts 1 started",
            "listener 1 started",
            "listener 1 stopped",
            "accounts 1 stopped",
            "router 1 stopped",
        ];
        assert_eq!(journal.lines(), expected);
        let states: Vec<_> = stage.handle.board().snapshot().children.iter().map(|child| child.state).collect();
        assert_eq!(states, [ChildState::Stopped; 3]);
    });
}

#[test]
fn an_actor_that_ignores_the_order_is_killed_and_a_stuck_one_left_behind() {
    on_stage(async |stage: Stage| {
        let journal = Journal::default();
        let slot = stage.handle.start_arbiter("shared").unwrap();
        let deaf = {
            let journal = journal.clone();
            ChildSpec::new("deaf", move |child| Player { obeys_stop: false, ..Player::new(child, &journal) }).on(slot)
        };
        stage.handle.supervise(deaf).await.unwrap();
        let stuck = stage.handle.supervise(Player::spec("stuck", &journal).stall_after(None)).await.unwrap();
        let (release, blocked) = mpsc::channel();
        stuck.tell(Act::Block(blocked)).unwrap();
        until("stuck", || journal.lines().contains(&"stuck 1 blocked".to_owned())).await;

        let report = stage.handle.shutdown(Duration::from_millis(20)).await;
        let expected = [("stuck".to_owned(), StopOutcome::Abandoned), ("deaf".to_owned(), StopOutcome::Killed)];
        assert_eq!(report.actors, expected);
        release.send(()).unwrap();
        until("the stuck actor is gone", || journal.lines().contains(&"stuck 1 stopped".to_owned())).await;
        assert!(journal.lines().contains(&"stuck 1 current: false".to_owned()), "{:?}", journal.lines());
    });
}

#[test]
fn nothing_starts_or_restarts_once_the_shutdown_has_begun() {
    on_stage(async |stage: Stage| {
        let journal = Journal::default();
        stage.handle.supervise(Player::spec("router", &journal)).await.unwrap();
        let first = stage.handle.supervise(Player::spec("listener", &journal)).await.unwrap();
        let address = first.current().unwrap();
        // `Addr::send` queues at once: it has to wait until the shutdown is on its way.
        let panic = async { address.send(Act::Panic).await };
        let (report, _) = futures_util::future::join(stage.handle.shutdown(LONG), panic).await;
        assert_eq!(report.actors.len(), 2);
        let late = stage.handle.supervise(Player::spec("late", &journal)).await;
        assert_eq!(late.unwrap_err(), StartError::NotAccepting);
        assert!(!journal.lines().iter().any(|line| line.contains(" 2 ")), "{:?}", journal.lines());
    });
}
