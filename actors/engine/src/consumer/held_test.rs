//! Messages that were given up, and are kept until somebody else has them.

use troupe_codecs::api::ConsumerConfig;
use troupe_codecs::api::consumer::AckPolicy;

use super::owner_for_tests::{Owner, SECOND, pulled, seqs};

fn owner(config: ConsumerConfig, num_messages: u64) -> Owner {
    let mut owner = Owner::with_messages(config, num_messages);
    owner.log.holds = true;
    owner
}

fn floor(owner: &Owner) -> u64 {
    owner.consumer.positions().1.stream
}

#[test]
fn what_was_terminated_waits_for_whoever_cares() {
    let mut owner = owner(pulled(), 3);
    let first = owner.request("r", "3");
    owner.ack(&first[0], "+TERM no");
    owner.ack(&first[1], "+ACK");
    assert_eq!(owner.take_lines(), ["dead 1 x1: terminated no", "terminated 1 x1 no"]);
    assert!(owner.consumer.is_held(1) && owner.consumer.needs(1));
    assert_eq!((owner.consumer.pending().len(), floor(&owner)), (2, 0), "the stored state still has it");
    assert_eq!(owner.log.settled, [2]);
    for word in ["+ACK", "-NAK", "+TERM again", "+WPI"] {
        owner.ack(&first[0], word);
    }
    owner.request("s", "1");
    assert_eq!(seqs(&owner.wait(40 * SECOND)), [3], "it is not delivered again");
    assert!(owner.take_lines().is_empty(), "what comes too late is ignored");
    owner.consumer.let_go(1, &mut owner.log);
    assert!(!owner.consumer.is_held(1) && !owner.consumer.needs(1));
    assert_eq!((owner.consumer.pending().len(), floor(&owner)), (1, 2));
    owner.consumer.let_go(1, &mut owner.log);
    assert_eq!(owner.log.settled, [2, 1], "once");
}

#[test]
fn what_was_delivered_too_often_waits_over_a_restart() {
    let mut owner = owner(ConsumerConfig { max_deliver: 1, max_ack_pending: 2, ..pulled() }, 5);
    assert_eq!(owner.request("r", "9").len(), 2);
    assert!(owner.wait(31 * SECOND).is_empty(), "no more while nobody takes what was given up");
    let given_up = ["max deliveries 1 x1", "dead 1 x1: max deliver", "max deliveries 2 x1", "dead 2 x1: max deliver"];
    assert_eq!(owner.take_lines(), given_up);
    owner.restart();
    assert!(owner.consumer.hold(1) && owner.consumer.hold(2), "they were stored");
    assert!(!owner.consumer.hold(1) && !owner.consumer.hold(3));
    assert!(owner.wait(60 * SECOND).is_empty());
    assert!(owner.take_lines().is_empty(), "they are not given up again");
    owner.consumer.let_go(1, &mut owner.log);
    assert_eq!(seqs(&owner.request("r", "9")), [3]);
    owner.remove(2);
    assert!(!owner.consumer.is_held(2), "what left the stream is not kept");
    assert_eq!(seqs(&owner.deliver()), [4]);
}

#[test]
fn acknowledgements_of_all_before_leave_what_was_given_up() {
    let mut owner = owner(ConsumerConfig { ack_policy: AckPolicy::All, ..pulled() }, 6);
    let first = owner.request("r", "6");
    owner.ack(&first[2], "+TERM");
    assert_eq!((owner.consumer.pending().len(), floor(&owner)), (4, 2));
    owner.ack(&first[4], "+ACK");
    assert_eq!((owner.consumer.pending().len(), floor(&owner)), (2, 2), "the third and the last");
    owner.restart();
    assert!(owner.consumer.hold(3));
    owner.consumer.let_go(3, &mut owner.log);
    assert_eq!((owner.consumer.pending().len(), floor(&owner)), (1, 5));
    owner.log.settled.sort_unstable();
    assert_eq!(owner.log.settled, [1, 2, 3, 4, 5]);
}

#[test]
fn a_consumer_that_begins_anew_holds_nothing() {
    let mut owner = owner(pulled(), 2);
    let first = owner.request("r", "2");
    owner.ack(&first[0], "+TERM");
    owner.consumer.reset(1);
    owner.recount();
    assert!(!owner.consumer.is_held(1));
    assert_eq!(seqs(&owner.request("r", "2")), [1, 2]);
}
