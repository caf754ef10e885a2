use troupe_codecs::api::consumer::{AckPolicy, DeliverPolicy, PriorityPolicy};
use troupe_codecs::api::stream::RetentionPolicy;
use troupe_codecs::api::{ConsumerConfig, SECOND, StreamConfig, Timestamp};

use super::*;

fn stream() -> StreamConfig {
    StreamConfig { name: "S".to_owned(), subjects: vec!["s.>".to_owned()], replicas: 1, ..StreamConfig::default() }
}

fn explicit() -> ConsumerConfig {
    ConsumerConfig { ack_policy: AckPolicy::Explicit, ..ConsumerConfig::default() }
}

fn push() -> ConsumerConfig {
    ConsumerConfig { deliver_subject: "d".to_owned(), ..explicit() }
}

/// The number of the first fault, zero for none.
fn fault_in(mut config: ConsumerConfig, stream: &StreamConfig) -> u16 {
    let bounds = ConsumerBounds { server_max_ack_pending: 5000, account_max_ack_pending: 0, max_request_batch: 100 };
    let defaults = apply_defaults(&mut config, stream, &bounds, false);
    defaults.and_then(|()| check(&config, stream, &bounds, false)).err().map_or(0, |error| error.err_code)
}

fn fault(config: ConsumerConfig) -> u16 {
    fault_in(config, &stream())
}

#[test]
fn defaults_are_filled_in() {
    let mut config = explicit();
    apply_defaults(&mut config, &stream(), &ConsumerBounds::default(), false).unwrap();
    let found = (config.max_deliver, config.max_waiting, config.ack_wait, config.max_ack_pending);
    assert_eq!(found, (-1, 512, 30 * SECOND, 1000));

    let mut config = ConsumerConfig { backoff: vec![SECOND, 2 * SECOND], ..push() };
    apply_defaults(&mut config, &stream(), &ConsumerBounds::default(), false).unwrap();
    assert_eq!((config.max_waiting, config.ack_wait), (0, SECOND));

    let mut config = ConsumerConfig { ack_policy: AckPolicy::FlowControl, ..push() };
    apply_defaults(&mut config, &stream(), &ConsumerBounds::default(), false).unwrap();
    assert_eq!((config.flow_control, config.heartbeat, config.ack_wait), (true, SECOND, 0));

    let mut config =
        ConsumerConfig { max_deliver: -5, max_waiting: -1, max_ack_pending: -7, heartbeat: -1, ..explicit() };
    apply_defaults(&mut config, &stream(), &ConsumerBounds::default(), false).unwrap();
    assert_eq!((config.max_deliver, config.max_waiting, config.max_ack_pending, config.heartbeat), (-1, 512, -1, 0));

    let bounds = ConsumerBounds { server_max_ack_pending: 10, account_max_ack_pending: 5, max_request_batch: 3 };
    let mut config = explicit();
    apply_defaults(&mut config, &stream(), &bounds, false).unwrap();
    assert_eq!((config.max_ack_pending, config.max_request_batch), (5, 3));
}

#[test]
fn pedantry_refuses_to_correct() {
    for (config, why) in [
        (ConsumerConfig { max_deliver: -2, ..explicit() }, "max_deliver must be set to -1"),
        (ConsumerConfig { pinned_ttl: -1, ..explicit() }, "priority_timeout must not be negative"),
        (ConsumerConfig { backoff: vec![1], ..explicit() }, "first backoff value has to equal batch AckWait"),
    ] {
        let mut config = config;
        let error = apply_defaults(&mut config, &stream(), &ConsumerBounds::default(), true).unwrap_err();
        assert_eq!((error.err_code, error.description), (10157, format!("pedantic mode: {why}")));
    }
}

