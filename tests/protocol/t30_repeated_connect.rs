//! CONNECT sent again on a connection that is already at work.

use troupe_tests::{A, B, compare, script};

#[test]
fn connect_again() {
    compare(
        "",
        [
            script("verbose switched off and on")
                .connect(A, r#""verbose":false"#)
                .connect(A, r#""verbose":true"#)
                .flush(A, "SUB foo 1\r\n")
                .connect(A, r#""verbose":false"#)
                .flush(A, "SUB bar 2\r\n"),
            script("options left out keep their value")
                .connect(A, r#""verbose":false,"pedantic":false"#)
                .connect(A, "")
                .flush(A, "SUB foo 1\r\nPUB foo.* 0\r\n\r\n"),
            script("subscriptions stay").quiet(A).flush(A, "SUB foo 1\r\n").quiet(A).flush(A, "PUB foo 2\r\nhi\r\n"),
            script("echo switched off")
                .quiet(A)
                .flush(A, "SUB foo 1\r\nPUB foo 1\r\na\r\n")
                .quiet_with(A, r#""echo":false"#)
                .flush(A, "PUB foo 1\r\nb\r\n"),
            script("headers switched on")
                .quiet(A)
                .flush(A, "SUB foo 1\r\n")
                .quiet_with(A, r#""headers":true"#)
                .flush(A, "HPUB foo 12 12\r\nNATS/1.0\r\n\r\n\r\n"),
            script("headers switched off")
                .quiet_with(A, r#""headers":true"#)
                .flush(A, "SUB foo 1\r\n")
                .quiet_with(A, r#""headers":false"#)
                .quiet_with(B, r#""headers":true"#)
                .flush(B, "HPUB foo 12 12\r\nNATS/1.0\r\n\r\n\r\n"),
            script("protocol 1 announced late hears no second INFO")
                .quiet(A)
                .quiet_with(A, r#""protocol":1"#)
                .flush(A, ""),
            script("a second CONNECT that is refused").quiet(A).connect(A, r#""protocol":7"#),
            script("a second CONNECT with broken JSON").quiet(A).flush(A, "CONNECT {\r\n"),
            script("a second CONNECT with an account").quiet(A).connect(A, r#""account":"A""#),
        ],
    );
}
