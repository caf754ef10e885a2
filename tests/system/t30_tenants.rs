//! Two tenants: whatever one of them asks, subscribes to or publishes, it learns nothing of the other.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use troupe_tests::{RawClient, Server};

/// Stands in every name and payload of the first tenant.
const MARK: &str = "secretive";

const CONFIG: &str = r#"
server_name: S
http: "127.0.0.1:-1"
jetstream { store_dir: "<dir>" }
accounts {
  SYS { users: [ {user: sys, password: p} ] }
  SECRETIVE { users: [ {user: secretive-user, password: p} ], jetstream: enabled, mappings: { "secretive.old": "secretive.new" }, limits { messages_per_second: 100000 } }
  B { users: [ {user: b, password: p} ], jetstream: enabled }
}
system_account: SYS
"#;

fn enter(server: &Server, user: &str) -> RawClient {
    let mut client = server.connect();
    client.flush(format!(
        "CONNECT {{\"verbose\":false,\"headers\":true,\"no_responders\":true,\"echo\":false,\"name\":\"name-of-{user}\",\"lang\":\"raw\",\"version\":\"1\",\"user\":\"{user}\",\"pass\":\"p\"}}\r\n"
    ));
    client
}

/// The frames a client got, without the messages that say nobody is there: they carry the subject that was asked.
fn heard(client: &RawClient) -> Vec<String> {
    let texts = client.frames().iter().map(|frame| String::from_utf8_lossy(&frame.0).into_owned());
    texts.filter(|text| !text.contains("NATS/1.0 503")).collect()
}

fn settle(client: &mut RawClient, subject: &str, body: &str, number: usize) {
    client.send(format!("SUB answer.{number} n{number}\r\nPUB {subject} answer.{number} {}\r\n{body}\r\n", body.len()));
    let start = format!("MSG answer.{number} n{number} ");
    client.wait(|frames| frames.iter().any(|frame| frame.contains(&start)));
}

/// The first tenant with a stream, a consumer, messages and subscriptions.
fn busy_tenant(server: &Server) -> RawClient {
    let mut tenant = enter(server, "secretive-user");
    tenant.flush("SUB secretive.> 1\r\nSUB shared.subject group 2\r\n");
    settle(
        &mut tenant,
        "$JS.API.STREAM.CREATE.SECRETIVE",
        r#"{"name":"SECRETIVE","subjects":["kept.*"],"allow_direct":true}"#,
        1,
    );
    let consumer = r#"{"stream_name":"SECRETIVE","config":{"durable_name":"SECRETIVE","ack_policy":"explicit"}}"#;
    settle(&mut tenant, "$JS.API.CONSUMER.DURABLE.CREATE.SECRETIVE.SECRETIVE", consumer, 2);
    settle(&mut tenant, "kept.secretive", MARK, 3);
    tenant
}

fn subjects(id: &str) -> Vec<String> {
    const REPORTS: [&str; 18] = [
        "IDZ",
        "STATSZ",
        "VARZ",
        "SUBSZ",
        "CONNZ",
        "ROUTEZ",
        "GATEWAYZ",
        "LEAFZ",
        "ACCOUNTZ",
        "JSZ",
        "HEALTHZ",
        "IPQUEUESZ",
        "RAFTZ",
        "EXPVARZ",
        "PROFILEZ",
        "KICK",
        "LDM",
        "RELOAD",
    ];
    const OF_ACCOUNTS: [&str; 8] = ["SUBSZ", "CONNZ", "LEAFZ", "JSZ", "INFO", "STATZ", "CONNS", "CLAIMS.LOOKUP"];
    let mut all = vec!["$SYS.REQ.SERVER.PING".to_owned(), "$SYS.DEBUG.SUBSCRIBERS".to_owned()];
    for report in REPORTS {
        all.extend(["PING", id].map(|server| format!("$SYS.REQ.SERVER.{server}.{report}")));
    }
    for report in OF_ACCOUNTS {
        all.extend(["PING", "SECRETIVE", "B"].map(|account| format!("$SYS.REQ.ACCOUNT.{account}.{report}")));
    }
    all.extend(["$SYS.REQ.USER.INFO", "$SYS.REQ.USER.SECRETIVE.INFO", "$SYS.REQ.USER.AUTH"].map(str::to_owned));
    all.extend(["UPDATE", "LIST", "DELETE", "PACK"].map(|claims| format!("$SYS.REQ.CLAIMS.{claims}")));
    let of_streams = [
        "INFO",
        "ACCOUNT.INFO",
        "STREAM.NAMES",
        "STREAM.LIST",
        "STREAM.INFO.SECRETIVE",
        "STREAM.MSG.GET.SECRETIVE",
        "STREAM.PURGE.SECRETIVE",
        "STREAM.DELETE.SECRETIVE",
        "STREAM.SNAPSHOT.SECRETIVE",
        "CONSUMER.NAMES.SECRETIVE",
        "CONSUMER.LIST.SECRETIVE",
        "CONSUMER.INFO.SECRETIVE.SECRETIVE",
        "CONSUMER.MSG.NEXT.SECRETIVE.SECRETIVE",
        "CONSUMER.DELETE.SECRETIVE.SECRETIVE",
        "DIRECT.GET.SECRETIVE",
        "DIRECT.GET.SECRETIVE.kept.secretive",
        "META.LEADER.STEPDOWN",
        "SERVER.REMOVE",
        "ACCOUNT.PURGE.SECRETIVE",
    ];
    all.extend(of_streams.map(|request| format!("$JS.API.{request}")));
    all.push("$JS.ACK.SECRETIVE.SECRETIVE.1.1.1.1.0".to_owned());
    all
}

