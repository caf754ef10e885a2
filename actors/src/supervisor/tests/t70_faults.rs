use super::cast::*;
use crate::supervisor::*;

#[test]
fn an_injected_panic_strikes_at_the_nth_checkpoint() {
    on_stage(async |stage: Stage| {
        let player = stage.handle.supervise(Player::spec("player", &Journal::default())).await.unwrap();
        let faults = stage.handle.faults().registry();
        let fault = faults.inject(Injection::new("player", Fault::Panic).at_checkpoint(3));
        assert_eq!(player.ask(Act::Answer).await.unwrap().epoch, 1);
        assert_eq!(player.ask(Act::Answer).await.unwrap().epoch, 1);
        assert_eq!(player.ask(Act::Answer).await, Err(AskError::DiedWhileHandling));
        assert_eq!(fault.num_strikes(), 1);
        assert_eq!(answer_from_epoch(&player, 2).await.epoch, 2);
    });
}

#[test]
fn idle_actors_can_be_struck_when_they_are_pinged() {
    on_stage(async |stage: Stage| {
        let player = stage.handle.supervise(Player::spec("stream", &Journal::default()).id("A")).await.unwrap();
        let faults = stage.handle.faults().registry();
        let mut stop = faults.inject(Injection::new("stream:A:ping", Fault::Stop));
        assert!(stop.wait_for_strikes(1).await);
        answer_from_epoch(&player, 2).await;
        assert_eq!(stage.child("stream:A").restarts[0].cause, ExitCause::Stopped);
        let mut panic = faults.inject(Injection::new("stream:ping", Fault::Panic));
        assert!(panic.wait_for_strikes(1).await);
        answer_from_epoch(&player, 3).await;
    });
}

#[test]
fn an_injected_stall_gets_the_actor_replaced() {
    on_stage(async |stage: Stage| {
        let spec = Player::spec("player", &Journal::default()).stall_after(Some(std::time::Duration::from_millis(300)));
        let player = stage.handle.supervise(spec).await.unwrap();
        let gate = Gate::default();
        let faults = stage.handle.faults().registry();
        faults.inject(Injection::new("player:ping", Fault::StallUntil(gate.clone())));
        answer_from_epoch(&player, 2).await;
        assert_eq!(stage.child("player").num_stalls, 1);
        gate.open();
    });
}

#[test]
fn an_actor_that_cannot_start_makes_the_supervisor_give_up() {
    on_stage(async |mut stage: Stage| {
        let player = stage.handle.supervise(Player::spec("player", &Journal::default())).await.unwrap();
        stage.handle.faults().registry().inject(Injection::new("player:start", Fault::Panic).times(100));
        let _ = player.ask(Act::Panic).await;
        let SupervisorVerdict::GiveUp { child, .. } = stage.verdicts.next().await else { panic!("lost") };
        assert_eq!(child, "player");
    });
}

#[test]
fn servers_in_one_process_have_their_own_faults() {
    on_stage(async |stage: Stage| {
        let (other, _verdicts) = Supervisor::start(SupervisorOptions::default());
        other.faults().registry().inject(Injection::new("player", Fault::Panic));
        let player = stage.handle.supervise(Player::spec("player", &Journal::default())).await.unwrap();
        assert_eq!(player.ask(Act::Answer).await.unwrap().epoch, 1);
        other.shutdown(LONG).await;
    });
}
