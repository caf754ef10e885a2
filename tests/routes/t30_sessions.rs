//! What a server says to played ones, line by line, on both servers.

use serde_json::Value;
use troupe_tests::RawClient;
use troupe_tests::cluster::{ClusterConfig, Kind, Node};
use troupe_tests::frames::Frame;
use troupe_tests::raw::Waited;

use crate::common::{R, T};
use crate::played::{Door, Played};

/// Place of the account everybody has in a pool of three.
const GLOBAL_PLACE: &str = "\"route_pool_size\":3,\"route_pool_idx\":2";

fn nodes(lines: &str) -> impl Iterator<Item = (Kind, Node)> {
    let config = ClusterConfig { cluster: lines.to_owned(), ..ClusterConfig::default() };
    [R, T].into_iter().filter_map(move |kind| Some((kind, Node::start(kind, "n0", "c1", &[], &config)?)))
}

/// Lines so far that begin with one of these verbs.
fn lines(peer: &RawClient, verbs: &[&str]) -> Vec<String> {
    let all = peer.frames().iter().map(|frame| frame.line().trim_end().to_owned());
    all.filter(|line| verbs.iter().any(|verb| line.starts_with(verb))).collect()
}

/// The INFO that tells of the server `name`.
fn told_of(peer: &mut RawClient, name: &str) -> Value {
    let text = format!("\"server_name\":\"{name}\"");
    info_in(&peer.expect(&text))
}

fn info_in(frame: &Frame) -> Value {
    let line = frame.line();
    serde_json::from_str(line.trim_start_matches("INFO").trim()).expect("INFO is JSON")
}

#[test]
fn interest_is_told_when_it_changes() {
    for (kind, node) in nodes("") {
        let mut pooled = Played::named("peer").with(GLOBAL_PLACE).enter(&node);
        let mut other = Played::named("peer").with("\"route_pool_size\":3,\"route_pool_idx\":1").enter(&node);
        let mut client = node.client();
        for operation in [
            "SUB a 1",
            "SUB a 2",
            "SUB q g 3",
            "SUB q g 4",
            "UNSUB 4",
            "UNSUB 3",
            "UNSUB 1",
            "UNSUB 2",
            "SUB once 5",
            "UNSUB 5 1",
            "PUB once 0\r\n",
        ] {
            client.flush(format!("{operation}\r\n"));
        }
        client.expect("MSG once 5 0");
        pooled.expect("RS- $G once");
        pooled.flush("");
        let expected = [
            "RS+ $G a",
            "RS+ $G q g 1",
            "RS+ $G q g 2",
            "RS+ $G q g 1",
            "RS- $G q g",
            "RS- $G a",
            "RS+ $G once",
            "RS- $G once",
        ];
        let is_own = |line: &String| !line.contains("_R_");
        let told: Vec<_> = lines(&pooled, &["RS+", "RS-"]).into_iter().filter(is_own).collect();
        assert_eq!(told, expected, "{kind:?}");
        other.flush("");
        assert_eq!(lines(&other, &["RS+ $G", "RS- $G"]), [""; 0], "{kind:?}: the account has another place");
    }
}

#[test]
fn a_pinned_account_is_not_named() {
    for (kind, node) in nodes("accounts: [\"$G\"]") {
        let pinned = "\"route_pool_size\":3,\"route_account\":\"$G\"";
        let mut peer = Played::named("peer").with(pinned).enter(&node);
        let mut client = node.client();
        client.flush("SUB a 1\r\nSUB q g 2\r\n");
        peer.expect("RS+ a");
        peer.expect("RS+ q g 1");
        peer.flush("RS+ b\r\nRS+ b g 1\r\n");
        client.flush("PUB b r 2\r\nhi\r\n");
        peer.expect("RMSG b + r g 2");
        peer.send("RMSG a r 2\r\nho\r\n");
        client.expect("MSG a 1 r 2");
        assert_eq!(lines(&peer, &["RS+ $G", "RMSG $G"]), [""; 0], "{kind:?}");
    }
}