#[test]
fn faults_have_their_numbers() {
    let at = Some(Timestamp::from_nanos(1));
    let text = |text: &str| text.to_owned();
    for (config, expected) in [
        (explicit(), 0),
        (push(), 0),
        (ConsumerConfig { name: text("a.b"), ..explicit() }, 10052),
        (ConsumerConfig { replicas: 3, ..explicit() }, 10126),
        (ConsumerConfig { replicas: -1, ..explicit() }, 10133),
        (ConsumerConfig { backoff: vec![-1], ..explicit() }, 10184),
        (ConsumerConfig { ack_wait: -1, ..explicit() }, 10183),
        (ConsumerConfig { ack_policy: AckPolicy::FlowControl, ..explicit() }, 10218),
        (ConsumerConfig { backoff: vec![1, 2], max_deliver: 1, ..explicit() }, 10116),
        (ConsumerConfig { description: "x".repeat(5000), ..explicit() }, 10107),
        (ConsumerConfig { deliver_subject: text("d.*"), ..explicit() }, 10079),
        (ConsumerConfig { deliver_subject: text("d..e"), ..explicit() }, 10112),
        (ConsumerConfig { deliver_subject: text("s.a"), ..explicit() }, 10081),
        (ConsumerConfig { max_waiting: 1, ..push() }, 10080),
        (ConsumerConfig { ack_policy: AckPolicy::None, max_ack_pending: 1, ..push() }, 10082),
        (ConsumerConfig { heartbeat: 1, ..push() }, 10083),
        (ConsumerConfig { rate_limit: 1, ..explicit() }, 10086),
        (ConsumerConfig { heartbeat: SECOND, ..explicit() }, 10088),
        (ConsumerConfig { flow_control: true, ..explicit() }, 10089),
        (ConsumerConfig { max_request_expires: 1, ..explicit() }, 10115),
        (ConsumerConfig { max_request_batch: 101, ..explicit() }, 10125),
        (ConsumerConfig { max_ack_pending: 5001, ..explicit() }, 10121),
        (ConsumerConfig { direct: true, ..explicit() }, 10090),
        (ConsumerConfig { direct: true, durable: text("D"), ..push() }, 10091),
        (ConsumerConfig { filter_subject: text("s.a"), filter_subjects: vec![text("s.b")], ..explicit() }, 10136),
        (ConsumerConfig { filter_subjects: vec![text("")], ..explicit() }, 10139),
        (ConsumerConfig { filter_subjects: vec![text("s.a"), text("s.*")], ..explicit() }, 10138),
        (ConsumerConfig { filter_subject: text("s..a"), ..explicit() }, 10052),
        (ConsumerConfig { opt_start_seq: 1, ..explicit() }, 10094),
        (ConsumerConfig { deliver_policy: DeliverPolicy::LastPerSubject, ..explicit() }, 10094),
        (ConsumerConfig { deliver_policy: DeliverPolicy::ByStartTime, opt_start_time: at, ..explicit() }, 0),
        (ConsumerConfig { sample_frequency: text("x"), ..explicit() }, 10095),
        (ConsumerConfig { flow_control: true, ..push() }, 10108),
        (ConsumerConfig { name: text("a"), durable: text("b"), ..explicit() }, 10132),
        (ConsumerConfig { metadata: [(text("k"), "v".repeat(128 << 10))].into(), ..explicit() }, 10135),
        (ConsumerConfig { priority_groups: vec![text("A")], ..explicit() }, 10196),
        (ConsumerConfig { pinned_ttl: 1, ..explicit() }, 10197),
        (ConsumerConfig { priority_policy: PriorityPolicy::Overflow, ..explicit() }, 10159),
        (ConsumerConfig { priority_policy: PriorityPolicy::Overflow, ..push() }, 10178),
        (
            ConsumerConfig { priority_policy: PriorityPolicy::Overflow, priority_groups: vec![text("")], ..explicit() },
            10161,
        ),
        (
            ConsumerConfig {
                priority_policy: PriorityPolicy::Overflow,
                priority_groups: vec![text("ä")],
                ..explicit()
            },
            10162,
        ),
    ] {
        assert_eq!(fault(config.clone()), expected, "{config:?}");
    }
}

