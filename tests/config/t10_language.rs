//! The language: values, separators, variables; digests of what was understood.

use super::compare;

#[test]
fn texts_are_understood_alike() {
    compare(&[
        "server_name: a",
        "server_name = a",
        "server_name a",
        "server_name\na",
        "'server_name': 'a b'\n",
        "server_name: \"a\\tb\\x41\\\"\\\\\"\n",
        "{ \"port\": 4222, \"host\": \"localhost\" }",
        "\"port\":4222,\"host\":\"localhost\"}",
        "{\n port: 4222 # c\n host: localhost; debug: on, trace: off\n}\n",
        "port: 4222; host: localhost, debug: true // c\n# c\n",
        "server_metadata { a: b, c = d; e f\n g: \"<&>\" }\n",
        "server_metadata {\n a:\n b\n}\n",
        "server_tags: [a, b\n c, ]\n",
        "server_tags: (\nabc\n def\n)\n",
        "server_tags: 33feda\nserver_name: 4222abc\n",
        "server_name: 30s\nlame_duck_duration: 1h\n",
        "host: 127.0.0.1\nport: 4222\n",
        "listen: 127.0.0.1:4222\n",
        "max_payload: 1kb\nmax_pending: 1gib\nmax_subs: 5k\n",
        "write_deadline: \"2m30s\"\n",
        "write_deadline: 2m30s\n",
        "server_name: 4e2abc\n",
        "tag: x\nserver_tags: [$tag, y]\n",
        "p: 4333\nport: $p\nserver_metadata { n: abc, m: $n }\n",
        "server_name: $CARGO_PKG_NAME\n",
        "server_name: 'a'\nserver_name: 'b'\n",
        "authorization { user: a, password: $2a$11$UP3xizk94sWF9SHF/wkklOfBT9jphTGNrhZqz2OHoBdk9yO1kvErG }\n",
        "server_name: x#y\n",
        "authorization { timeout: 1.5 }\n",
        "server_metadata {}\nserver_tags: []\n",
    ]);
}

#[test]
fn broken_texts_are_refused_alike() {
    compare(&[
        "",
        "# nothing\n",
        "port",
        "port:",
        "port:\n4222",
        "port: {\n",
        "port: $NO_SUCH_VARIABLE\n",
        "port: 4222 4223\n",
        "include nofile\n",
        "include 5\n",
        ": 5\n",
        "a { = 5 }\n",
        "a { ] }\n",
        "a: [1, , 2]\n",
        "a: \"\\q\"\n",
        "a: \"\\xzz\"\n",
        "a: .5\n",
        "a: 5. \n",
        "a: -x\n",
        "a: 2016-05-04X\n",
        "a: 'x' y\n",
        "a: 'x\n",
        "a: (\nx\n",
        "a { b: 'x' y }\n",
        "a { b: , }\n",
        "{ a: 'x' y }\n",
        "server_metadata { a",
    ]);
}
