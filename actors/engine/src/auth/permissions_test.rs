//! The tables were recorded from nats-server 2.15.1.

use proptest::prelude::*;

use super::*;

fn strings(entries: &[&str]) -> Vec<String> {
    entries.iter().map(|entry| (*entry).to_owned()).collect()
}

fn rule(allow: Option<&[&str]>, deny: &[&str]) -> Option<SubjectPermission> {
    Some(SubjectPermission { allow: allow.map(strings), deny: strings(deny) })
}

fn publisher(allow: Option<&[&str]>, deny: &[&str]) -> CompiledPermissions {
    CompiledPermissions::compile(&Permissions { publish: rule(allow, deny), ..Permissions::default() })
}

fn subscriber(allow: Option<&[&str]>, deny: &[&str]) -> CompiledPermissions {
    CompiledPermissions::compile(&Permissions { subscribe: rule(allow, deny), ..Permissions::default() })
}

fn check_publish(allow: Option<&[&str]>, deny: &[&str], table: &[(&str, bool)]) {
    let compiled = Arc::new(publisher(allow, deny));
    let mut connection = ConnectionPermissions::new(Arc::clone(&compiled));
    for _ in 0..2 {
        for (subject, expected) in table {
            assert_eq!(compiled.allows_publish(subject.as_bytes()), *expected, "{subject}");
            assert_eq!(connection.can_publish(subject.as_bytes()), *expected, "{subject} with memory");
        }
    }
}

fn check_subscribe(allow: Option<&[&str]>, deny: &[&str], table: &[(&str, bool)]) {
    let compiled = subscriber(allow, deny);
    for (subscription, expected) in table {
        let (subject, queue) = subscription.split_once(' ').map_or((*subscription, None), |(s, q)| (s, Some(q)));
        let answer = compiled.allows_subscribe(subject.as_bytes(), queue.map(str::as_bytes));
        assert_eq!(answer, *expected, "{subscription} with allow {allow:?} deny {deny:?}");
    }
}

#[test]
fn publish_allow_list() {
    check_publish(
        Some(&["foo.*", "bar", "a.>"]),
        &[],
        &[
            ("foo.x", true),
            ("bar", true),
            ("baz", false),
            ("foo.*", true),
            ("foo.>", true),
            ("foo.", false),
            ("foo..x", false),
            ("a..b", false),
            (".a", false),
            ("a.>", true),
            ("a", false),
            ("foo.x.y", false),
        ],
    );
    check_publish(Some(&["foo.>"]), &[], &[("foo.>", true), ("foo.*", true), ("foo", false), (">", false)]);
    check_publish(Some(&[]), &[], &[("foo", false)]);
    check_publish(None, &[], &[("foo", true), ("", true)]);
}

#[test]
fn publish_deny_list() {
    check_publish(
        None,
        &["foo.*", "bar"],
        &[
            ("foo.x", false),
            ("bar", false),
            ("baz", true),
            ("foo.*", false),
            ("foo.>", false),
            ("foo..x", true),
            ("foo.", true),
            ("*", true),
            (">", true),
            ("*.x", true),
        ],
    );
    check_publish(Some(&["foo"]), &["foo"], &[("foo", false)]);
    check_publish(Some(&["a*"]), &["b*"], &[("a", false), ("ab", false), ("a*", true), ("b", false), ("b*", false)]);
}

#[test]
fn subscribe_allow_list() {
    check_subscribe(
        Some(&["foo.*", "bar", "b.>"]),
        &[],
        &[
            ("foo.x", true),
            ("foo.*", true),
            ("foo.>", false),
            (">", false),
            ("*", false),
            ("bar", true),
            ("bar q", true),
            ("b.>", true),
            ("b.*", true),
            ("b.*.>", true),
            ("foo.x.y", false),
            ("foo..x", false),
            ("foo.x q1", true),
            ("*.x", false),
        ],
    );
}

#[test]
fn subscribe_allow_list_with_queues() {
    check_subscribe(
        Some(&["foo q1", "bar", "baz q.*", "bz v1.>", "w.* q"]),
        &[],
        &[
            ("foo", false),
            ("foo q1", true),
            ("foo q2", false),
            ("bar", true),
            ("bar any", true),
            ("baz q.1", true),
            ("baz q", false),
            ("baz q.*", true),
            ("baz q.1.2", false),
            ("baz q.>", false),
            ("bz v1.a.b", true),
            ("bz v1", false),
            ("bz", false),
            ("w.a q", true),
            ("w.* q", true),
            ("w.> q", false),
            ("w.a", false),
        ],
    );
    check_subscribe(Some(&["foo q1", "foo"]), &[], &[("foo", true), ("foo q1", true), ("foo q2", false)]);
    let mixed = [("foo.x", true), ("foo.x q1", true), ("foo.x q2", false), ("foo.y q2", true)];
    check_subscribe(Some(&["foo.*", "foo.x q1"]), &[], &mixed);
    check_subscribe(Some(&["foo *"]), &[], &[("foo", false), ("foo a", true), ("foo a.b", false), ("foo >", false)]);
    check_subscribe(Some(&["foo >"]), &[], &[("foo", false), ("foo a..b", true), ("foo a.", true), ("foo >", true)]);
    check_subscribe(Some(&["foo \t q"]), &[], &[("foo", false), ("foo q", true)]);
}

