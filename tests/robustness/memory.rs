//! Memory of a running server.

use troupe_tests::Server;

/// Resident memory of the server's process, in bytes.
///
/// # Panics
/// Panics where the system does not tell.
pub(crate) fn resident(server: &Server) -> usize {
    let path = format!("/proc/{}/status", server.pid());
    let status = std::fs::read_to_string(path).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the system tells resident memory");
    let kilobytes: usize = line.trim().trim_end_matches("kB").trim().parse().expect("a number of kB");
    kilobytes * 1024
}

/// Insists that the server still serves and that no actor of it panicked.
///
/// # Panics
/// Panics when it does not.
pub(crate) fn check_alive(server: &Server) {
    let mut client = server.connect();
    client.flush("CONNECT {\"verbose\":false}\r\nSUB alive 1\r\nPUB alive 2\r\nhi\r\n");
    assert_eq!(client.count("MSG alive 1 2\r\nhi"), 1, "{}", client.text());
    let panics: Vec<String> = server.log().into_iter().filter(|line| line.contains("panic")).collect();
    assert!(panics.is_empty(), "{}", panics.join("\n"));
}
