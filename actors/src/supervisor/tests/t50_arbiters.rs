use super::cast::*;
use crate::supervisor::*;

#[test]
fn siblings_on_the_same_arbiter_survive_a_panic() {
    on_stage(async |stage: Stage| {
        let journal = Journal::default();
        let slot = stage.handle.start_arbiter("shared").unwrap();
        let one = stage.handle.supervise(Player::spec("one", &journal).on(slot.clone())).await.unwrap();
        let other = stage.handle.supervise(Player::spec("other", &journal).on(slot)).await.unwrap();
        let before = answer_from_epoch(&other, 1).await;
        let _ = one.ask(Act::Panic).await;
        let restarted = answer_from_epoch(&one, 2).await;
        assert_eq!(restarted.thread, before.thread);
        assert_eq!(answer_from_epoch(&other, 1).await, before);
    });
}

#[test]
fn actors_move_to_a_new_thread_when_theirs_ends() {
    on_stage(async |stage: Stage| {
        let journal = Journal::default();
        let slot = stage.handle.start_arbiter("shared").unwrap();
        let one = stage.handle.supervise(Player::spec("one", &journal).on(slot.clone())).await.unwrap();
        let other = stage.handle.supervise(Player::spec("other", &journal).on(slot.clone())).await.unwrap();
        let own = stage.handle.supervise(Player::spec("own", &journal)).await.unwrap();
        let before = answer_from_epoch(&one, 1).await;
        let own_before = answer_from_epoch(&own, 1).await;

        let _ = one.ask(Act::EndArbiter).await;
        let after = answer_from_epoch(&one, 2).await;
        assert_ne!(before.thread, after.thread);
        assert_eq!(answer_from_epoch(&other, 2).await.thread, after.thread);
        until("replaced once", || slot.generation() == 2 && slot.is_alive()).await;
        assert_eq!(stage.child("one").restarts[0].cause, ExitCause::Killed);

        let _ = own.ask(Act::EndArbiter).await;
        assert_ne!(answer_from_epoch(&own, 2).await.thread, own_before.thread);
    });
}

#[test]
fn an_arbiter_without_supervised_actors_is_replaced_too() {
    on_stage(async |stage: Stage| {
        let slot = stage.handle.start_arbiter("connections").unwrap();
        slot.handle().stop();
        until("replaced", || slot.generation() == 2).await;
        assert!(slot.is_alive());
    });
}

#[test]
fn an_arbiter_that_keeps_ending_makes_the_supervisor_give_up() {
    on_stage(async |mut stage: Stage| {
        let slot = stage.handle.start_arbiter("connections").unwrap();
        for generation in 1..=6 {
            until("replaced", || slot.generation() == generation).await;
            slot.handle().stop();
        }
        let verdict = stage.verdicts.next().await;
        assert_eq!(verdict, SupervisorVerdict::GiveUp { child: "connections".into(), cause: ExitCause::Killed });
        let expected = ArbiterStatus { name: "connections".into(), generation: 6, is_stalled: false };
        assert_eq!(stage.handle.board().snapshot().arbiters, [expected]);
    });
}
