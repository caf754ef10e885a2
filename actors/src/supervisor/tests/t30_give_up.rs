use super::cast::*;
use crate::supervisor::*;

const FAST: RestartLimits =
    RestartLimits { initial: std::time::Duration::from_millis(1), max_restarts: Some(3), ..RestartLimits::DEFAULT };

#[test]
fn too_many_restarts_end_in_one_verdict_with_the_first_cause() {
    let log = LogReader::default();
    let _guard = log.install();
    on_stage(async |mut stage: Stage| {
        let journal = Journal::default();
        let player = stage.handle.supervise(Player::spec("player", &journal).limits(FAST)).await.unwrap();
        let bystander = stage.handle.supervise(Player::spec("bystander", &journal)).await.unwrap();
        for epoch in 1..=4 {
            answer_from_epoch(&player, epoch).await;
            let _ = player.ask(if epoch == 1 { Act::Panic } else { Act::Stop }).await;
        }
        let SupervisorVerdict::GiveUp { child, cause } = stage.verdicts.next().await else { panic!("lost") };
        assert_eq!(child, "player");
        assert!(cause.to_string().contains("forgot the line"), "the first cause, not the last: {cause}");
        assert_eq!(stage.child("player").num_restarts, 3);
        assert_eq!(stage.child("player").state, ChildState::Failed);

        let _ = bystander.ask(Act::Panic).await;
        until("the bystander is down", || stage.child("bystander").state == ChildState::Failed).await;
        assert_eq!(stage.child("bystander").num_restarts, 0, "nothing is restarted after giving up");
    });
    assert_eq!(log.lines_with(tracing::Level::ERROR, ""), 1, "consequences stay quiet");
    assert_eq!(log.lines_with(tracing::Level::ERROR, "forgot the line"), 1);
}

#[test]
fn a_factory_that_always_panics_is_logged_once_and_fails_the_start() {
    let log = LogReader::default();
    let _guard = log.install();
    on_stage(async |mut stage: Stage| {
        let spec = ChildSpec::<Player>::new("player", |_| panic!("no costume")).limits(FAST);
        let error = stage.handle.supervise(spec).await.unwrap_err();
        assert!(matches!(&error, StartError::Ended { actor, .. } if actor == "player"), "{error}");
        assert!(matches!(stage.verdicts.next().await, SupervisorVerdict::GiveUp { .. }));
    });
    assert_eq!(log.lines_with(tracing::Level::WARN, "no costume"), 1, "the same cause is not repeated");
    assert_eq!(log.lines_with(tracing::Level::ERROR, "no costume"), 1);
}

#[test]
fn a_start_that_waits_is_refused_when_another_actor_makes_the_supervisor_give_up() {
    on_stage(async |mut stage: Stage| {
        let slow = RestartLimits { initial: std::time::Duration::from_millis(200), ..RestartLimits::DEFAULT };
        let waiting = ChildSpec::<Player>::new("waiting", |_| panic!("no costume")).limits(slow);
        let (_watch, started) = stage.handle.supervise_in_background(waiting);
        let failing = ChildSpec::<Player>::new("failing", |_| panic!("no costume")).limits(FAST);
        stage.handle.supervise(failing).await.unwrap_err();
        assert!(matches!(stage.verdicts.next().await, SupervisorVerdict::GiveUp { child, .. } if child == "failing"));
        assert!(matches!(started.await, Ok(Err(StartError::Ended { .. }))));
    });
}

#[test]
fn shell_learns_that_the_supervisor_is_gone() {
    on_stage(async |mut stage: Stage| {
        stage.handle.shutdown(LONG).await;
        assert_eq!(stage.verdicts.next().await, SupervisorVerdict::SupervisorLost);
    });
}
