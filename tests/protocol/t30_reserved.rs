//! Subjects and queue names the server keeps for itself.

use troupe_tests::{A, Script, compare, script};

fn publishing(subject_and_reply: &str) -> Script {
    script(format!("PUB {subject_and_reply}"))
        .quiet(A)
        .flush(A, format!("SUB > 1\r\nPUB {subject_and_reply} 2\r\nhi\r\n"))
}

fn subscribing(line: &str) -> Script {
    script(line).connect(A, r#""verbose":true,"pedantic":false"#).flush(A, format!("{line}\r\n"))
}

#[test]
fn reserved_publishes() {
    compare(
        "",
        [
            publishing("_GR_.x.y"),
            publishing("_GR_.abc"),
            publishing("_GR_"),
            publishing("$GR.abc.d"),
            publishing("_R_.x"),
            publishing("_R_.abcdef.g"),
            publishing("$JS.ACK.a.b"),
            publishing("$NRG.V.x"),
            publishing("$NRG"),
            publishing("$SYS.REQ.SERVER.PING"),
            publishing("$SYS.anything"),
            publishing("$KV.b.k"),
            publishing("_INBOX.a"),
            publishing("foo _GR_.x.y"),
            publishing("foo _R_.x"),
            publishing("foo _R_.abcdef.g"),
            publishing("foo $JS.ACK.a.b.c"),
            publishing("foo $JS.ACK"),
            publishing("foo $GR.x"),
            publishing("foo _INBOX.x"),
            publishing("$NRG.x _R_.y"),
            script("verbose: no OK for a reserved subject").connect(A, "").flush(A, "PUB _GR_.x 2\r\nhi\r\n"),
            script("verbose: no OK for a reserved reply").connect(A, "").flush(A, "PUB foo _R_.x 2\r\nhi\r\n"),
        ],
    );
}

#[test]
fn reserved_subscriptions() {
    compare(
        "",
        [
            subscribing("SUB foo _sys_ 1"),
            subscribing("SUB foo _SYS_ 1"),
            subscribing("SUB foo _sys_x 1"),
            subscribing("SUB _GR_.> 1"),
            subscribing("SUB _R_.> 1"),
            subscribing("SUB $NRG.> 1"),
            subscribing("SUB $JS.ACK.> 1"),
            subscribing("SUB $SYS.> 1"),
            subscribing("SUB $SYS.REQ.> q 1"),
        ],
    );
}