#[test]
fn messages_have_the_form_the_peer_takes() {
    for (kind, node) in nodes("") {
        let mut peer = Played::named("peer").with(GLOBAL_PLACE).enter(&node);
        peer.flush("RS+ $G a\r\nRS+ $G a g 1\r\nRS+ $G a h 1\r\nRS+ $G b g 1\r\nRS+ $G c\r\n");
        let mut client = node.client();
        for subject in ["a", "b", "c"] {
            client.flush(format!("PUB {subject} 2\r\nhi\r\nPUB {subject} r 2\r\nhi\r\n"));
            client.flush(format!("HPUB {subject} 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"));
            client.flush(format!("HPUB {subject} r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"));
        }
        peer.expect("HMSG $G c r 12 14");
        let expected = [
            "RMSG $G a | g h 2",
            "RMSG $G a + r g h 2",
            "HMSG $G a | g h 12 14",
            "HMSG $G a + r g h 12 14",
            "RMSG $G b | g 2",
            "RMSG $G b + r g 2",
            "HMSG $G b | g 12 14",
            "HMSG $G b + r g 12 14",
            "RMSG $G c 2",
            "RMSG $G c r 2",
            "HMSG $G c 12 14",
            "HMSG $G c r 12 14",
        ];
        // Groups are named in no order.
        let told: Vec<_> = lines(&peer, &["RMSG", "HMSG"]).iter().map(|line| line.replace(" h g ", " g h ")).collect();
        assert_eq!(told, expected, "{kind:?}");
        let mut plain = Played::named("plain").without_headers().enter(&node);
        plain.flush("RS+ $G d\r\n");
        client.flush("HPUB d r 12 14\r\nNATS/1.0\r\n\r\nhi\r\n");
        plain.expect("RMSG $G d r 2");
    }
}

#[test]
fn servers_are_told_of_each_other() {
    for kind in [R, T] {
        let door = Door::new();
        let Some(node) = Node::start(kind, "n0", "c1", &[door.address()], &ClusterConfig::default()) else { return };
        // One it leads to by its configuration, and one that has come by itself.
        let mut explicit = door.next_of_pool(&Played::named("explicit").with("\"route_pool_size\":3"));
        explicit.flush("");
        let mut implicit = Played::named("implicit").with("\"route_pool_size\":3").enter(&node);
        let facts = "\"route_pool_size\":3,\"nonce\":\"secret\",\"connect_urls\":[\"192.0.2.1:4222\"]";
        let third = Played::named("third").with(facts);
        let _third = third.enter(&node);
        for (peer, mode) in [(&mut explicit, 2), (&mut implicit, 1)] {
            let info = told_of(peer, "third");
            assert_eq!(info["server_id"], third.id(), "{kind:?}");
            assert_eq!(info["gossip_mode"], mode, "{kind:?}: {info}");
            assert_eq!(info["ip"], "nats-route://127.0.0.1:1/", "{kind:?}");
            assert_eq!(info["connect_urls"][0], "192.0.2.1:4222", "{kind:?}");
            assert_eq!(info.get("nonce"), None, "{kind:?}");
        }
        // Clients hear of it, too.
        node.client().expect("192.0.2.1:4222");
        // A server may ask not to be told of.
        let _silent = Played::named("silent").with("\"route_pool_size\":3,\"gossip_mode\":1").enter(&node);
        implicit.flush("");
        assert!(!implicit.text().contains("\"server_name\":\"silent\""), "{kind:?}");
    }
}

#[test]
fn the_first_info_tells_what_is_configured() {
    for (lines, has, has_not) in [
        (
            "",
            &["\"compression\":\"accept\"", "\"route_pool_size\":3", "\"connect_urls\":["][..],
            &["\"ip\"", "\"auth_"][..],
        ),
        ("no_advertise: true", &[], &["connect_urls"]),
        ("pool_size: -1", &[], &["route_pool_size"]),
        ("compression: not_supported", &["\"compression\":\"not supported\""], &[]),
        ("compression: s2_auto", &["\"compression\":\"s2_auto\""], &[]),
        (
            "advertise: \"192.0.2.7:7777\"",
            &["\"host\":\"192.0.2.7\"", "\"port\":7777", "\"ip\":\"nats-route://192.0.2.7:7777/\""],
            &[],
        ),
        ("authorization { user: u, password: p }", &["\"auth_required\":true"], &[]),
        (
            "permissions { import: [\"a\", \"b\"], export { deny: \"c\" } }",
            &["\"import\":{\"allow\":[\"a\",\"b\"]}", "\"export\":{\"deny\":[\"c\"]}"],
            &[],
        ),
    ] {
        for (kind, node) in nodes(lines) {
            let info = RawClient::connect(node.route).expect("INFO {").line().into_owned();
            has.iter().for_each(|text| assert!(info.contains(text), "{kind:?} {lines}: {text} is not in {info}"));
            has_not.iter().for_each(|text| assert!(!info.contains(text), "{kind:?} {lines}: {text} is in {info}"));
        }
    }
}

