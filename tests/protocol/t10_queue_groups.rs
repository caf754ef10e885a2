//! Queue groups, in the cases where the chosen member is certain.

use troupe_tests::{A, B, C, compare, script};

#[test]
fn certain_members() {
    compare(
        "",
        [
            script("one member hears every message")
                .quiet(A)
                .flush(A, "SUB q1 workers 1\r\n")
                .flush(A, "PUB q1 1\r\na\r\nPUB q1 1\r\nb\r\nPUB q1 1\r\nc\r\n"),
            script("each group hears one copy")
                .quiet(A)
                .flush(A, "SUB q2 workers 1\r\n")
                .quiet(B)
                .flush(B, "SUB q2 loggers 1\r\n")
                .quiet(C)
                .flush(C, "PUB q2 1\r\na\r\n"),
            script("a plain subscription and a group each hear it")
                .quiet(A)
                .flush(A, "SUB q3 1\r\n")
                .quiet(B)
                .flush(B, "SUB q3 workers 1\r\n")
                .quiet(C)
                .flush(C, "PUB q3 1\r\na\r\n"),
            script("a member without echo is skipped for its own messages")
                .quiet_with(A, r#""echo":false"#)
                .flush(A, "SUB q4 workers 1\r\n")
                .quiet(B)
                .flush(B, "SUB q4 workers 1\r\n")
                .flush(A, (0..20).map(|n| format!("PUB q4 2\r\n{n:02}\r\n")).collect::<String>()),
            script("the only member without echo hears nothing of itself")
                .quiet_with(A, r#""echo":false"#)
                .flush(A, "SUB q5 workers 1\r\nPUB q5 1\r\na\r\n"),
            script("a member that left gets nothing")
                .quiet(A)
                .flush(A, "SUB q6 workers 1\r\n")
                .quiet(B)
                .flush(B, "SUB q6 workers 1\r\n")
                .flush(A, "UNSUB 1\r\n")
                .flush(B, (0..10).map(|n| format!("PUB q6 1\r\n{n}\r\n")).collect::<String>()),
            script("a group on a wildcard").quiet(A).flush(A, "SUB q7.* workers 1\r\nPUB q7.x re.ply 1\r\na\r\n"),
            script("the same group name on different subjects hears twice")
                .quiet(A)
                .flush(A, "SUB q8.a workers 1\r\n")
                .quiet(B)
                .flush(B, "SUB q8.b workers 1\r\n")
                .quiet(C)
                .flush(C, "PUB q8.a 1\r\na\r\nPUB q8.b 1\r\nb\r\n"),
            script("group names are case-sensitive")
                .quiet(A)
                .flush(A, "SUB q9 workers 1\r\n")
                .quiet(B)
                .flush(B, "SUB q9 Workers 1\r\n")
                .quiet(C)
                .flush(C, "PUB q9 1\r\na\r\n"),
            script("a group name with odd characters").quiet(A).flush(A, "SUB q10 a.*.> 1\r\nPUB q10 1\r\na\r\n"),
            script("verbose OK for a queue subscription").connect(A, r#""verbose":true"#).flush(A, "SUB q11 w 1\r\n"),
            script("auto-unsubscribe in a group passes the rest to nobody")
                .quiet(A)
                .flush(A, "SUB q12 workers 1\r\nUNSUB 1 2\r\n")
                .flush(A, "PUB q12 1\r\na\r\nPUB q12 1\r\nb\r\nPUB q12 1\r\nc\r\n"),
            script("auto-unsubscribe in a group passes the rest to the other member")
                .quiet(A)
                .flush(A, "SUB q13 workers 1\r\nPUB q13 1\r\na\r\n")
                .quiet(B)
                .flush(A, "UNSUB 1 1\r\n")
                .flush(B, "SUB q13 workers 7\r\nPUB q13 1\r\nb\r\nPUB q13 1\r\nc\r\n"),
            script("group members with headers and without")
                .quiet_with(A, r#""headers":true"#)
                .flush(A, "SUB q14 workers 1\r\nHPUB q14 12 14\r\nNATS/1.0\r\n\r\nhi\r\n"),
        ],
    );
}
