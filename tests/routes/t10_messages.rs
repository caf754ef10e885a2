//! Messages between the servers of a cluster.

use troupe_tests::RawClient;
use troupe_tests::cluster::{Cluster, ClusterConfig, fresh, sync_all};

use crate::common::{A, ACCOUNTS, B, R, T, in_mixes, messages};

fn config() -> ClusterConfig {
    ClusterConfig { server: ACCOUNTS.to_owned(), ..ClusterConfig::default() }
}

#[test]
fn messages_reach_everybody_once_in_mixed_clusters() {
    in_mixes(&[&[T, R, R], &[R, T, T], &[T, T, T]], &config(), |cluster| {
        let mut clients = cluster.clients(A);
        every_subscriber_gets_every_message_once(&mut clients);
        requests_are_answered_over_the_cluster(&mut clients);
        nobody_there_is_known_everywhere(&mut clients);
        headers_cross_the_cluster(&mut clients);
        one_member_of_a_group_gets_a_message(&mut clients);
        members_everywhere_have_the_same_chance(&mut clients);
        groups_and_others_get_one_copy_of_each_message(&mut clients);
        the_end_of_interest_is_told(&mut clients);
        large_messages_arrive_whole(&mut clients);
        accounts_do_not_see_each_other(cluster);
    });
}

fn every_subscriber_gets_every_message_once(clients: &mut [RawClient]) {
    let subject = fresh("all");
    for client in clients.iter_mut() {
        // Two subscriptions that match: the other server sends one copy.
        client.flush(format!("SUB {subject} 1\r\nSUB {}.* 2\r\n", subject.split('.').next().expect("a token")));
    }
    sync_all(clients);
    for (from, client) in clients.iter_mut().enumerate() {
        client.flush(format!("PUB {subject} 5\r\nfrom{from}\r\n"));
    }
    sync_all(clients);
    for client in clients.iter_mut() {
        assert_eq!(messages(client, &subject), 6, "{}", client.text());
        client.flush("UNSUB 1\r\nUNSUB 2\r\n");
    }
}

fn requests_are_answered_over_the_cluster(clients: &mut [RawClient]) {
    for server in 0..clients.len() {
        let subject = fresh("service");
        clients[server].flush(format!("SUB {subject} 5\r\n"));
        sync_all(clients);
        let requester = (server + 1) % clients.len();
        let inbox = fresh("_INBOX");
        // The subscription to the inbox and the request leave together, as clients send them.
        clients[requester].flush(format!("SUB {inbox} 6\r\nPUB {subject} {inbox} 2\r\nhi\r\n"));
        clients[server].expect(&format!("MSG {subject} 5 {inbox} 2"));
        clients[server].flush(format!("PUB {inbox} 5\r\nthere\r\n"));
        clients[requester].expect(&format!("MSG {inbox} 6 5"));
        clients[requester].flush("UNSUB 6\r\n");
        clients[server].flush("UNSUB 5\r\n");
    }
}

fn nobody_there_is_known_everywhere(clients: &mut [RawClient]) {
    let (subject, inbox) = (fresh("nobody"), fresh("_INBOX"));
    clients[0].flush(format!("SUB {subject} 7\r\n"));
    sync_all(clients);
    clients[0].flush("UNSUB 7\r\n");
    sync_all(clients);
    for client in clients.iter_mut() {
        client.flush(format!("SUB {inbox} 8\r\nPUB {subject} {inbox} 0\r\n\r\nUNSUB 8\r\n"));
        client.expect("NATS/1.0 503");
    }
}

fn headers_cross_the_cluster(clients: &mut [RawClient]) {
    let subject = fresh("headers");
    clients.iter_mut().for_each(|client| client.flush(format!("SUB {subject} 9\r\n")));
    sync_all(clients);
    for client in clients.iter_mut() {
        client.flush(format!("HPUB {subject} 18 20\r\nNATS/1.0\r\nA: b\r\n\r\nhi\r\n"));
    }
    sync_all(clients);
    for client in clients.iter_mut() {
        let frames = client.frames().iter().filter(|frame| frame.contains(&format!("HMSG {subject} 9 18 20")));
        assert_eq!(frames.count(), 3, "{}", client.text());
        client.flush("UNSUB 9\r\n");
    }
}

