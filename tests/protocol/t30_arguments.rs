//! Wrong numbers of arguments and payloads that do not end where they should.

use troupe_tests::{A, B, Script, compare, script};

fn quietly(name: &str, bytes: &str) -> Script {
    script(name).quiet(A).flush(A, bytes)
}

#[test]
fn argument_counts() {
    compare(
        "",
        [
            quietly("PUB with a subject only", "PUB foo\r\n"),
            quietly("PUB with four arguments", "PUB foo bar baz 2\r\nhi\r\n"),
            quietly("PUB with blanks only", "PUB    \r\n"),
            quietly("SUB with a subject only", "SUB foo\r\n"),
            quietly("SUB with four arguments", "SUB foo bar baz 1\r\n"),
            quietly("SUB with blanks only", "SUB   \r\n"),
            quietly("UNSUB with three arguments", "UNSUB 1 2 3\r\n"),
            quietly("UNSUB with blanks only", "UNSUB   \r\n"),
            quietly("many arguments", "PUB a b c d e f g h 2\r\n"),
            script("wrong arguments in verbose mode").connect(A, "").flush(A, "SUB foo\r\n"),
            script("wrong arguments before CONNECT").flush(A, "PUB foo\r\n"),
            script("what was published before is delivered")
                .quiet(B)
                .flush(B, "SUB foo 1\r\n")
                .quiet(A)
                .flush(A, "PUB foo 2\r\nhi\r\nSUB\r\n"),
        ],
    );
}

#[test]
fn payload_ends() {
    compare(
        "",
        [
            quietly("a payload longer than announced", "PUB foo 2\r\nhello\r\n"),
            quietly("a payload ended by LF only", "PUB foo 2\r\nhi\nPING\r\n"),
            quietly("a payload ended by CR and something", "PUB foo 2\r\nhi\rxPING\r\n"),
            quietly("an empty payload without its line end", "PUB foo 0\r\nPING\r\n"),
            quietly("a payload shorter than announced swallows what follows", "PUB foo 9\r\nhi\r\n1234\r\r\n"),
            script("a wrong end in verbose mode").connect(A, "").flush(A, "PUB foo 2\r\nhello\r\n"),
            script("a client that leaves in the middle of a payload")
                .quiet(B)
                .flush(B, "SUB foo 1\r\n")
                .quiet(A)
                .send(A, "PUB foo 10\r\nhalf")
                .close(A)
                .flush(B, "PUB foo 2\r\nhi\r\n"),
        ],
    );
}
