//! Stories of one consumer each.

use troupe_codecs::api::ConsumerConfig;
use troupe_codecs::api::consumer::{AckPolicy, DeliverPolicy, PriorityPolicy, ReplayPolicy};

use super::owner_for_tests::{MILLISECOND, Owner, Received, SECOND, pulled, pushed, seqs};
use super::timers::Usage;

fn floors(owner: &Owner) -> ((u64, u64), (u64, u64)) {
    let (delivered, floor) = owner.consumer.positions();
    ((delivered.consumer, delivered.stream), (floor.consumer, floor.stream))
}

#[test]
fn a_batch_is_delivered_and_acknowledged() {
    let mut owner = Owner::with_messages(pulled(), 5);
    let received = owner.request("r", "3");
    assert_eq!(seqs(&received), [1, 2, 3]);
    assert!(received[0].ack.starts_with("$JS.ACK.S.C.1.1.1.1700000000000000000.4"), "{}", received[0].ack);
    assert_eq!(received.iter().map(|one| one.num_pending).collect::<Vec<_>>(), [4, 3, 2]);
    owner.ack(&received[1], "");
    assert_eq!(floors(&owner), ((3, 3), (0, 0)));
    owner.ack(&received[0], "+ACK");
    assert_eq!(floors(&owner), ((3, 3), (2, 2)));
    owner.ack(&received[2], "+OK");
    assert_eq!(floors(&owner), ((3, 3), (3, 3)));
    assert_eq!(owner.log.settled, [2, 1, 3]);
    assert_eq!(owner.consumer.num_pending(), 2);
}