fn one_member_of_a_group_gets_a_message(clients: &mut [RawClient]) {
    let subject = fresh("group");
    for client in clients[1..].iter_mut() {
        client.flush(format!("SUB {subject} g 10\r\nSUB {subject} g 11\r\nSUB {subject} h 12\r\n"));
    }
    sync_all(clients);
    for _ in 0..100 {
        clients[0].flush(format!("PUB {subject} 2\r\nhi\r\n"));
    }
    sync_all(clients);
    let of_group = |client: &RawClient, sids: &[u32]| {
        let is_its = |text: &str| sids.iter().any(|sid| text.contains(&format!("MSG {subject} {sid} ")));
        client.frames().iter().filter(|frame| is_its(&String::from_utf8_lossy(&frame.0))).count()
    };
    for sids in [&[10, 11][..], &[12]] {
        let shares: Vec<_> = clients.iter().map(|client| of_group(client, sids)).collect();
        assert_eq!(shares.iter().sum::<usize>(), 100, "{shares:?}");
        assert!(shares[1..].iter().all(|share| *share > 10), "shared unfairly: {shares:?}");
    }
    clients.iter_mut().for_each(|client| client.flush("UNSUB 10\r\nUNSUB 11\r\nUNSUB 12\r\n"));
}

fn members_everywhere_have_the_same_chance(clients: &mut [RawClient]) {
    let subject = fresh("near");
    clients.iter_mut().for_each(|client| client.flush(format!("SUB {subject} g 13\r\n")));
    sync_all(clients);
    for client in clients.iter_mut() {
        for _ in 0..20 {
            client.flush(format!("PUB {subject} 2\r\nhi\r\n"));
        }
    }
    sync_all(clients);
    let shares: Vec<_> = clients.iter().map(|client| messages(client, &subject)).collect();
    assert_eq!(shares.iter().sum::<usize>(), 60, "{shares:?}");
    assert!(shares.iter().all(|share| *share > 5), "shared unfairly: {shares:?}");
    clients.iter_mut().for_each(|client| client.flush("UNSUB 13\r\n"));
}

fn groups_and_others_get_one_copy_of_each_message(clients: &mut [RawClient]) {
    let subject = fresh("mixed");
    clients[1].flush(format!("SUB {subject} 14\r\nSUB {subject} g 15\r\n"));
    clients[2].flush(format!("SUB {subject} 14\r\n"));
    sync_all(clients);
    clients[0].flush(format!("PUB {subject} r.1 2\r\nhi\r\nPUB {subject} 2\r\nho\r\n"));
    sync_all(clients);
    assert_eq!((messages(&clients[1], &subject), messages(&clients[2], &subject)), (4, 2));
    clients[1].expect(&format!("MSG {subject} 15 r.1 2"));
    clients.iter_mut().for_each(|client| client.flush("UNSUB 14\r\nUNSUB 15\r\n"));
}

fn the_end_of_interest_is_told(clients: &mut [RawClient]) {
    let subject = fresh("limit");
    clients[1].flush(format!("SUB {subject} 16\r\nUNSUB 16 2\r\n"));
    sync_all(clients);
    for _ in 0..5 {
        clients[0].flush(format!("PUB {subject} 2\r\nhi\r\n"));
    }
    sync_all(clients);
    assert_eq!(messages(&clients[1], &subject), 2);
    // Interest is gone: a request finds nobody.
    sync_all(clients);
    let inbox = fresh("_INBOX");
    clients[0].flush(format!("SUB {inbox} 17\r\nPUB {subject} {inbox} 0\r\n\r\nUNSUB 17\r\n"));
    clients[0].expect(&format!("HMSG {inbox} 17"));
}

fn large_messages_arrive_whole(clients: &mut [RawClient]) {
    let subject = fresh("large");
    clients[1].flush(format!("SUB {subject} 18\r\n"));
    clients[2].flush(format!("SUB {subject} 18\r\n"));
    sync_all(clients);
    for size in [15_000, 70_000, 1_000_000] {
        let payload: String = (0..size).map(|at| char::from(b'a' + (at % 26) as u8)).collect();
        clients[0].flush(format!("PUB {subject} {size}\r\n{payload}\r\n"));
        for receiver in [1, 2] {
            clients[receiver].expect(&format!("MSG {subject} 18 {size}\r\n{payload}"));
        }
    }
}

fn accounts_do_not_see_each_other(cluster: &Cluster) {
    cluster.settle(B);
    let (mut ours, mut theirs) = (cluster.clients(A), cluster.clients(B));
    let subject = fresh("isolated");
    theirs.iter_mut().for_each(|client| client.flush(format!("SUB {subject} 1\r\nSUB > 2\r\n")));
    sync_all(&mut theirs);
    ours[0].flush(format!("PUB {subject} 2\r\nhi\r\n"));
    sync_all(&mut ours);
    sync_all(&mut theirs);
    theirs.iter().for_each(|client| assert_eq!(messages(client, &subject), 0));
    theirs[0].flush(format!("PUB {subject} 2\r\nhi\r\n"));
    sync_all(&mut theirs);
    theirs.iter().for_each(|client| assert_eq!(messages(client, &subject), 2));
}
