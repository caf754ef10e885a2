use std::sync::{Mutex, mpsc};
use std::time::Duration;

use super::cast::*;
use crate::supervisor::*;

const SOON: Option<Duration> = Some(Duration::from_millis(300));

#[test]
fn a_stuck_actor_is_replaced_and_its_former_self_fenced() {
    on_stage(async |stage: Stage| {
        let journal = Journal::default();
        let player = stage.handle.supervise(Player::spec("player", &journal).stall_after(SOON)).await.unwrap();
        let first = answer_from_epoch(&player, 1).await;
        let (release, blocked) = mpsc::channel();
        // The caller of the stuck handler must not hang with it.
        assert_eq!(player.ask(Act::Block(blocked)).await, Err(AskError::DiedWhileHandling));

        let second = answer_from_epoch(&player, 2).await;
        assert_ne!(first.thread, second.thread, "the replacement needs a thread of its own");
        let status = stage.child("player");
        assert_eq!((status.num_stalls, status.num_restarts), (1, 1));
        assert!(matches!(status.restarts[0].cause, ExitCause::Stalled(_)));

        release.send(()).unwrap();
        until("the former self has died", || journal.lines().contains(&"player 1 stopped".to_owned())).await;
        assert!(journal.lines().contains(&"player 1 current: false".to_owned()), "{:?}", journal.lines());
        assert_eq!(answer_from_epoch(&player, 2).await.epoch, 2, "its end does not touch the replacement");
        assert_eq!(stage.child("player").num_restarts, 1);
    });
}

#[test]
fn an_actor_stuck_in_its_start_is_replaced_and_publishes_nothing_afterwards() {
    on_stage(async |stage: Stage| {
        let journal = Journal::default();
        let (release, blocked) = mpsc::channel();
        let blocked_opt = Mutex::new(Some(blocked));
        let made = journal.clone();
        let spec = ChildSpec::new("player", move |child| Player {
            blocks_start_opt: blocked_opt.lock().unwrap().take(),
            ..Player::new(child, &made)
        });
        let player = stage.handle.supervise(spec.stall_after(SOON)).await.unwrap();
        assert_eq!(player.epoch().get(), 2);
        release.send(()).unwrap();
        until("the former self has died", || journal.lines().contains(&"player 1 stopped".to_owned())).await;
        assert_eq!(player.ask(Act::Answer).await.unwrap().epoch, 2);
        assert_eq!(stage.child("player").num_restarts, 1);
    });
}

#[test]
fn an_idle_actor_answers_pings_and_is_left_alone() {
    on_stage(async |stage: Stage| {
        let spec = Player::spec("player", &Journal::default()).stall_after(SOON);
        let player = stage.handle.supervise(spec).await.unwrap();
        let before = stage.child("player").progress;
        until("a hundred pings", || stage.child("player").progress >= before + 100).await;
        assert_eq!(answer_from_epoch(&player, 1).await.epoch, 1);
        assert_eq!(stage.child("player").num_stalls, 0);
    });
}

#[test]
fn a_stuck_actor_on_a_shared_arbiter_is_reported_until_it_recovers() {
    on_stage(async |stage: Stage| {
        let slot = stage.handle.start_arbiter("shared").unwrap();
        let spec = Player::spec("player", &Journal::default()).on(slot).stall_after(SOON);
        let player = stage.handle.supervise(spec).await.unwrap();
        let (release, blocked) = mpsc::channel();
        player.tell(Act::Block(blocked)).unwrap();
        until("reported", || stage.child("player").state == ChildState::Stalled).await;
        release.send(()).unwrap();
        until("recovered", || stage.child("player").state == ChildState::Running).await;
        assert_eq!(stage.child("player").num_restarts, 0);
        assert_eq!(answer_from_epoch(&player, 1).await.epoch, 1);
    });
}
