//! Who may depend on whom: crates, rooms of the actors crate, actix.

use crate::source::{Source, root};

/// Crates by manifest, with the workspace crates they may depend on.
const CRATES: [(&str, &[&str]); 5] = [
    ("codecs/Cargo.toml", &[]),
    ("actors/engine/Cargo.toml", &["troupe-codecs"]),
    ("actors/store/Cargo.toml", &["troupe-codecs", "troupe-engine"]),
    ("actors/Cargo.toml", &["troupe-codecs", "troupe-engine", "troupe-store"]),
    ("Cargo.toml", &["troupe-codecs", "troupe-engine", "troupe-store", "troupe-actors"]),
];

/// Directories with the names their code must not use, and why.
const FORBIDDEN: [(&str, &[&str], &str); 3] = [
    (
        "codecs/src",
        &["actix", "tokio::", "std::fs", "std::thread", "Instant::now", "SystemTime::now"],
        "codecs are pure wire formats",
    ),
    (
        "actors/engine/src",
        &["actix", "tokio", "std::fs", "std::thread", "Instant::now", "SystemTime::now", "TcpStream", "TcpListener"],
        "the engine decides; it has no I/O, no thread, and time is an argument",
    ),
    ("actors/store/src", &["actix"], "the store has no actors"),
];

/// The rooms of `actors/src`, lowest first. A room may use rooms of lower levels, never another of its own level.
const ROOMS: [&[&str]; 11] = [
    &["profile", "queue", "metrics"],
    &["supervisor"],
    &["net"],
    &["connection"],
    &["router"],
    &["account"],
    &["auth"],
    &["client", "mqtt", "route", "gateway", "leaf", "jetstream"],
    &["report"],
    &["system"],
    &["handle"],
];

/// File names that may name actix in `actors/src`, each with the reason.
const ACTIX_FILES: [(&str, &str); 10] = [
    ("actor.rs", "the shell of a room: life and timers"),
    ("node.rs", "the shell of a server in a cluster"),
    ("peer.rs", "the shell of a connection to another server"),
    ("messages.rs", "what others ask of the shell"),
    ("inbound.rs", "methods of the shell: the loop over operations, which waits in the actor's context"),
    ("connect.rs", "methods of the shell: entering, which waits in the actor's context"),
    ("entry.rs", "from a socket to a started shell"),
    ("registry.rs", "shells by id, to send them messages"),
    ("listener.rs", "an actor in one file"),
    ("handle.rs", "the typed handle that hides an address"),
];
/// Paths below which, or at which, every file may name actix, each with the reason.
const ACTIX_PATHS: [(&str, &str); 7] = [
    ("actors/src/supervisor/", "it runs actors"),
    ("src/boot.rs", "it starts actors"),
    ("src/boot/", "it starts actors"),
    ("src/server.rs", "it owns the tasks that watch the actors"),
    ("src/shutdown.rs", "it tells clients to end"),
    ("src/process.rs", "it owns the system actors run in"),
    ("src/monitor/", "it serves HTTP with actix-web"),
];

#[test]
fn crates() {
    for (manifest, allowed) in CRATES {
        let Ok(text) = std::fs::read_to_string(root().join(manifest)) else { continue };
        for dependency in dependencies(&text).iter().filter(|name| name.starts_with("troupe")) {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{manifest} depends on {dependency}, allowed are {allowed:?}"
            );
        }
    }
}

#[test]
fn forbidden_names() {
    let mut broken = Vec::new();
    for (directory, names, why) in FORBIDDEN {
        for source in sources(&[directory]) {
            let code = source.code();
            let used = names.iter().filter(|name| uses(&code, name));
            broken.extend(used.map(|name| format!("{} uses {name}: {why}", source.path)));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn rooms() {
    let mut broken = Vec::new();
    for source in sources(&["actors/src"]) {
        let Some(room) = room_of(&source) else { continue };
        let Some(level) = level(&room) else {
            broken.push(format!("{}: the room {room} has no level yet, add it to ROOMS", source.path));
            continue;
        };
        for used in crate_uses(&source.code()) {
            let allowed = used == room || self::level(&used).is_none_or(|lower| lower < level);
            if !allowed {
                broken.push(format!("{}: {room} uses crate::{used}, which is not below it", source.path));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn actix_only_in_shells() {
    let sources = sources(&["actors/src", "src"]);
    let outside = sources.iter().filter(|source| {
        let allowed =
            ACTIX_FILES.iter().any(|(name, _)| source.path.starts_with("actors/") && source.file_name() == *name)
                || ACTIX_PATHS.iter().any(|(path, _)| source.path.starts_with(path));
        !allowed && uses(&source.code(), "actix")
    });
    let outside: Vec<&str> = outside.map(|source| source.path.as_str()).collect();
    assert!(
        outside.is_empty(),
        "actix may appear only in {ACTIX_FILES:?} and {ACTIX_PATHS:?}, use a typed handle in:\n{}",
        outside.join("\n")
    );
}

/// Reads the sources of directories, leaving out test modules: tests may look anywhere.
fn sources(directories: &[&str]) -> Vec<Source> {
    let mut sources = crate::source::sources(directories);
    sources.retain(|source| !source.is_test());
    sources
}

/// Returns the names in a manifest's `[dependencies]` table.
fn dependencies(manifest: &str) -> Vec<String> {
    let table = manifest.lines().skip_while(|line| line.trim() != "[dependencies]").skip(1);
    let lines = table.take_while(|line| !line.starts_with('['));
    let names = lines.filter_map(|line| line.split(['.', '=', ' ']).next());
    names.filter(|name| !name.is_empty() && !name.starts_with('#')).map(str::to_owned).collect()
}

/// Tells whether `name` appears in the code where a word starts.
fn uses(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    })
}

/// Returns the room a file of `actors/src` belongs to; `lib.rs` is the map and belongs to none.
fn room_of(source: &Source) -> Option<String> {
    let inside = source.path.strip_prefix("actors/src/")?;
    let room = inside.split('/').next()?.trim_end_matches(".rs");
    (room != "lib").then(|| room.to_owned())
}

/// Returns a room's level; names of the crate's root that are no rooms (re-exported types, macros) have none.
fn level(room: &str) -> Option<usize> {
    ROOMS.iter().position(|rooms| rooms.contains(&room))
}

/// Lists the first path segment after every `crate::`, groups opened.
fn crate_uses(code: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (at, found) in code.match_indices("crate::") {
        let rest = &code[at + found.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group_members(group)),
            None => names.push(word(rest)),
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Returns the first segments of the members of `{a::b, c, d::{e, f}}`, given the text after the opening brace.
fn group_members(group: &str) -> Vec<String> {
    let mut members = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            ',' | '}' if depth == 0 => {
                members.push(word(group[start..at].trim()));
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    members.retain(|member| !member.is_empty());
    members
}

fn word(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

#[test]
fn imports_are_read() {
    let code = "use crate::net::tls;\nuse crate::{router::{view, sink}, client, supervisor::child};\nfn f(x: crate::handle::H) {}";
    assert_eq!(crate_uses(code), ["client", "handle", "net", "router", "supervisor"]);
    assert!(level("queue") < level("client") && level("client") == level("leaf"));
    assert_eq!(
        dependencies("[x]\na = 1\n[dependencies]\nb.workspace = true\nc = \"1\"\n\n[dev-dependencies]\nd = 1"),
        ["b", "c"]
    );
    assert!(uses("use actix::Actor;", "actix") && !uses("my_actix()", "actix"));
}
