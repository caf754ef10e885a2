//! The example cluster, and the containers of `docker-compose.yml`, run without Docker: each server on a loopback address of its own.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use troupe_tests::Config;
use troupe_tests::cluster::{Cluster, Kind, Node};
use troupe_tests::process::{ServerProcess, troupe_binary};
use troupe_tests::reference;
use troupe_tests::wait::eventually;

use crate::common::{R, T};

/// Where the image keeps its configuration.
const IN_IMAGE: &str = "/etc/nats/nats-server.conf";

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// A loopback address that no other test has: ports may stay as the files have them.
fn address(test: u8, number: u8) -> IpAddr {
    let own = u8::try_from(std::process::id() % 120).expect("below 120");
    Ipv4Addr::new(127, 100 + own, test, number).into()
}

fn start(kind: Kind, text: String, arguments: &[String]) -> Option<ServerProcess> {
    let binary = if kind == T { troupe_binary() } else { reference::binary()? };
    let config = Config::new(text).own_listener();
    Some(ServerProcess::start(&binary, &arguments.iter().fold(config, |config, argument| config.arg(argument))))
}

fn node(kind: Kind, name: &str, process: ServerProcess) -> Node {
    let route = process.wait_address("Listening for route connections on ");
    Node { kind, process, route, name: name.to_owned(), cluster: String::new() }
}

#[test]
fn the_example_cluster_comes_together() {
    for (test, last) in [(1, T), (2, R)] {
        let mut nodes = Vec::new();
        for (name, kind) in [("a", T), ("b", T), ("c", last)] {
            let text = read(&format!("conf/cluster-{name}.conf")).replace("127.0.0.1", &address(test, 1).to_string());
            let Some(process) = start(kind, text, &[]) else { return };
            nodes.push(node(kind, name, process));
        }
        let cluster = Cluster { nodes };
        cluster.settle("");
        for node in &cluster.nodes {
            eventually("all three in INFO", || {
                let info = node.client().frames()[0].clone();
                ["4222", "4223", "4224"].iter().all(|port| info.contains(&format!(":{port}\""))).then_some(())
            });
        }
    }
}

/// One service of the composition, as Compose understands it.
struct Service {
    name: String,
    own: Value,
}

impl Service {
    fn list(&self, key: &str) -> Vec<&str> {
        texts(&self.own[key])
    }

    /// Ports outside and inside.
    fn ports(&self) -> Vec<(&str, u64)> {
        let all = self.own["ports"].as_array().into_iter().flatten();
        all.map(|port| (port["published"].as_str().expect("text"), port["target"].as_u64().expect("a port"))).collect()
    }

    /// The program and its arguments that say whether the server is well.
    fn health(&self) -> Vec<&str> {
        let words = texts(&self.own["healthcheck"]["test"]);
        assert_eq!(words[0], "CMD", "{}", self.name);
        words[1..].to_vec()
    }
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|item| item.as_str().expect("text")).collect()
}

