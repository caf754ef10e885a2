//! Services and streams that accounts share, over the servers of a cluster.

use troupe_tests::RawClient;
use troupe_tests::cluster::{ClusterConfig, fresh, sync_all};
use troupe_tests::frames::Frame;
use troupe_tests::raw::Waited;

use crate::common::{A, B, R, T, in_mixes, messages};

const ACCOUNTS: &str = "accounts {\n\
    A { users [{user: a, password: a}], exports [{service: \"svc.*\"}, {stream: \"news.>\"}, {service: many, response_type: stream}] }\n\
    B { users [{user: b, password: b}], imports [{service: {account: A, subject: \"svc.*\"}, to: \"ask.*\"}, \
        {stream: {account: A, subject: \"news.>\"}, prefix: from}, {service: {account: A, subject: many}}] } }\n";

#[test]
fn requests_and_streams_cross_accounts_once() {
    let config = ClusterConfig { server: format!("{ACCOUNTS}no_auth_user: a"), ..ClusterConfig::default() };
    in_mixes(&[&[T, R, T], &[R, T, R], &[T, T]], &config, |cluster| {
        cluster.settle(B);
        let (mut ours, mut theirs) = (cluster.clients(A), cluster.clients(B));
        for server in 0..ours.len() {
            for asker in 0..theirs.len() {
                a_request_is_answered_once(&mut ours, &mut theirs, (server, asker));
            }
        }
        every_reply_of_many_comes_back(&mut ours, &mut theirs);
        streams_arrive_once(&mut ours, &mut theirs);
    });
}

fn a_request_is_answered_once(ours: &mut [RawClient], theirs: &mut [RawClient], (server, asker): (usize, usize)) {
    let name = fresh("n").replace('.', "");
    ours[server].flush(format!("SUB svc.{name} 1\r\n"));
    sync_all(ours);
    let inbox = fresh("_INBOX");
    theirs[asker].flush(format!("SUB {inbox} 2\r\nPUB ask.{name} {inbox} 2\r\nhi\r\n"));
    let request = ours[server].expect(&format!("MSG svc.{name} 1 "));
    let text = String::from_utf8_lossy(&request.0).into_owned();
    let reply = text.split(' ').nth(3).expect("a reply").to_owned();
    ours[server].flush(format!("PUB {reply} 5\r\nthere\r\n"));
    theirs[asker].expect(&format!("MSG {inbox} 2 5\r\nthere"));
    sync_all(ours);
    sync_all(theirs);
    assert_eq!(messages(&ours[server], &format!("svc.{name}")), 1, "{}", ours[server].text());
    assert_eq!(messages(&theirs[asker], &inbox), 1, "{}", theirs[asker].text());
    ours[server].flush("UNSUB 1\r\n");
    theirs[asker].flush("UNSUB 2\r\n");
}

fn every_reply_of_many_comes_back(ours: &mut [RawClient], theirs: &mut [RawClient]) {
    let last = ours.len() - 1;
    ours[last].flush("SUB many 3\r\n");
    sync_all(ours);
    let inbox = fresh("_INBOX");
    theirs[0].flush(format!("SUB {inbox} 4\r\nPUB many {inbox} 2\r\nhi\r\n"));
    let request = ours[last].expect("MSG many 3 ");
    let text = String::from_utf8_lossy(&request.0).into_owned();
    let reply = text.split(' ').nth(3).expect("a reply").to_owned();
    for number in 0..10 {
        ours[last].flush(format!("PUB {reply} 1\r\n{number}\r\n"));
    }
    theirs[0].expect(&format!("MSG {inbox} 4 1\r\n9"));
    assert_eq!(messages(&theirs[0], &inbox), 10, "{}", theirs[0].text());
    ours[last].flush("UNSUB 3\r\n");
    theirs[0].flush("UNSUB 4\r\n");
}

fn streams_arrive_once(ours: &mut [RawClient], theirs: &mut [RawClient]) {
    let name = fresh("n");
    theirs.iter_mut().for_each(|client| client.flush(format!("SUB from.news.{name} 5\r\nSUB from.> 6\r\n")));
    sync_all(theirs);
    sync_all(ours);
    for client in ours.iter_mut() {
        client.flush(format!("PUB news.{name} 2\r\nhi\r\n"));
    }
    for client in theirs.iter_mut() {
        client.expect(&format!("MSG from.news.{name} 5 2"));
    }
    sync_all(ours);
    sync_all(theirs);
    for client in theirs.iter() {
        assert_eq!(messages(client, &format!("from.news.{name}")), 2 * ours.len(), "{}", client.text());
    }
}

const MEASURED: &str = "accounts {\n\
    A { users [{user: a, password: a}], exports [{service: \"lat.*\", latency: {sampling: 100, subject: results}}] }\n\
    B { users [{user: b, password: b}], imports [{service: {account: A, subject: \"lat.*\"}}] },\n\
    SYS { users [{user: s, password: s}] } }\nsystem_account: SYS\n";

#[test]
fn services_are_measured_wherever_they_are_answered() {
    let config = ClusterConfig { server: format!("{MEASURED}no_auth_user: a"), ..ClusterConfig::default() };
    in_mixes(&[&[T, R], &[R, T], &[T, T]], &config, |cluster| {
        cluster.settle(B);
        // The halves of a measurement meet in the system account.
        cluster.settle("\"user\":\"s\",\"pass\":\"s\",");
        let (mut ours, mut theirs) = (cluster.clients(A), cluster.clients(B));
        ours[0].flush("SUB results 9\r\n");
        for (number, (server, asker)) in [(0, 1), (1, 0), (0, 0), (1, 1)].into_iter().enumerate() {
            let service = format!("lat.{number}");
            ours[server].flush(format!("SUB {service} 1{number}\r\n"));
            sync_all(&mut ours);
            theirs[asker].flush(format!("SUB inbox.{number} 2{number}\r\nPUB {service} inbox.{number} 2\r\nhi\r\n"));
            let request = ours[server].expect(&format!("MSG {service} 1{number} "));
            let text = String::from_utf8_lossy(&request.0).into_owned();
            let reply = text.split(' ').nth(3).expect("a reply").to_owned();
            ours[server].flush(format!("PUB {reply} 5\r\nthere\r\n"));
            theirs[asker].expect(&format!("MSG inbox.{number} 2{number} 5"));
            let is_result = |frame: &&Frame| frame.contains("MSG results 9 ");
            let waited = ours[0].wait(|frames| frames.iter().filter(is_result).count() > number);
            assert_eq!(waited, Waited::Met, "{server} answers {asker}: {}", ours[0].text());
            let result = ours[0].frames().iter().rfind(is_result).expect("it is there").json();
            assert_eq!(result["status"], 200, "{result}");
            assert_eq!(result["responder"]["server"], format!("n{server}"), "{result}");
            assert_eq!(result["responder"]["user"], "a", "{result}");
            assert!(result["requestor"].is_object(), "{result}");
        }
    });
}
