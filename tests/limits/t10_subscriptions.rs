//! How many subscriptions a connection may have, and how many tokens in one.

use troupe_tests::{A, B, compare, script};

#[test]
fn number_of_subscriptions() {
    compare(
        "max_subscriptions: 3",
        [
            script("the fourth is refused and the connection stays")
                .quiet(A)
                .flush(A, "SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB d 4\r\nSUB e 5\r\nPUB d 0\r\n\r\nPUB a 0\r\n\r\n"),
            script("room is made by UNSUB")
                .quiet(A)
                .flush(A, "SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nUNSUB 2\r\nSUB d 4\r\nSUB e 5\r\n"),
            script("a duplicate sid does not count")
                .quiet(A)
                .flush(A, "SUB a 1\r\nSUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB d 4\r\n"),
            script("a duplicate sid at the limit").quiet(A).flush(A, "SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB c 3\r\n"),
            script("verbose: an error instead of the OK")
                .connect(A, "")
                .flush(A, "SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB d 4\r\n"),
            script("room is made by auto-unsubscribe")
                .quiet(A)
                .flush(A, "SUB a 1\r\nUNSUB 1 1\r\nSUB b 2\r\nSUB c 3\r\nPUB a 0\r\n\r\n")
                .flush(A, "SUB d 4\r\nSUB e 5\r\n"),
            script("an invalid subject at the limit")
                .quiet(A)
                .flush(A, "SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB a..b 4\r\n"),
            script("each connection has its own count")
                .quiet(A)
                .flush(A, "SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n")
                .quiet(B)
                .flush(B, "SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nSUB d 4\r\n"),
        ],
    );
    compare("max_subs: 1", [script("the short spelling").quiet(A).flush(A, "SUB a 1\r\nSUB b 2\r\n")]);
}

#[test]
fn number_of_tokens() {
    compare(
        "max_sub_tokens: 3",
        [
            script("at and over the limit").quiet(A).flush(A, "SUB a.b.c 1\r\nSUB a.b.c.d 2\r\nSUB a.b.c.d q 3\r\n"),
            script("wildcards count").quiet(A).flush(A, "SUB *.*.> 1\r\nSUB *.*.*.> 2\r\n"),
            script("publishing has no such limit").quiet(A).flush(A, "SUB > 1\r\nPUB a.b.c.d.e 0\r\n\r\n"),
            script("verbose").connect(A, "").flush(A, "SUB a.b.c.d 1\r\n"),
            script("quoting").quiet(A).flush(A, "SUB a.b.\"c\\.d\x07 1\r\n"),
        ],
    );
}

#[test]
fn permission_before_tokens_before_count() {
    compare(
        "max_subscriptions: 1\nmax_sub_tokens: 2\nauthorization { users: [ {user: u, password: p, permissions: {subscribe: [\"a.>\"]}} ] }",
        [script("every limit at once")
            .quiet_with(A, r#""user":"u","pass":"p""#)
            .flush(A, "SUB a.b 1\r\nSUB b.c.d 2\r\nSUB a.b.c 3\r\nSUB a.c 4\r\nSUB a..c 5\r\n")],
    );
}
