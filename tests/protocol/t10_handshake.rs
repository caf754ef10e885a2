//! INFO, CONNECT and the defaults of a connection that leaves options out.

use troupe_tests::{A, B, Config, compare, script};

#[test]
fn connect_options() {
    compare(
        "",
        [
            script("INFO comes first"),
            script("everything works without CONNECT, verbosely").flush(A, "SUB foo 1\r\nPUB foo 2\r\nhi\r\n"),
            script("without CONNECT pedantic is on").flush(A, "PUB foo.* 2\r\nhi\r\n"),
            script("an empty CONNECT leaves verbose and pedantic on").connect(A, "").flush(A, "PUB foo.* 0\r\n\r\n"),
            script("verbose answers every verb but PING")
                .connect(A, r#""verbose":true,"pedantic":false"#)
                .flush(A, "SUB foo 1\r\nPUB foo 2\r\nhi\r\nUNSUB 1\r\nPING\r\n"),
            script("verbose false says nothing").quiet(A).flush(A, "SUB foo 1\r\nPUB bar 0\r\n\r\nUNSUB 1\r\n"),
            script("verbose alone keeps pedantic on")
                .connect(A, r#""verbose":false"#)
                .flush(A, "PUB foo.> 0\r\n\r\nPUB foo 0\r\n\r\n"),
            script("pedantic false alone keeps verbose on")
                .connect(A, r#""pedantic":false"#)
                .flush(A, "PUB > 0\r\n\r\n"),
            script("echo off on the own subscription")
                .quiet_with(A, r#""echo":false"#)
                .flush(A, "SUB foo 1\r\nPUB foo 2\r\nhi\r\n"),
            script("echo off hears others")
                .quiet_with(A, r#""echo":false"#)
                .flush(A, "SUB foo 1\r\n")
                .quiet(B)
                .flush(B, "PUB foo 2\r\nhi\r\n"),
            script("name, lang and version are accepted")
                .quiet_with(A, r#""name":"n","lang":"rust","version":"1.2.3","tls_required":false"#),
            script("credentials nobody asked for are ignored")
                .quiet_with(A, r#""user":"u","pass":"p","auth_token":"t","jwt":"j","nkey":"n","sig":"s""#),
            script("unknown options are ignored").quiet_with(A, r#""no_such_option":{"a":[1,2]}"#),
            script("CONNECT in mixed case").flush(A, "cOnNeCt {\"verbose\":false}\r\n"),
            script("option names in another case").flush(A, "CONNECT {\"VERBOSE\":false,\"Pedantic\":false}\r\n"),
            script("CONNECT ended by a lone LF").flush(A, "CONNECT {\"verbose\":false}\n"),
            script("CONNECT with spaces around").flush(A, "CONNECT    {\"verbose\":false}   \r\n"),
            script("CONNECT with a tab").flush(A, "CONNECT\t{\"verbose\":false}\r\n"),
            script("CONNECT without a space").flush(A, "CONNECT{\"verbose\":false}\r\n"),
        ],
    );
}

#[test]
fn protocol_versions() {
    compare(
        "",
        [
            script("protocol 0 has one INFO").quiet_with(A, r#""protocol":0"#).flush(A, ""),
            script("protocol 1 hears a second INFO after the first PONG").quiet_with(A, r#""protocol":1"#).flush(A, ""),
            script("the second INFO comes once").quiet_with(A, r#""protocol":1"#).flush(A, "").flush(A, ""),
            script("the second INFO also comes late")
                .send(A, "CONNECT {\"verbose\":false,\"protocol\":1}\r\nSUB foo 1\r\nPUB foo 0\r\n\r\n")
                .flush(A, ""),
            script("verbose OK precedes PONG and INFO").connect(A, r#""protocol":1"#).flush(A, ""),
            script("protocol 2 is refused").connect(A, r#""verbose":false,"protocol":2"#),
            script("protocol -1 is refused").connect(A, r#""verbose":false,"protocol":-1"#),
            script("protocol as text is not JSON of the right type").connect(A, r#""verbose":false,"protocol":"1""#),
            script("a fractional protocol is of the wrong type").connect(A, r#""verbose":false,"protocol":1.5"#),
        ],
    );
}

#[test]
fn refused_connects() {
    compare(
        "",
        [
            script("CONNECT with broken JSON").flush(A, "CONNECT {\"verbose\":fal\r\n"),
            script("CONNECT without JSON").flush(A, "CONNECT \r\n"),
            script("CONNECT with nothing at all").flush(A, "CONNECT\r\n"),
            script("CONNECT with an array").flush(A, "CONNECT []\r\n"),
            script("CONNECT with null").flush(A, "CONNECT null\r\n"),
            script("CONNECT with text after the object").flush(A, "CONNECT {} x\r\n"),
            script("CONNECT with verbose as a number").flush(A, "CONNECT {\"verbose\":1}\r\n"),
            script("CONNECT with null options").flush(A, "CONNECT {\"verbose\":null,\"name\":null}\r\n"),
            script("an account in CONNECT").quiet_with(A, r#""account":"A""#),
            script("a new account in CONNECT").quiet_with(A, r#""account":"A","new_account":true"#),
            script("new_account alone").quiet_with(A, r#""new_account":true"#),
            script("no_responders without headers").quiet_with(A, r#""no_responders":true"#),
            script("no_responders with headers false").quiet_with(A, r#""no_responders":true,"headers":false"#),
            script("a route's CONNECT on the client port").connect(A, r#""verbose":false,"cluster":"c""#),
            script("a leaf's CONNECT on the client port")
                .connect(A, r#""verbose":false,"remote_account":"A","server_id":"x""#),
        ],
    );
}

#[test]
fn info_follows_the_configuration() {
    let config = Config::new("server_name: here\nmax_payload: 4096\nclient_advertise: \"example.com:5222\"\n");
    compare(config, [script("name, limit and advertised address").modern(A)]);
    compare("no_header_support: true", [script("headers switched off").modern(A).flush(A, "HPUB a 12 12\r\n")]);
    compare("no_header_support: true", [script("headers refused").quiet_with(A, r#""headers":true"#)]);
    compare(
        "jetstream { store_dir: \"nowhere\", enabled: false, domain: D }",
        [script("a domain is part of INFO").modern(A)],
    );
    compare("server_tags: [\"a:b\"]\nserver_metadata: {x: y}", [script("tags stay out of INFO").modern(A)]);
}