#[test]
fn subscribe_deny_list() {
    check_subscribe(
        None,
        &["foo q1", "bar", "baz q.*", "w.* q"],
        &[
            ("foo", true),
            ("foo q1", false),
            ("foo q2", true),
            ("bar", false),
            ("bar q", false),
            ("baz q.1", false),
            ("baz q1", true),
            ("baz", true),
            (">", true),
            ("> q1", true),
            ("* q1", true),
            ("w.*", true),
            ("w.* q", false),
            ("w.a q", false),
            ("w.a", true),
        ],
    );
    check_subscribe(None, &["c.*", "d.>"], &[("c.>", false), ("d.>", false), ("d.*", false), ("*.x", true)]);
    check_subscribe(None, &["foo", "foo q1"], &[("foo", false), ("foo q1", false), ("foo q2", false)]);
    check_subscribe(Some(&["foo.*"]), &["foo.bar"], &[("foo.*", true), ("foo.bar", false), ("foo.a", true)]);
}

#[test]
fn wildcard_subscriptions_are_filtered() {
    for (deny, subscription, subject, dropped) in [
        ("foo.bar", "foo.*", "foo.bar", true),
        ("foo.bar", "foo.*", "foo.baz", false),
        ("foo.*.x", "foo.a.*", "foo.a.x", true),
        ("foo.*.x", "foo.a.>", "foo.a.y", false),
        ("foo.>", "*.a", "foo.a", true),
        ("a.*", "*.b", "a.b", true),
        ("a.*", "*.b", "x.b", false),
        ("foo.q q", "foo.* q", "foo.q", true),
        ("foo.q q", "foo.* z", "foo.q", false),
        ("foo.q q", "foo.*", "foo.q", false),
        ("foo.q q.*", "foo.* q.1", "foo.q", true),
        ("foo.q *", "foo.* z", "foo.q", true),
        ("foo.a", "foo.* q", "foo.a", true),
        ("foo*", "*", "fooz", false),
        ("foo*", "*", "foo*", true),
    ] {
        let compiled = subscriber(None, &[deny]);
        let (pattern, queue) = subscription.split_once(' ').map_or((subscription, None), |(s, q)| (s, Some(q)));
        assert!(compiled.allows_subscribe(pattern.as_bytes(), queue.map(str::as_bytes)), "{subscription} under {deny}");
        let filter = compiled.delivery_filter(pattern.as_bytes()).expect("the subscription takes in a denied subject");
        let answer = filter.denies(subject.as_bytes(), queue.map(str::as_bytes));
        assert_eq!(answer, dropped, "{subject} to {subscription} under {deny}");
    }
}

#[test]
fn subscriptions_apart_from_every_deny_need_no_filter() {
    let compiled = subscriber(None, &["foo.bar"]);
    for subscription in ["foo.baz", "baz.*", "foo.*.x", "foo.bar"] {
        assert!(compiled.delivery_filter(subscription.as_bytes()).is_none(), "{subscription}");
    }
    assert!(subscriber(Some(&["foo"]), &[]).delivery_filter(b">").is_none());
}

#[test]
fn reply_rights_alone_deny_other_publishes() {
    let responses = Some(ResponsePermission::default());
    let only = CompiledPermissions::compile(&Permissions { responses, ..Permissions::default() });
    assert!(!only.allows_publish(b"foo"));
    let publish = rule(Some(&["foo"]), &[]);
    let both = CompiledPermissions::compile(&Permissions { publish, responses, ..Permissions::default() });
    assert!(both.allows_publish(b"foo") && !both.allows_publish(b"bar"));
}

fn pattern() -> impl Strategy<Value = String> {
    let token = prop::sample::select(vec!["a", "b", "*"]);
    (prop::collection::vec(token, 0..3), prop::sample::select(vec!["a", "b", "*", ">"])).prop_map(|(mut t, end)| {
        t.push(end);
        t.join(".")
    })
}

proptest! {
    #[test]
    fn publish_agrees_with_plain_matching(
        allow in prop::option::of(prop::collection::vec(pattern(), 0..5)),
        deny in prop::collection::vec(pattern(), 0..5),
        subjects in prop::collection::vec("[ab.]{1,5}", 1..40),
    ) {
        let publish = Some(SubjectPermission { allow: allow.clone(), deny: deny.clone() });
        let compiled = CompiledPermissions::compile(&Permissions { publish, ..Permissions::default() });
        let mut connection = ConnectionPermissions::new(Arc::new(compiled));
        let any = |patterns: &[String], s: &str| patterns.iter().any(|p| subject::matches(s.as_bytes(), p.as_bytes()));
        for s in &subjects {
            let expected = allow.as_ref().is_none_or(|allow| any(allow, s)) && !any(&deny, s);
            prop_assert_eq!(connection.can_publish(s.as_bytes()), expected);
        }
    }
}
