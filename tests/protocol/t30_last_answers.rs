//! What a connection still hears before it is closed for its last operation.

use troupe_tests::{A, compare, script};

/// Answers and messages of one read, in front of an operation that closes the connection.
#[test]
fn answers_before_a_fatal_operation() {
    compare(
        "",
        [
            script("a PONG before an error of the client")
                .quiet(A)
                .send(A, "PING\r\n-ERR 'enough'\r\n")
                .until_closed(A),
            script("a message before an error of the client")
                .quiet(A)
                .flush(A, "SUB last.a 1\r\n")
                .send(A, "PUB last.a 2\r\nhi\r\nPING\r\n-ERR 'enough'\r\n")
                .until_closed(A),
            script("a PONG before headers that are off")
                .connect(A, r#""verbose":false,"headers":false"#)
                .send(A, "PING\r\nHPUB last.b 12 14\r\nNATS/1.0\r\n\r\nhi\r\n")
                .until_closed(A),
            script("a PONG before an INFO that is no JSON").quiet(A).send(A, "PING\r\nINFO {\r\n").until_closed(A),
            script("a PONG before a CONNECT that is no JSON").quiet(A).send(A, "PING\r\nCONNECT {\r\n").until_closed(A),
            script("a PONG before an unknown verb").quiet(A).send(A, "PING\r\nXYZ\r\n").until_closed(A),
        ],
    );
}