#[test]
fn requests_wait_and_end() {
    let mut owner = Owner::new(pulled());
    owner.request("now", r#"{"batch":1,"no_wait":true}"#);
    owner.request("soon", r#"{"batch":2,"expires":1000000000}"#);
    owner.request("beats", r#"{"batch":1,"expires":5000000000,"idle_heartbeat":2000000000}"#);
    owner.wait(3 * SECOND);
    assert_eq!(
        owner.take_lines(),
        [
            "now < 404 No Messages",
            "soon < 408 Request Timeout | Nats-Pending-Messages: 2 | Nats-Pending-Bytes: 0",
            "beats < 100 Idle Heartbeat | Nats-Last-Consumer: 0 | Nats-Last-Stream: 0",
        ]
    );
    let received = owner.publish(2);
    assert_eq!((received.len(), received[0].to.as_str()), (1, "beats"));
}

#[test]
fn a_request_that_does_not_wait_takes_what_there_is() {
    let mut owner = Owner::with_messages(pulled(), 2);
    assert_eq!(owner.request("r", r#"{"batch":5,"no_wait":true}"#).len(), 2);
    assert_eq!(owner.request("s", r#"{"batch":5,"no_wait":true,"expires":1000000000}"#).len(), 0);
    assert_eq!(owner.publish(1).len(), 1);
    assert_eq!(owner.take_lines(), ["r < 404 No Messages", "s < 404 No Messages"]);
}

#[test]
fn limits_of_requests_are_told() {
    let config = ConsumerConfig {
        max_request_batch: 2,
        max_request_expires: SECOND,
        max_request_max_bytes: 100,
        max_waiting: 1,
        ..pulled()
    };
    let mut owner = Owner::new(config);
    for body in ["3", r#"{"batch":1,"expires":2000000000}"#, r#"{"batch":1,"max_bytes":101}"#, "1", "1", "{"] {
        owner.request("r", body);
    }
    owner.request("r", r#"{"batch":1,"expires":1000000000,"idle_heartbeat":1}"#);
    assert_eq!(
        owner.take_lines(),
        [
            "r < 409 Exceeded MaxRequestBatch of 2",
            "r < 409 Exceeded MaxRequestExpires of 1s",
            "r < 409 Exceeded MaxRequestMaxBytes of 100",
            "r < 409 Exceeded MaxWaiting",
            "r < 400 Bad Request - unexpected end of JSON input",
        ]
    );
}

#[test]
fn bytes_of_requests_are_counted() {
    let mut owner = Owner::with_messages(pulled(), 9);
    let one = owner.request("r", "1").len() + 10 + owner.request("r", "1")[0].ack.len();
    let body = format!(r#"{{"batch":9,"max_bytes":{}}}"#, 2 * one + 5);
    assert_eq!(owner.request("r", &body).len(), 2);
    assert_eq!(owner.request("r", r#"{"batch":1,"max_bytes":1000}"#).len(), 1);
    let lines = owner.take_lines();
    assert_eq!(lines[0], "r < 409 Message Size Exceeds MaxBytes | Nats-Pending-Messages: 7 | Nats-Pending-Bytes: 5");
    assert!(
        lines[1].starts_with("r < 409 Batch Completed | Nats-Pending-Messages: 0 | Nats-Pending-Bytes: 9"),
        "{lines:?}"
    );
}

#[test]
fn who_asked_from_another_account_and_is_gone_is_told_so() {
    let mut owner = Owner::new(pulled());
    owner.request("_R_.x", r#"{"batch":3,"expires":5000000000}"#);
    owner.request("gone", r#"{"batch":3,"expires":5000000000}"#);
    owner.request("here", r#"{"batch":3,"expires":5000000000}"#);
    owner.log.deaf.extend([b"_R_.x".to_vec(), b"gone".to_vec()]);
    assert_eq!(owner.publish(1)[0].to, "here");
    let told = "_R_.x < 408 Interest Expired | Nats-Pending-Messages: 3 | Nats-Pending-Bytes: 0";
    assert_eq!((owner.take_lines(), owner.consumer.num_waiting()), (vec![told.to_owned()], 1));
}

#[test]
fn what_is_not_acknowledged_comes_again() {
    let mut owner = Owner::with_messages(ConsumerConfig { max_deliver: 2, ..pulled() }, 2);
    let first = owner.request("r", "10");
    owner.ack(&first[1], "+ACK");
    let again = owner.wait(31 * SECOND);
    assert_eq!((seqs(&again), again[0].deliveries), (vec![1], 2));
    assert!(again[0].ack.contains(".2.1.3."), "{}", again[0].ack);
    assert!(owner.wait(60 * SECOND).is_empty());
    assert_eq!(owner.take_lines(), ["max deliveries 1 x2", "dead 1 x2: max deliver"]);
    assert_eq!(floors(&owner), ((3, 2), (3, 2)));
    assert!(owner.consumer.needs(1), "a message nobody acknowledged stays");
}

#[test]
fn naks_and_terms() {
    let mut owner = Owner::with_messages(pulled(), 3);
    let first = owner.request("r", "10");
    assert_eq!(seqs(&owner.ack(&first[1], "-NAK")), [2]);
    assert!(owner.ack(&first[0], "-NAK 5s").is_empty());
    owner.ack(&first[2], "+TERM no good");
    assert!(owner.wait(4 * SECOND).is_empty());
    assert_eq!(seqs(&owner.wait(2 * SECOND)), [1]);
    assert_eq!(
        owner.take_lines(),
        ["nak 2 x1", "nak 1 x1", "dead 3 x1: terminated no good", "terminated 3 x1 no good"]
    );
}

#[test]
fn progress_postpones() {
    let mut owner = Owner::with_messages(pulled(), 1);
    let first = owner.request("r", "5");
    owner.wait(20 * SECOND);
    owner.ack(&first[0], "+WPI");
    assert!(owner.wait(20 * SECOND).is_empty());
    assert_eq!(owner.wait(11 * SECOND).len(), 1);
}

#[test]
fn backoff_grows() {
    let backoff = vec![SECOND, 3 * SECOND];
    let config = ConsumerConfig { ack_wait: SECOND, backoff, ..pulled() };
    let mut owner = Owner::with_messages(config, 1);
    owner.request("r", "50");
    let mut waits = Vec::new();
    let mut last = owner.now;
    for _ in 0..200 {
        if owner.wait(100 * MILLISECOND).len() == 1 {
            waits.push((owner.now - last) / (100 * MILLISECOND));
            last = owner.now;
        }
    }
    assert!((10..=11).contains(&waits[0]) && waits[1..].iter().all(|wait| (30..=31).contains(wait)), "{waits:?}");
}

#[test]
fn delivery_stops_at_the_limit_of_unacknowledged_messages() {
    let mut owner = Owner::with_messages(ConsumerConfig { max_ack_pending: 2, ..pulled() }, 5);
    let first = owner.request("r", r#"{"batch":5,"no_wait":true}"#);
    assert_eq!(first.len(), 2);
    assert!(owner.take_lines().is_empty(), "it is not at the end");
    assert_eq!(seqs(&owner.ack(&first[0], "")), [3]);
}

#[test]
fn acknowledging_one_acknowledges_those_before() {
    let mut owner = Owner::with_messages(ConsumerConfig { ack_policy: AckPolicy::All, ..pulled() }, 4);
    let received = owner.request("r", "4");
    owner.ack(&received[2], "");
    assert_eq!(floors(&owner), ((4, 4), (3, 3)));
    assert_eq!(owner.consumer.pending().len(), 1);
    owner.ack(&received[0], "");
    assert_eq!((floors(&owner), owner.log.settled.len()), (((4, 4), (3, 3)), 3));
}

#[test]
fn next_acknowledges_and_asks() {
    let mut owner = Owner::with_messages(pulled(), 3);
    let received = owner.request("r", "1");
    let next = owner.ack(&received[0], "+NXT 2");
    assert_eq!((seqs(&next), next[0].to.as_str()), (vec![2, 3], "next"));
    assert_eq!(floors(&owner).1, (1, 1));
}

#[test]
fn filters_and_policies_choose() {
    let filtered = ConsumerConfig { filter_subjects: vec!["a".to_owned(), "b".to_owned()], ..pulled() };
    let mut owner = Owner::with_messages(filtered, 9);
    assert_eq!(owner.consumer.num_pending(), 6);
    assert_eq!(seqs(&owner.request("r", "9")), [1, 3, 4, 6, 7, 9]);
    assert_eq!(owner.consumer.next_stream_seq(), 10);

    let last =
        ConsumerConfig { deliver_policy: DeliverPolicy::LastPerSubject, filter_subject: ">".to_owned(), ..pulled() };
    let mut owner = Owner::with_messages(last, 7);
    assert_eq!(seqs(&owner.request("r", "9")), [5, 6, 7]);
    assert_eq!(seqs(&owner.publish(2)), [8, 9]);
}

#[test]
fn restart_keeps_everything() {
    let mut owner = Owner::with_messages(pulled(), 5);
    let received = owner.request("r", "4");
    owner.ack(&received[1], "");
    owner.ack(&received[2], "-NAK");
    owner.restart();
    assert_eq!(floors(&owner), ((4, 4), (0, 0)));
    assert_eq!((owner.consumer.pending().len(), owner.consumer.num_pending()), (3, 1));
    assert_eq!(seqs(&owner.request("r", "9")), [5]);
    owner.ack(&received[0], "");
    assert_eq!(floors(&owner).1, (2, 2));
    assert_eq!(seqs(&owner.wait(40 * SECOND)), [3, 4, 5]);
}

#[test]
fn lost_ends_of_streams_are_followed() {
    let mut owner = Owner::with_messages(pulled(), 6);
    let received = owner.request("r", "6");
    owner.ack(&received[0], "");
    owner.messages.retain(|seq, _| *seq <= 3);
    owner.last_seq = 3;
    owner.restart();
    assert_eq!(floors(&owner), ((3, 3), (1, 1)));
    assert_eq!(seqs(&owner.publish(1)), [] as [u64; 0]);
    assert_eq!(seqs(&owner.request("r", "1")), [4]);
}

#[test]
fn messages_leave() {
    let mut owner = Owner::with_messages(pulled(), 6);
    owner.request("r", "3");
    owner.remove(1);
    owner.remove(5);
    assert_eq!(owner.consumer.num_pending(), 2);
    assert_eq!(floors(&owner).1, (1, 1));
    assert_eq!(owner.take_lines(), ["terminated 1 x1 Unacknowledged message was deleted"]);
    owner.messages.retain(|seq, _| *seq >= 4);
    let messages = owner.messages.clone();
    owner.consumer.many_left(4, |seq| messages.contains_key(&seq));
    assert_eq!(floors(&owner), ((3, 3), (3, 3)));
}

#[test]
fn a_pinned_client_gets_everything() {
    let config = ConsumerConfig {
        priority_policy: PriorityPolicy::PinnedClient,
        priority_groups: vec!["A".to_owned()],
        pinned_ttl: 10 * SECOND,
        ..pulled()
    };
    let mut owner = Owner::with_messages(config, 2);
    for body in ["{}", r#"{"batch":1,"group":"B"}"#, r#"{"batch":1,"group":"A","min_pending":1}"#] {
        owner.request("r", body);
    }
    let one = owner.request("one", r#"{"batch":5,"group":"A"}"#);
    assert_eq!(one.len(), 2);
    owner.request("two", r#"{"batch":5,"group":"A"}"#);
    owner.request("three", r#"{"batch":5,"group":"A","id":"other"}"#);
    assert!(owner.publish(3).iter().all(|received| received.to == "one"));
    assert!(owner.publish(1).is_empty(), "the pinned one has to ask again");
    assert_eq!(
        owner.take_lines(),
        [
            "r < 400 Bad Request - Priority Group missing",
            "r < 400 Bad Request - Invalid Priority Group",
            "r < 400 Bad Request - Not a Overflow Priority consumer",
            "pinned A id0001",
            "pin id0001",
            "pin id0001",
            "three < 423 Nats-Pin-Id mismatch",
            "pin id0001",
            "pin id0001",
            "pin id0001",
        ]
    );
    let two = owner.wait(11 * SECOND);
    assert_eq!((two.len(), two[0].to.as_str()), (1, "two"));
    assert_eq!(owner.take_lines(), ["unpinned A timeout", "pinned A id0002", "pin id0002"]);
    owner.consumer.unpin("A", &mut owner.log);
    assert_eq!(owner.consumer.pin(), None);
    assert_eq!(owner.take_lines(), ["unpinned A admin"]);
}

#[test]
fn overflow_is_served_when_there_is_much() {
    let config =
        ConsumerConfig { priority_policy: PriorityPolicy::Overflow, priority_groups: vec!["A".to_owned()], ..pulled() };
    let mut owner = Owner::new(config);
    owner.request("much", r#"{"batch":10,"group":"A","min_pending":3}"#);
    assert!(owner.publish(2).is_empty());
    assert_eq!(seqs(&owner.publish(2)), [1, 2], "down to less than three");
    owner.request("busy", r#"{"batch":10,"group":"A","min_ack_pending":2}"#);
    assert_eq!(owner.deliver().len(), 0);
    assert_eq!(owner.consumer.num_pending(), 0, "two were not acknowledged");
}

#[test]
fn lower_priorities_go_first() {
    let config = ConsumerConfig {
        priority_policy: PriorityPolicy::Prioritized,
        priority_groups: vec!["A".to_owned()],
        ..pulled()
    };
    let mut owner = Owner::new(config);
    for (reply, priority) in [("low", 5), ("high", 1)] {
        owner.request(reply, &format!(r#"{{"batch":2,"group":"A","priority":{priority}}}"#));
    }
    let to: Vec<String> = owner.publish(3).into_iter().map(|received| received.to).collect();
    assert_eq!(to, ["high", "high", "low"]);
}

#[test]
fn pushing_needs_somebody_who_listens() {
    let mut owner = Owner::with_messages(ConsumerConfig { heartbeat: SECOND, ..pushed() }, 2);
    assert!(owner.deliver().is_empty());
    assert!(owner.wait(3 * SECOND).is_empty() && owner.take_lines().is_empty());
    owner.consumer.set_active(true, owner.now);
    assert_eq!(seqs(&owner.deliver()), [1, 2]);
    owner.wait(SECOND + SECOND / 2);
    assert_eq!(owner.take_lines(), ["d < 100 Idle Heartbeat | Nats-Last-Consumer: 2 | Nats-Last-Stream: 2"]);
    owner.request("r", "1");
    assert_eq!(owner.take_lines(), ["r < 409 Consumer is push based"]);
}

#[test]
fn flow_control_acknowledges() {
    let config = ConsumerConfig {
        ack_policy: AckPolicy::FlowControl,
        flow_control: true,
        heartbeat: SECOND,
        ack_wait: 0,
        max_ack_pending: 2,
        ..pushed()
    };
    let mut owner = Owner::with_messages(config, 5);
    owner.consumer.set_active(true, owner.now);
    assert_eq!(owner.deliver().len(), 2);
    assert_eq!(owner.take_lines(), ["d < flow $JS.FC.S.C.0001"]);
    owner.consumer.answer(b"$JS.FC.S.C.0001", 2, 2, owner.now, &mut owner.log);
    assert_eq!((seqs(&owner.deliver()), floors(&owner).1), (vec![3, 4], (2, 2)));
}

#[test]
fn rates_and_gaps_are_kept() {
    let mut owner = Owner::new(ConsumerConfig { replay_policy: ReplayPolicy::Original, ..pushed() });
    for _ in 0..3 {
        owner.publish(1);
        owner.wait(SECOND);
    }
    let config = owner.consumer.config().as_ref().clone();
    let messages = owner.messages.clone();
    let mut owner = Owner::with_messages(config, 3);
    owner.messages = messages;
    owner.consumer.set_active(true, owner.now);
    assert_eq!(seqs(&owner.deliver()), [1]);
    assert!(owner.wait(SECOND / 2).is_empty());
    assert_eq!(seqs(&owner.wait(SECOND / 2 + 1)), [2]);

    let mut owner = Owner::with_messages(ConsumerConfig { rate_limit: 8 * 50, ..pushed() }, 30);
    owner.consumer.set_active(true, owner.now);
    let burst = owner.deliver().len();
    assert!((15..25).contains(&burst), "a thousand bytes at once: {burst}");
    assert_eq!(owner.wait(2 * SECOND).len(), 2);
}

#[test]
fn pause_and_samples() {
    let pause_until = Some(troupe_codecs::api::Timestamp::from_nanos(super::owner_for_tests::START + 5 * SECOND));
    let mut owner =
        Owner::with_messages(ConsumerConfig { pause_until, sample_frequency: "100%".to_owned(), ..pulled() }, 1);
    assert!(owner.request("r", "1").is_empty());
    let received = owner.wait(6 * SECOND);
    owner.wait(SECOND);
    owner.ack(&received[0], "");
    let lines = owner.take_lines();
    assert_eq!(lines[0], "paused or resumed");
    assert!(lines[1].starts_with("sampled 1 after 20000000"), "{lines:?}");
}

#[test]
fn unused_consumers_are_told() {
    let mut owner = Owner::with_messages(ConsumerConfig { inactive_threshold: 5 * SECOND, ..pulled() }, 1);
    owner.request("r", r#"{"batch":2,"expires":8000000000}"#);
    owner.wait(10 * SECOND);
    assert_eq!(owner.usage, Usage::Used, "a client is at work on a message");
    owner.wait(90 * SECOND);
    assert_eq!(owner.usage, Usage::Abandoned);

    let mut owner = Owner::new(ConsumerConfig { inactive_threshold: 5 * SECOND, ..pushed() });
    owner.consumer.set_active(true, owner.now);
    owner.wait(60 * SECOND);
    assert_eq!(owner.usage, Usage::Used);
    owner.consumer.set_active(false, owner.now);
    owner.wait(4 * SECOND);
    assert_eq!(owner.usage, Usage::Used);
    owner.wait(3 * SECOND);
    assert_eq!(owner.usage, Usage::Abandoned);
}

#[test]
fn resets_follow_the_policy() {
    let mut owner = Owner::with_messages(pulled(), 5);
    let received: Vec<Received> = owner.request("r", "4");
    owner.ack(&received[0], "");
    assert_eq!(owner.consumer.reset_target(0, |_| 0), Ok(2));
    assert_eq!(owner.consumer.reset_target(4, |_| 0), Ok(4));
    owner.consumer.reset(2);
    owner.recount();
    assert_eq!((floors(&owner), owner.consumer.num_pending()), (((0, 1), (0, 1)), 4));
    assert_eq!(seqs(&owner.request("r", "9")), [2, 3, 4, 5]);

    let by_seq = ConsumerConfig { deliver_policy: DeliverPolicy::ByStartSequence, opt_start_seq: 3, ..pulled() };
    let owner = Owner::with_messages(by_seq, 5);
    assert_eq!(owner.consumer.reset_target(2, |_| 0), Err("below start seq"));
    let new = Owner::with_messages(ConsumerConfig { deliver_policy: DeliverPolicy::New, ..pulled() }, 5);
    assert_eq!(new.consumer.reset_target(2, |_| 0), Err("not allowed"));
}
