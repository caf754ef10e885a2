//! How many connections the server takes.

use troupe_tests::{A, B, C, compare, on_both, script};

#[test]
fn one_too_many() {
    compare(
        "max_connections: 2",
        [script("the third is refused").quiet(A).quiet(B).until_closed(C).flush(A, "").flush(B, "")],
    );
    compare(
        "max_connections: 1",
        [script("with CONNECT in flight").quiet(A).flush(B, "CONNECT {\"verbose\":false}\r\n")],
    );
    compare("max_conn: 1", [script("the short spelling").quiet(A).until_closed(B)]);
}

#[test]
fn none_at_all() {
    compare("max_connections: 0", [script("zero refuses all").quiet(A).quiet(B)]);
    compare("max_connections: -1", [script("a negative number refuses all").until_closed(A).until_closed(B)]);
}

#[test]
fn a_place_becomes_free() {
    on_both("max_connections: 1", |server| {
        let mut first = server.connect();
        first.flush("CONNECT {\"verbose\":false}\r\n");
        first.close();
        troupe_tests::wait::eventually("a place to become free", || {
            let mut next = server.connect();
            next.send("CONNECT {\"verbose\":false}\r\nPING\r\n");
            next.wait(|frames| frames.iter().any(|frame| frame.is("PONG")));
            (next.count("PONG") == 1).then_some(())
        });
    });
}
