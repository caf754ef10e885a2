//! Leniencies of the parser: line ends, blanks, letter case, bytes that are skipped.

use troupe_tests::{A, Script, compare, script};

fn quietly(name: &str, bytes: &str) -> Script {
    script(name).quiet(A).flush(A, bytes)
}

#[test]
fn line_ends_and_blanks() {
    compare(
        "",
        [
            quietly("PING and a lone LF", "PING\n"),
            quietly("PUB and SUB with a lone LF", "SUB foo 1\nPUB foo 2\nhi\r\n"),
            quietly("UNSUB with a lone LF", "SUB foo 1\nUNSUB 1\nPUB foo 2\nhi\r\n"),
            quietly("two CRs before the LF of SUB", "SUB foo 1\r\r\nPUB foo 2\r\nhi\r\n"),
            quietly("two CRs before the LF of PING", "PING\r\r\n"),
            quietly("two CRs before the LF of PUB", "SUB foo 1\r\nPUB foo 2\r\r\nhi\r\n"),
            quietly("a CR within the arguments", "SUB fo\ro 1\r\nPUB foo 0\r\n\r\n"),
            quietly("tabs between arguments", "SUB\tfoo\t1\r\nPUB\tfoo\t2\r\nhi\r\n"),
            quietly("several spaces and tabs", "SUB  foo \t 1\r\nPUB \t foo   bar \t 2\r\nhi\r\n"),
            quietly("trailing blanks", "SUB foo 1  \r\nPUB foo 2 \t\r\nhi\r\nUNSUB 1 \r\n"),
            quietly("mixed case", "sUb foo 1\r\npUb foo 2\r\nhi\r\nuNsUb 1\r\npInG\r\npOnG\r\n"),
            quietly("an empty line", "\r\n"),
            quietly("a lone LF", "\n"),
            quietly("a leading space", " PING\r\n"),
            quietly("a leading tab", "\tPING\r\n"),
            quietly("a leading zero byte", "\0PING\r\n"),
        ],
    );
}

#[test]
fn ping_and_pong() {
    compare(
        "",
        [
            quietly("bytes after PING are skipped", "PING with things 1 2 3\r\n"),
            quietly("letters right after PING are skipped", "PINGED\r\n"),
            quietly("several PINGs", "PING\r\nPING\r\nPING\r\n"),
            quietly("PONG nobody asked for", "PONG\r\nPONG\r\n"),
            quietly("bytes after PONG are skipped", "PONG and more\r\nPONGED\r\n"),
            quietly("PONG with a lone LF", "PONG\n"),
            script("PING before CONNECT").flush(A, "PING\r\n"),
            script("PONG before CONNECT").flush(A, "PONG\r\n"),
            script("PING is not answered with OK in verbose mode").connect(A, r#""verbose":true"#).flush(A, "PONG\r\n"),
        ],
    );
}

#[test]
fn server_verbs_from_a_client() {
    compare(
        "",
        [
            quietly("+OK is accepted", "+OK\r\n"),
            quietly("+ok in lower case", "+ok\r\n"),
            quietly("+OK with more text", "+OK and more\r\n"),
            quietly("+ alone", "+\r\n"),
            quietly("+O with something else", "+ON\r\n"),
            quietly("-ERR closes", "-ERR 'something'\r\n"),
            quietly("-err in lower case", "-err x\r\n"),
            quietly("-ERR without text", "-ERR\r\n"),
            quietly("-E with something else", "-EX\r\n"),
            quietly("INFO with JSON", "INFO {}\r\n"),
            quietly("INFO with fields", "INFO {\"server_id\":\"X\",\"max_payload\":1}\r\n"),
            quietly("INFO without JSON", "INFO nothing\r\n"),
            quietly("INFO with nothing", "INFO\r\n"),
            quietly("INFO without a space", "INFO{}\r\n"),
            script("INFO before CONNECT").flush(A, "INFO {}\r\n"),
            quietly("MSG from a client", "SUB foo 1\r\nMSG foo 1 2\r\nhi\r\n"),
            quietly("MSG with a subject only", "MSG foo\r\n"),
            quietly("HMSG from a client", "HMSG foo 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"),
        ],
    );
}
