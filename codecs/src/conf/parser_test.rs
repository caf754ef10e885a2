//! Tables over the whole language.

use std::collections::HashMap;

use super::*;

/// Files and variables in memory.
#[derive(Default)]
struct Memory {
    files: HashMap<String, String>,
    environment: HashMap<String, String>,
}

impl Memory {
    fn file(mut self, name: &str, text: &str) -> Self {
        self.files.insert(name.to_owned(), text.to_owned());
        self
    }

    fn variable(mut self, name: &str, text: &str) -> Self {
        self.environment.insert(name.to_owned(), text.to_owned());
        self
    }
}

impl Resolver for Memory {
    fn include(&self, _including_file: &str, path: &str) -> Result<Included, String> {
        let text = self.files.get(path).ok_or_else(|| format!("open {path}: no such file or directory"))?;
        Ok(Included { file: path.to_owned(), text: text.clone().into_bytes() })
    }

    fn environment(&self, name: &str) -> Option<String> {
        self.environment.get(name).cloned()
    }
}

fn json_with(text: &str, resolver: &Memory) -> String {
    match parse(text.as_bytes(), "t.conf", resolver) {
        Ok(document) => document.to_json().trim_end().to_owned(),
        Err(error) => error.to_string(),
    }
}

fn json(text: &str) -> String {
    json_with(text, &Memory::default())
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(json(text), *expected, "{text:?}");
    }
}