const BODIES: [&str; 5] = [
    "",
    r#"{"acc":"SECRETIVE","account":"SECRETIVE","auth":true,"subscriptions":true,"subscriptions_detail":true,"state":2}"#,
    r#"{"accounts":["SECRETIVE"],"include_unused":true,"streams":true,"consumer":true,"config":true}"#,
    r#"{"seq":1,"last_by_subj":"kept.secretive","filter_subject":"secretive.subject","user":"secretive-user"}"#,
    "secretive.subject",
];

#[test]
fn no_request_and_no_subscription_shows_another_tenant() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::troupe(CONFIG.replace("<dir>", &dir.path().to_string_lossy()).as_str());
    let mut tenant = busy_tenant(&server);
    let id = tenant.info_field("server_id");
    let mut other = enter(&server, "b");
    other.flush("SUB > all\r\nSUB $SYS.> system\r\nSUB $JS.> streams\r\nSUB _R_.> replies\r\nSUB _INBOX.> inboxes\r\n");
    for (number, subject) in subjects(&id).iter().enumerate() {
        for (which, body) in BODIES.iter().enumerate() {
            let number = number * BODIES.len() + which + 10;
            other.send(format!(
                "SUB b.{number} b{number}\r\nPUB {subject} b.{number} {}\r\n{body}\r\nUNSUB b{number} 2\r\n",
                body.len()
            ));
        }
        other.flush("");
    }
    // What the other one does meanwhile is nobody's business.
    tenant.flush("PUB shared.subject 9\r\nsecretive\r\nPUB secretive.old 9\r\nsecretive\r\n");
    settle(&mut tenant, "kept.secretive", MARK, 4);
    enter(&server, "secretive-user").close();
    let trace = "NATS/1.0\r\nNats-Trace-Dest: own.trace\r\n\r\n";
    other.flush(format!("HPUB shared.subject {0} {0}\r\n{trace}\r\n", trace.len()));
    tenant.flush("");
    other.flush("");
    // Events of JetStream tell whoever asked what it asked.
    let is_own = |frame: &String| frame.starts_with("MSG $JS.EVENT.ADVISORY.API ");
    for frame in heard(&other).into_iter().filter(|frame| !is_own(frame)) {
        assert!(!frame.to_lowercase().contains(MARK), "{frame}");
    }
    assert!(!tenant.frames().iter().any(|frame| frame.contains("\"events\":[")), "a trace crossed: {}", tenant.text());
}

fn get(server: &Server, path: &str) -> String {
    let address = server.wait_address("Starting http monitor on ");
    let mut stream = TcpStream::connect(address).expect("the monitor listens");
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
        .expect("it takes it");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn reports_about_one_account_say_nothing_of_another() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::troupe(CONFIG.replace("<dir>", &dir.path().to_string_lossy()).as_str());
    let _tenant = busy_tenant(&server);
    let mut other = enter(&server, "b");
    other.flush("SUB own.subject 1\r\n");
    let paths = [
        "/connz?acc=B&auth=1&subs=detail&state=all",
        "/subsz?acc=B&subs=1",
        "/accountz?acc=B",
        "/jsz?acc=B&accounts=1&streams=1&consumers=1&config=1",
        "/leafz?acc=B&subs=1",
        "/dashboard/connections?acc=B",
    ];
    for path in paths {
        let answer = get(&server, path);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        assert!(!answer.to_lowercase().contains(MARK), "{path}: {answer}");
    }
}