#[test]
fn what_only_clients_say_is_passed_over() {
    for (kind, node) in nodes("") {
        let mut client = node.client();
        client.flush("SUB in 1\r\n");
        let mut peer = Played::named("peer").enter(&node);
        let said = ["SUB foo 1", "PUB in 2\r\nhi", "PUB in re 0\r\n", "HPUB in 12 14\r\nNATS/1.0\r\n\r\nhi"];
        peer.flush(said.join("\r\n") + "\r\nRS+ $G fine\r\nRS+ $G ended\r\nUNSUB $G ended\r\n");
        client.flush("PUB foo 0\r\n\r\nPUB ended 0\r\n\r\nPUB fine 0\r\n\r\n");
        peer.expect("RMSG $G fine 0");
        assert_eq!(lines(&peer, &["RMSG"]), ["RMSG $G fine 0"], "{kind:?}");
        assert!(!client.text().contains("MSG in"), "{kind:?}: {}", client.text());
    }
}

#[test]
fn a_group_whose_weight_is_no_number_gets_nothing() {
    for (kind, node) in nodes("") {
        let mut peer = Played::named("peer").enter(&node);
        let weights = ["x", "-1", "0", "9999999999", "3000000000"];
        for (number, weight) in weights.iter().enumerate() {
            peer.flush(format!("RS+ $G q.{number} g {weight}\r\nRS+ $G was.{number} g 1\r\n"));
            peer.flush(format!("RS+ $G was.{number} g {weight}\r\n"));
        }
        peer.flush("RS+ $G q.fine g 1\r\n");
        let mut client = node.client();
        for number in 0..weights.len() {
            client.flush(format!("PUB q.{number} 0\r\n\r\nPUB was.{number} 0\r\n\r\n"));
        }
        client.flush("PUB q.fine 0\r\n\r\n");
        peer.expect("RMSG $G q.fine | g 0");
        assert_eq!(lines(&peer, &["RMSG"]), ["RMSG $G q.fine | g 0"], "{kind:?}");
    }
}

#[test]
fn subjects_that_nobody_can_have_are_refused_alone() {
    for (kind, node) in nodes("") {
        let mut peer = Played::named("peer").enter(&node);
        peer.flush("RS+ $G a..b\r\nRS+ $G fine\r\n");
        assert_eq!(peer.count("-ERR 'Invalid Subscription'"), 1, "{kind:?}: {}", peer.text());
        node.client().flush("PUB fine 2\r\nhi\r\n");
        peer.expect("RMSG $G fine 2");
    }
}

#[test]
fn a_server_on_the_port_of_clients_is_sent_away() {
    for (kind, node) in nodes("") {
        let mut peer = RawClient::connect(node.process.address());
        peer.expect("INFO {");
        let played = Played::named("peer");
        peer.send(played.connect() + &played.info() + "RS+ $G a\r\n");
        peer.expect("-ERR 'Unknown Protocol Operation'");
        assert_eq!(peer.wait_closed(), Waited::Met, "{kind:?}");
        // A server that is configured to go there fares the same, and serves its own clients.
        let lost = Node::start(T, "lost", "c1", &[node.process.address()], &ClusterConfig::default());
        let lost = lost.expect("it starts");
        lost.process.wait_log("Route Error 'Unknown Protocol Operation'");
        let mut client = lost.client();
        client.flush("SUB own 1\r\nPUB own 0\r\n\r\n");
        client.expect("MSG own 1 0");
    }
}