#[test]
fn streams_have_their_say() {
    let queue = StreamConfig { retention: RetentionPolicy::WorkQueue, ..stream() };
    assert_eq!(fault_in(ConsumerConfig::default(), &queue), 10084);
    let limits = troupe_codecs::api::stream::ConsumerLimits { inactive_threshold: SECOND, max_ack_pending: 10 };
    let limited = StreamConfig { consumer_limits: limits, ..stream() };
    assert_eq!(fault_in(ConsumerConfig { max_ack_pending: 11, ..explicit() }, &limited), 10121);
    assert_eq!(fault_in(ConsumerConfig { inactive_threshold: 2 * SECOND, ..explicit() }, &limited), 10153);
    assert_eq!(fault_in(explicit(), &limited), 0);
}

#[test]
fn work_queues_give_each_message_once() {
    let one = |filter: &str| ConsumerConfig { filter_subject: filter.to_owned(), ..explicit() };
    let code = |config: &ConsumerConfig, others: Vec<Vec<&str>>| {
        check_against_others(config, others.into_iter()).err().map_or(0, |error| error.err_code)
    };
    assert_eq!(code(&one("a"), vec![]), 0);
    assert_eq!(code(&one("a"), vec![vec!["b"], vec!["c"]]), 0);
    assert_eq!(code(&one("a"), vec![vec!["b"], vec!["*"]]), 10100);
    assert_eq!(code(&one("a"), vec![vec![]]), 10100);
    assert_eq!(code(&explicit(), vec![vec!["a"]]), 10099);
    assert_eq!(code(&ConsumerConfig::default(), vec![]), 10098);
    assert_eq!(code(&ConsumerConfig { deliver_policy: DeliverPolicy::New, ..explicit() }, vec![]), 10101);
    assert_eq!(code(&ConsumerConfig { direct: true, ..ConsumerConfig::default() }, vec![vec![]]), 0);
}

#[test]
fn some_things_never_change() {
    let text = |text: &str| text.to_owned();
    for (old, new, why) in [
        (explicit(), ConsumerConfig { description: text("x"), max_deliver: 5, ..explicit() }, ""),
        (explicit(), ConsumerConfig { ack_policy: AckPolicy::All, ..explicit() }, "ack policy can not be updated"),
        (explicit(), ConsumerConfig { memory_storage: true, ..explicit() }, "storage type can not be updated"),
        (explicit(), push(), "can not update pull consumer to push based"),
        (push(), explicit(), "can not update push consumer to pull based"),
        (explicit(), ConsumerConfig { max_waiting: 9, ..explicit() }, "max waiting can not be updated"),
        (push(), ConsumerConfig { deliver_subject: text("e"), ..push() }, ""),
    ] {
        let found = check_update(&old, &new, |_| false).err().map_or(String::new(), |error| error.description);
        assert_eq!(found, why);
    }
    let moved = ConsumerConfig { deliver_subject: text("e"), ..push() };
    assert_eq!(check_update(&push(), &moved, |subject| subject == "d").unwrap_err().err_code, 10013);
}

#[test]
fn levels_are_recorded() {
    let groups = ConsumerConfig {
        priority_policy: PriorityPolicy::Overflow,
        priority_groups: vec!["A".to_owned()],
        ..explicit()
    };
    let flow = ConsumerConfig { ack_policy: AckPolicy::FlowControl, ..push() };
    for (config, level) in [(explicit(), "0"), (groups, "1"), (flow, "4")] {
        let mut config = config;
        config.metadata.insert("_nats.ver".to_owned(), "x".to_owned());
        set_required_level(&mut config);
        assert_eq!(config.metadata.len(), 1);
        assert_eq!(config.metadata["_nats.req.level"], level);
        let mut bare = config.clone();
        bare.metadata.clear();
        assert!(is_same(&config, &bare));
    }
}