#[test]
fn separators_comments_and_braces() {
    check(&[
        ("", "{}"),
        ("a 1", r#"{"a":1}"#),
        ("a: 1\nb = 2\nc 3", r#"{"a":1,"b":2,"c":3}"#),
        ("a: 1; b: 2, c: 3", r#"{"a":1,"b":2,"c":3}"#),
        ("a\n1", r#"{"a":1}"#),
        ("# one\n// two\na: 1 # three\nb: 2 // four", r#"{"a":1,"b":2}"#),
        ("{ \"a\": 1, \"b\": [1, 2] }", r#"{"a":1,"b":[1,2]}"#),
        ("{\n a: 1 # x\n b: 2\n}\n", r#"{"a":1,"b":2}"#),
        ("\"a\":1,\"b\":2}", r#"{"a":1,"b":2}"#),
        ("a { b: 1, c = x; d y\n e { f: 2 } }", r#"{"a":{"b":1,"c":"x","d":"y","e":{"f":2}}}"#),
        ("a {\n b:\n 1\n}", r#"{"a":{"b":1}}"#),
        ("a [ x, y\n z, ]", r#"{"a":["x","y","z"]}"#),
        ("a [1,2]", r#"{"a":[1,2]}"#),
        ("a []\nb {}", r#"{"a":[],"b":{}}"#),
        ("a [{b: 1}, {b: 2}]", r#"{"a":[{"b":1},{"b":2}]}"#),
        ("a: 1\na: 2", r#"{"a":2}"#),
        ("'a b': 1\n\"c:d\": 2", r#"{"a b":1,"c:d":2}"#),
    ]);
}

#[test]
fn scalars() {
    check(&[
        ("a: true\nb: OFF\nc: Yes\nd: 'true'", r#"{"a":true,"b":false,"c":true,"d":"true"}"#),
        (
            "a: -5\nb: 1k\nc: 1KB\nd: 2MiB\ne: 3g\nf: 1e",
            r#"{"a":-5,"b":1000,"c":1024,"d":2097152,"e":3000000000,"f":1000000000000000000}"#,
        ),
        ("a: 1.5\nb: -0.25\nc: 2.0", r#"{"a":1.5,"b":-0.25,"c":2}"#),
        (
            "a: 127.0.0.1\nb: 127.0.0.1:4222\nc: localhost:80",
            r#"{"a":"127.0.0.1","b":"127.0.0.1:4222","c":"localhost:80"}"#,
        ),
        ("a: 30s\nb: 10ms\nc: 1h\nd: 2m", r#"{"a":"30s","b":"10ms","c":"1h","d":2000000}"#),
        ("a: 2016-05-04T18:53:41Z", r#"{"a":"2016-05-04T18:53:41Z"}"#),
        ("a: \"x\\ty\\x41\\\"\\\\\"\nb: 'x\\ty'\nc: x\\ty", r#"{"a":"x\tyA\"\\","b":"x\\ty","c":"x\ty"}"#),
        ("a: \"two\nlines\"", r#"{"a":"two\nlines"}"#),
        ("a: (\nx: 1\n  )\n)\nb: 2", r#"{"a":"\nx: 1\n  )\n","b":2}"#),
        ("a: x#y", r##"{"a":"x#y"}"##),
        ("a: $2a$10$abc.def", r#"{"a":"$2a$10$abc.def"}"#),
        ("a: <b>&", "{\"a\":\"\\u003cb\\u003e\\u0026\"}"),
    ]);
}

#[test]
fn words_that_start_with_digits_are_text() {
    check(&[
        ("a: 4e2abc\nb: 33feda\nc: 4222abc", r#"{"a":"4e2abc","b":"33feda","c":"4222abc"}"#),
        ("a: 2m30s\nb: 1.5s\nc: 10kbb\nd: 123-456", r#"{"a":"2m30s","b":"1.5s","c":"10kbb","d":"123-456"}"#),
    ]);
}

#[test]
fn variables() {
    let memory =
        Memory::default().variable("PORT", "4222").variable("MAP", "{ x: [1, two] }").variable("NEXT", "$PORT");
    let cases = [
        ("a: 1\nb: $a", r#"{"a":1,"b":1}"#),
        ("a: 1\nm { a: 2, b: $a }\nc: $a", r#"{"a":1,"c":1,"m":{"a":2,"b":2}}"#),
        ("m { a: 2 }\nb: [$PORT, $MAP, $NEXT]", r#"{"b":[4222,{"x":[1,"two"]},4222],"m":{"a":2}}"#),
        ("PORT: 1\na: $PORT", r#"{"PORT":1,"a":1}"#),
        ("a: '$PORT'", r#"{"a":"$PORT"}"#),
    ];
    for (text, expected) in cases {
        assert_eq!(json_with(text, &memory), expected, "{text:?}");
    }
    let Ok(document) = parse(b"a: 1\nb: $a\nc: [$a]", "t.conf", &memory) else { panic!("it parses") };
    let used: Vec<_> = document.root.iter().map(|entry| (entry.used_as_variable, entry.value.from_variable)).collect();
    assert_eq!(used, [(true, false), (false, true), (false, false)]);
}

#[test]
fn variable_errors() {
    let memory = Memory::default().variable("A", "$B").variable("B", "$A").variable("BAD", "{");
    let cases = [
        ("x: $NONE", "t.conf:1:3: variable reference for 'NONE' on line 1 can not be found"),
        (
            "x: $A",
            "t.conf:1:3: variable reference for 'A' on line 1 could not be parsed: variable reference for 'B' on line 1 \
             could not be parsed: variable reference for 'A' on line 1 could not be parsed: variable reference cycle for 'A'",
        ),
        (
            "\nx: $BAD",
            "t.conf:2:4: variable reference for 'BAD' on line 2 could not be parsed: Parse error on line 1: \
             'Unexpected EOF processing map.'",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(json_with(text, &memory), expected, "{text:?}");
    }
}

#[test]
fn includes() {
    let memory = Memory::default()
        .file("a.conf", "x: 1\ny: 2")
        .file("bad.conf", "\nx: {")
        .file("self.conf", "include self.conf")
        .file("deep.conf", "m { include 'a.conf' }");
    let cases = [
        ("include a.conf\nz: 3", r#"{"x":1,"y":2,"z":3}"#),
        ("include \"a.conf\"\nz: $x", r#"{"x":1,"y":2,"z":1}"#),
        ("m { include 'a.conf'; z: 3 }", r#"{"m":{"x":1,"y":2,"z":3}}"#),
        ("include deep.conf", r#"{"m":{"x":1,"y":2}}"#),
        ("include: 3", r#"{"include":3}"#),
        (
            "a: 1\ninclude bad.conf",
            "t.conf:2:1: error parsing include file 'bad.conf', bad.conf:2:5: Parse error on line 2: \
             'Unexpected EOF processing map.'",
        ),
        ("include none", "t.conf:1:0: error parsing include file 'none', open none: no such file or directory"),
    ];
    for (text, expected) in cases {
        assert_eq!(json_with(text, &memory), expected, "{text:?}");
    }
    assert!(json_with("include self.conf", &memory).ends_with("includes or variables are nested too deeply"));
}

#[test]
fn errors_have_places() {
    let cases = [
        ("a:\n1", "t.conf:2:1: Parse error on line 2: 'Expected value but found new line'"),
        ("a", "t.conf:1:1: config is invalid (t.conf:1:1)"),
        (":", "t.conf:1:0: Parse error on line 1: 'Unexpected key separator ':''"),
        ("a { : 1 }", "t.conf:1:4: Parse error on line 1: 'Unexpected key separator ':'.'"),
        ("a: [1,,2]", "t.conf:1:7: Parse error on line 1: 'Unexpected array value terminator ','.'"),
        (
            "a: \"\\q\"",
            "t.conf:1:6: Parse error on line 1: 'Invalid escape character 'q'. Only the following escape characters are allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.'",
        ),
        (
            "a: \"\\xzz\"",
            "t.conf:1:8: Parse error on line 1: 'Expected two hexadecimal digits after '\\x', but got 'zz''",
        ),
        ("a: .5", "t.conf:1:4: Parse error on line 1: 'Floats must start with a digit'"),
        (
            "a: 5.",
            "t.conf:1:5: Parse error on line 1: 'Floats must have a digit after the '.', but got 'EOF' instead.'",
        ),
        ("a: -x", "t.conf:1:5: Parse error on line 1: 'Expected a digit but got 'x'.'"),
        (
            "a: 99999999999999999999",
            "t.conf:1:23: Parse error on line 1: 'integer '99999999999999999999' is out of the range'",
        ),
        ("a: 9999999999gb", "t.conf:1:15: Parse error on line 1: 'integer '9999999999gb' is out of the range'"),
        (
            "a: 2016-05-04X",
            "t.conf:1:14: Parse error on line 1: 'Expected 'T' in ISO8601 datetime, but found 'X' instead.'",
        ),
        (
            "a: 2016-13-04T18:53:41Z",
            "t.conf:1:23: Parse error on line 1: 'expected Zulu formatted DateTime, but got '2016-13-04T18:53:41Z''",
        ),
        (
            "a: 'x' y",
            "t.conf:1:8: Parse error on line 1: 'Expected a top-level value to end with a new line, comment or EOF, but got 'y' instead.'",
        ),
        (
            "a { b: 1",
            "t.conf:1:8: Parse error on line 1: 'Expected a map value terminator \",\" or a map terminator \"}\", but got 'EOF' instead.'",
        ),
        ("a: (\nx", "t.conf:2:2: Parse error on line 2: 'Unexpected EOF processing block.'"),
        ("a: 'x", "t.conf:1:5: Parse error on line 1: 'Unexpected EOF.'"),
        ("a: 1\n\0", "t.conf:2:1: Parse error on line 2: 'Unexpected EOF.'"),
        ("a: \"\\xff\"", "t.conf:1:4: escaped bytes in a string are not valid UTF-8"),
    ];
    check(&cases);
}

#[test]
fn positions_are_those_of_keys_and_items() {
    let text = b"a: 1\n  b { c: 2\n d [\n x, {e: 1} ] }";
    let Ok(document) = parse(text, "t.conf", &NoResolver) else { panic!("it parses") };
    let mut places = Vec::new();
    for entry in &document.root {
        places.push((entry.key.clone(), entry.value.position.to_string()));
        let Data::Map(map) = &entry.value.data else { continue };
        for entry in map {
            places.push((entry.key.clone(), entry.value.position.to_string()));
            let Data::Array(items) = &entry.value.data else { continue };
            places.extend(items.iter().map(|item| (String::new(), item.position.to_string())));
        }
    }
    let expected = [
        ("a", "t.conf:1:0"),
        ("b", "t.conf:2:3"),
        ("c", "t.conf:2:7"),
        ("d", "t.conf:3:2"),
        ("", "t.conf:4:2"),
        ("", "t.conf:4:5"),
    ];
    let expected: Vec<_> = expected.iter().map(|(key, place)| ((*key).to_owned(), (*place).to_owned())).collect();
    assert_eq!(places, expected);
}

#[test]
fn deep_nesting_and_multiplying_variables_are_bounded() {
    let deep = format!("a: {}", "[".repeat(10_000));
    assert!(json(&deep).ends_with("maps and arrays are nested too deeply'"), "{}", json(&deep));
    let deep = "{".repeat(10_000);
    assert!(json(&deep).ends_with("maps and arrays are nested too deeply'"));
    let mut bomb = "v0: [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..30 {
        let reference = format!("$v{}, ", n - 1);
        bomb.push_str(&format!("v{n}: [{}]\n", reference.repeat(10)));
    }
    assert!(json(&bomb).ends_with("configuration is too large"));
}

mod properties {
    use proptest::prelude::*;

    use super::super::*;

    /// A value that has a spelling.
    fn data() -> impl Strategy<Value = Data> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Data::Bool),
            any::<i64>().prop_map(Data::Integer),
            (-1_000_000_i32..1_000_000).prop_map(|n| Data::Float(f64::from(n) / 64.0 + 0.001)),
            any::<String>().prop_map(|text| Data::Text(text.replace('\0', "0"))),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6)
                    .prop_map(|items| Data::Array(items.into_iter().map(value).collect())),
                prop::collection::vec(("[a-z][a-z0-9_]{0,8}", inner), 0..6).prop_map(|entries| {
                    let mut map = Map::default();
                    for (key, data) in entries {
                        map.insert(key, value(data));
                    }
                    Data::Map(map)
                }),
            ]
        })
    }

    fn value(data: Data) -> Value {
        let position = Position { file: "".into(), line: 1, column: 0 };
        Value { data, position, from_variable: false }
    }

    fn write(data: &Data, text: &mut String) {
        match data {
            Data::Bool(truth) => text.push_str(if *truth { "on" } else { "No" }),
            Data::Integer(number) => text.push_str(&number.to_string()),
            Data::Float(number) => text.push_str(&format!("{number:?}")),
            Data::Text(string) | Data::Datetime(string) => {
                text.push('"');
                text.push_str(&string.replace('\\', "\\\\").replace('"', "\\\""));
                text.push('"');
            }
            Data::Array(items) => {
                text.push('[');
                for item in items {
                    write(&item.data, text);
                    text.push_str(" ,\n");
                }
                text.push(']');
            }
            Data::Map(map) => {
                text.push('{');
                for entry in map {
                    text.push_str(&entry.key);
                    text.push_str(" : ");
                    write(&entry.value.data, text);
                    text.push_str(" ; # comment\n");
                }
                text.push('}');
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes, "p.conf", &NoResolver);
        }

        #[test]
        fn any_text_of_the_language_gives_an_answer(text in "[a-c0-9 \t\n\r{}\\[\\]:=,;#/'\"$\\\\().xkm-]{0,80}") {
            let _ = parse(text.as_bytes(), "p.conf", &NoResolver);
        }

        #[test]
        fn what_is_written_is_read(data in data()) {
            let mut text = "key = ".to_owned();
            write(&data, &mut text);
            let document = parse(text.as_bytes(), "p.conf", &NoResolver);
            let mut expected = Document::default();
            expected.root.insert("key".to_owned(), value(data));
            prop_assert_eq!(document.map(|document| document.to_json()), Ok(expected.to_json()), "{}", text);
        }
    }
}