/// What Docker Compose makes of `docker-compose.yml` for a profile; none where there is no Compose.
fn composition(profile: &str) -> Option<Value> {
    let Some(compose) = std::env::var_os("TROUPE_TEST_COMPOSE") else {
        assert!(std::env::var_os("CI").is_none(), "TROUPE_TEST_COMPOSE does not name a docker-compose");
        eprintln!("SKIPPED: TROUPE_TEST_COMPOSE is not set, so nobody reads docker-compose.yml");
        return None;
    };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker-compose.yml");
    let mut command = Command::new(compose);
    command.arg("--file").arg(file).args(["--profile", profile, "config", "--format", "json"]);
    let output = command.output().expect("Compose can be started");
    let fault = |cause| panic!("{cause}: {}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap_or_else(fault))
}

fn services(document: &Value) -> Vec<Service> {
    let all = document["services"].as_object().expect("services").iter();
    all.map(|(name, own)| Service { name: name.clone(), own: own.clone() }).collect()
}

#[test]
fn the_composition_is_whole() {
    for (profile, expected) in [("single", &["single"][..]), ("cluster", &["a", "b", "c"])] {
        let Some(document) = composition(profile) else { return };
        let services = services(&document);
        assert_eq!(services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>(), expected);
        let mut taken = BTreeSet::new();
        for Service { name, own } in &services {
            assert_eq!(own["image"], "troupe", "{name}");
            assert_eq!(own["build"]["dockerfile"], "Dockerfile", "{name}");
            assert_eq!(own["restart"], "unless-stopped", "{name}");
            assert_eq!((&own["volumes"][0]["type"], &own["volumes"][0]["target"]), (&"volume".into(), &"/data".into()));
            let volume = own["volumes"][0]["source"].as_str().unwrap_or_else(|| panic!("{name} keeps nothing: {own}"));
            assert!(document["volumes"][volume].is_object() && taken.insert(volume.to_owned()), "{name}: {volume}");
        }
        for service in &services {
            let name = &service.name;
            assert!(service.health().join(" ").contains("GET /healthz "), "{name}");
            let inside: Vec<_> = service.ports().into_iter().map(|(_, inside)| inside).collect();
            assert_eq!(inside, [4222, 8222], "{name}: clients and the monitor");
            assert!(
                service.ports().iter().all(|(outside, _)| taken.insert((*outside).to_owned())),
                "{name}: a port twice"
            );
            let command = service.list("command");
            assert!(command.is_empty() || command[..2] == ["--config", IN_IMAGE], "{name}: {command:?}");
        }
    }
}

#[test]
fn the_image_has_what_the_composition_needs() {
    let text = read("Dockerfile");
    let has = |line: &str| assert!(text.lines().any(|own| own == line), "no {line:?} in\n{text}");
    has(&format!("COPY conf/docker.conf {IN_IMAGE}"));
    has("ENTRYPOINT [\"nats-server\"]");
    has(&format!("CMD [\"--config\", \"{IN_IMAGE}\"]"));
    has("USER nats");
    has("VOLUME /data");
    has("EXPOSE 4222 8222 6222");
    assert!(text.contains("ln -s troupe /usr/local/bin/nats-server"), "{text}");
    assert!(text.matches("FROM ").count() == 2, "it is built in one image and kept in another");
    let config = read("conf/docker.conf");
    for port in [4222, 8222, 6222] {
        assert!(config.contains(&format!("\"0.0.0.0:{port}\"")), "{config}");
    }
}

/// Runs what says whether the server at an address is well.
fn is_healthy(service: &Service, address: IpAddr) -> bool {
    let words: Vec<_> =
        service.health().into_iter().map(|word| word.replace("127.0.0.1", &address.to_string())).collect();
    Command::new(&words[0]).args(&words[1..]).output().expect("it can be started").status.success()
}

#[test]
fn the_containers_serve() {
    for (profile, test) in [("single", 3), ("cluster", 4)] {
        let Some(document) = composition(profile) else { return };
        let services = services(&document);
        let place = |name: &str| {
            let number = services.iter().position(|service| service.name == name).expect("a service of the profile");
            address(test, u8::try_from(number + 1).expect("few"))
        };
        let mut nodes = Vec::new();
        for service in &services {
            let own = place(&service.name);
            assert!(!is_healthy(service, own), "{} is well before it is there", service.name);
            let text = read("conf/docker.conf").replace("0.0.0.0", &own.to_string());
            let mut arguments: Vec<String> = service.list("command").iter().skip(2).map(ToString::to_string).collect();
            // What connects to a loopback address comes from 127.0.0.1: others have to be told where to go.
            arguments.extend(["--cluster_advertise".to_owned(), format!("{own}:6222")]);
            for other in &services {
                let named = format!("@{}:", other.name);
                let reached = format!("@{}:", place(&other.name));
                arguments.iter_mut().for_each(|argument| *argument = argument.replace(&named, &reached));
            }
            let process = start(T, text, &arguments).expect("the server under test is there");
            assert_eq!(process.address(), SocketAddr::new(own, 4222));
            nodes.push(node(T, &service.name, process));
        }
        let cluster = Cluster { nodes };
        cluster.settle("");
        for (service, node) in services.iter().zip(&cluster.nodes) {
            assert!(is_healthy(service, place(&service.name)), "{} is not well", service.name);
            if profile == "cluster" {
                assert_eq!(node.client().info_field("server_name"), service.name);
            }
        }
    }
}
