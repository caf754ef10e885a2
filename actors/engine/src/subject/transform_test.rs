use proptest::prelude::*;
use troupe_codecs::subject::is_subset;

use super::transform::{Transform, tokenize, untokenize};

fn mapped(source: &str, destination: &str, subject: &str) -> Option<String> {
    let transform = Transform::new(source, destination).unwrap_or_else(|error| panic!("{destination}: {error}"));
    transform.matched(subject.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn subjects_are_mapped() {
    for (source, destination, subject, expected) in [
        ("foo", "bar", "foo", Some("bar")),
        ("foo", "bar", "baz", None),
        ("foo.*.*", "bar.$2.$1", "foo.a.b", Some("bar.b.a")),
        ("foo.*", "bar.$0", "foo.a", Some("bar.foo")),
        ("foo.*", "bar.$-1", "foo.a", Some("bar.foo")),
        ("foo.*", "bar.$x.$", "foo.a", Some("bar.$x.$")),
        ("foo.*.*", "bar.{{wildcard(2)}}.{{ Wildcard( 1 ) }}", "foo.a.b", Some("bar.b.a")),
        ("foo.*", "bar", "foo.a.b", None),
        ("foo.*", "bar", "foo.*", None),
        ("foo.*", "bar", "foo..", None),
        ("foo.>", "bar.>", "foo.a.b", Some("bar.a.b")),
        ("foo.>", ">", "foo.a.b", Some("a.b")),
        (">", "bar.>", "a.b", Some("bar.a.b")),
        ("", "bar.>", "a", Some("bar.a")),
        (">", ">", "a..b", Some("a..b")),
        ("foo.*.>", "$1.foo.>", "foo.a.b.c", Some("a.foo.b.c")),
        ("*.*.*", "p.{{partition(10,1,2)}}", "foo.bar.baz", Some("p.0")),
        ("*", "p.{{partition(10,1)}}", "foo", Some("p.3")),
        ("*", "p.{{partition(10,1)}}", "baz", Some("p.0")),
        ("*", "p.{{Partition(0,1)}}", "baz", Some("p.0")),
        ("foo.*", "p.{{partition(10)}}", "foo.bar", Some("p.6")),
        ("foo", "p.{{partition(1)}}", "foo", Some("p.0")),
        ("*", "a.{{random(1)}}.{{random(0)}}", "foo", Some("a.0.0")),
        ("*", "{{splitFromLeft(1,3)}}", "12345", Some("123.45")),
        ("*", "{{SplitFromRight(1,3)}}", "12345", Some("12.345")),
        ("*", "{{splitFromRight(1,5)}}", "12345", Some("12345")),
        ("*", "{{splitFromLeft(1,0)}}", "12345", Some("12345")),
        ("*", "{{sliceFromLeft(1,3)}}", "1234567890", Some("123.456.789.0")),
        ("*", "{{SliceFromRight(1,3)}}", "1234567890", Some("1.234.567.890")),
        ("*", "{{sliceFromLeft(1,10)}}", "1234567890", Some("1234567890")),
        ("*", "{{sliceFromRight(1,5)}}", "1234567890", Some("12345.67890")),
        ("*", "{{split(1,-)}}", "-abc-def--ghi-", Some("abc.def.ghi")),
        ("*", "{{split(1,-)}}", "abc-def--ghi-", Some("abc.def.ghi")),
        ("*", "{{split(1,-)}}", "--a", Some(".a")),
        ("*.*", "{{split(2,-)}}.{{splitfromleft(1,2)}}", "foo.-abc-def--ghij-", Some("abc.def.ghij.fo.o")),
        ("*", "{{split(1,)}}", "abé", Some("a.b.é")),
        ("*", "{{left(1,2)}}.{{Right(1,2)}}", "1234", Some("12.34")),
        ("*", "{{left(1,6)}}.{{right(1,0)}}", "1234", Some("1234.1234")),
        ("*", "a{{wildcard(1)}}", "b", Some("a{{wildcard(1)}}")),
        ("*", "{{foo}}{{wildcard(1)}}", "b", Some("b")),
    ] {
        assert_eq!(mapped(source, destination, subject).as_deref(), expected, "{source} {destination} {subject}");
    }
}

#[test]
fn faults_are_told_in_the_words_of_nats_server() {
    let invalid = "invalid mapping destination";
    for (source, destination, expected) in [
        ("foo.*", "bar.*", "invalid subject".to_owned()),
        ("foo.>", "bar", "invalid subject".to_owned()),
        ("foo", "bar.>", "invalid subject".to_owned()),
        ("foo", "", "invalid subject".to_owned()),
        ("foo..bar", "x", "invalid subject".to_owned()),
        ("foo.*", "bar.$2", format!("{invalid}: wildcard index out of range in $2: [2]")),
        ("foo", "bar.$1", format!("{invalid}: wildcard index out of range in $1")),
        (
            "*",
            "{{wildcard()}}",
            format!("{invalid}: not enough arguments passed to the function in {{{{wildcard()}}}}"),
        ),
        (
            "*",
            "{{wildcard(1,2)}}",
            format!("{invalid}: too many arguments passed to the function in {{{{wildcard(1,2)}}}}"),
        ),
        (
            "*",
            "{{split(1,a b)}}",
            format!("{invalid}: function argument is invalid or in the wrong format in {{{{split(1,a b)}}}}"),
        ),
        ("*", "{{unknown(1)}}", format!("{invalid}: unknown function in {{{{unknown(1)}}}}")),
        (
            "*",
            "{{random(1,2)}}",
            format!("{invalid}: not enough arguments passed to the function in {{{{random(1,2)}}}}"),
        ),
    ] {
        let error = Transform::new(source, destination).expect_err(destination);
        assert_eq!(error.to_string(), expected, "{source} {destination}");
    }
    for (source, destination, expected) in [
        (
            "*",
            "{{partition(2,1)}}",
            format!(
                "{invalid}: the only mapping function allowed for import transforms is {{{{Wildcard()}}}} in {{{{partition(2,1)}}}}"
            ),
        ),
        ("a.*.*", "b.$1", format!("{invalid}: not using all of the token wildcard(s) in b.$1")),
    ] {
        let error = Transform::strict(source, destination).expect_err(destination);
        assert_eq!(error.to_string(), expected, "{source} {destination}");
    }
}

#[test]
fn patterns_and_destinations_are_two_ways_of_writing() {
    assert_eq!(tokenize("foo.*.bar.*.>"), "foo.$1.bar.$2.>");
    assert_eq!(untokenize("foo.$2.{{wildcard(1)}}.$x"), ("foo.*.*.$x".to_owned(), vec!["$2", "{{wildcard(1)}}"]));
}

#[test]
fn a_strict_rule_leads_back() {
    for (source, destination, subject) in
        [("a.*.*", "b.$2.$1", "a.x.y"), ("a.*.>", "b.{{wildcard(1)}}.>", "a.x.y.z"), ("foo", "bar", "foo")]
    {
        let there = Transform::strict(source, destination).unwrap();
        let back = there.reverse().unwrap();
        let mapped = there.matched(subject.as_bytes()).unwrap();
        assert_eq!(back.matched(&mapped).as_deref(), Some(subject.as_bytes()), "{source} {destination}");
    }
}

proptest! {
    #[test]
    fn no_text_is_too_odd(source in "[a*>.]{0,8}", destination in "[a$1{}(,).>wildcrpto ]{0,24}", subject in "[a*>.]{0,8}") {
        if let Ok(transform) = Transform::new(&source, &destination) {
            let mapped = transform.matched(subject.as_bytes());
            prop_assert!(mapped.is_none() || source.is_empty() || is_subset(subject.as_bytes(), source.as_bytes()) || source == ">");
            let _ = transform.apply(subject.as_bytes());
            let _ = transform.reverse();
        }
        let _ = Transform::validate_mapping(&source, &destination);
    }
}
