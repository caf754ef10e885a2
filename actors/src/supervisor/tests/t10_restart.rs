use std::sync::{Arc, Mutex, mpsc};

use super::cast::*;
use crate::supervisor::*;

#[test]
fn policy_decides_who_comes_back() {
    let table = [
        (RestartPolicy::Always, "panic", true),
        (RestartPolicy::Always, "stop", true),
        (RestartPolicy::OnFailure, "panic", true),
        (RestartPolicy::OnFailure, "stop", false),
        (RestartPolicy::Never, "panic", false),
        (RestartPolicy::Never, "stop", false),
    ];
    for (policy, end, comes_back) in table {
        on_stage(async |stage: Stage| {
            let journal = Journal::default();
            let player = stage.handle.supervise(Player::spec("player", &journal).policy(policy)).await.unwrap();
            let _ = player.ask(if end == "panic" { Act::Panic } else { Act::Stop }).await;
            if comes_back {
                assert_eq!(answer_from_epoch(&player, 2).await.epoch, 2, "{policy:?} after {end}");
                assert_eq!(stage.child("player").num_restarts, 1);
                return;
            }
            let state = if end == "panic" { ChildState::Failed } else { ChildState::Stopped };
            until("ended for good", || stage.child("player").state == state).await;
            assert_eq!(stage.child("player").num_restarts, 0);
            assert!(player.current().is_none());
        });
    }
}

#[test]
fn board_shows_cause_of_a_restart() {
    on_stage(async |stage: Stage| {
        let player = stage.handle.supervise(Player::spec("player", &Journal::default())).await.unwrap();
        let _ = player.ask(Act::Panic).await;
        answer_from_epoch(&player, 2).await;
        until("running", || stage.child("player").state == ChildState::Running).await;
        let status = stage.child("player");
        let ExitCause::Panicked(note) = &status.restarts[0].cause else { panic!("{status:?}") };
        assert_eq!(&*note.message, "forgot the line");
        assert!(note.location.contains("cast.rs:"), "{}", note.location);
        assert_eq!(status.restarts[0].epoch.get(), 1);
        assert_eq!(status.epoch.get(), 2);
    });
}

#[test]
fn callers_follow_the_address_and_learn_the_three_kinds_of_failure() {
    on_stage(async |stage: Stage| {
        let (open, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let journal = Journal::default();
        let spec = ChildSpec::new("player", move |child: ChildContext| {
            if child.epoch().get() > 1 {
                let _ = gate.lock().unwrap().recv();
            }
            Player::new(child, &journal)
        });
        let mut player = stage.handle.supervise(spec).await.unwrap();
        let first = player.current().unwrap();
        assert_eq!(player.ask(Act::Refuse).await, Err(AskError::Refused("not today")));
        assert_eq!(player.ask(Act::Panic).await, Err(AskError::DiedWhileHandling));

        until("address withdrawn", || player.current().is_none()).await;
        assert_eq!(player.ask(Act::Answer).await, Err(AskError::NotDelivered(NotDelivered::NotRunning)));
        let undelivered = player.tell(Act::Answer).unwrap_err();
        assert_eq!(undelivered.reason, NotDelivered::NotRunning);
        assert!(matches!(undelivered.message, Act::Answer), "the message comes back");

        open.send(()).unwrap();
        let second = player.running().await.unwrap();
        assert_ne!(first, second);
        assert_eq!(player.epoch().get(), 2);
        assert_eq!(player.ask(Act::Answer).await.unwrap().epoch, 2);
    });
}

#[test]
fn full_mailbox_is_reported_and_hands_the_message_back() {
    on_stage(async |stage: Stage| {
        let spec = Player::spec("player", &Journal::default()).mailbox_capacity(1);
        let player = stage.handle.supervise(spec).await.unwrap();
        let (release, blocked) = mpsc::channel();
        player.tell(Act::Block(blocked)).unwrap();
        let refused = (0..100).find_map(|_| player.tell(Act::Answer).err()).expect("the mailbox has a limit");
        assert_eq!(refused.reason, NotDelivered::Full);
        release.send(()).unwrap();
        assert!(player.ask(Act::Answer).await.is_ok());
    });
}

#[test]
fn second_panic_while_stopping_is_contained() {
    on_stage(async |stage: Stage| {
        let journal = Journal::default();
        let spec = ChildSpec::new("player", move |child: ChildContext| Player {
            panics_in_stopped: child.epoch().get() == 1,
            ..Player::new(child, &journal)
        });
        let player = stage.handle.supervise(spec).await.unwrap();
        let _ = player.ask(Act::Panic).await;
        answer_from_epoch(&player, 2).await;
        let cause = stage.child("player").restarts[0].cause.to_string();
        assert!(cause.contains("forgot the line") && cause.contains("stumbled on the way out"), "{cause}");
    });
}

#[test]
fn names_are_unique_and_free_again_after_a_stop() {
    on_stage(async |stage: Stage| {
        let journal = Journal::default();
        stage.handle.supervise(Player::spec("stream", &journal).id("A")).await.unwrap();
        let again = stage.handle.supervise(Player::spec("stream", &journal).id("A")).await;
        assert_eq!(again.unwrap_err(), StartError::AlreadySupervised("stream:A".into()));
        stage.handle.supervise(Player::spec("stream", &journal).id("B")).await.unwrap();

        assert_eq!(stage.handle.stop_child("stream:A", LONG).await, StopOutcome::Stopped);
        assert!(stage.handle.board().child("stream:A").is_none());
        assert_eq!(stage.handle.stop_child("stream:A", LONG).await, StopOutcome::Unknown);
        stage.handle.supervise(Player::spec("stream", &journal).id("A")).await.unwrap();
        assert_eq!(stage.handle.board().snapshot().children.len(), 2);
    });
}
