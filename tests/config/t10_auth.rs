//! Authorization, users, permissions and accounts.

use super::{Verdict, ask_oracle, ask_troupe, compare, oracle};

#[test]
fn good_blocks_are_accepted() {
    compare(&[
        "authorization { user: a, password: b, timeout: 5 }\n",
        "authorization { token: t, timeout: \"500ms\" }\n",
        "authorization { users: [ {user: a, pass: b}, {username: c, password: d, proxy_required: true} ] }\n",
        "authorization { users: [ {nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4} ] }\n",
        "authorization { default_permissions { publish: \"a.>\", subscribe: [b, \"c q\"] }\n users: [{user: a}] }\n",
        "authorization { users: [ {user: a, permissions { pub { allow: [a], deny: b }, allow_responses: true } } ] }\n",
        "authorization { users: [ {user: a, permissions { allow_responses { max: 5, expires: \"1m\" } } } ] }\n",
        "authorization { users: [ {user: a, allowed_connection_types: [standard, WEBSOCKET] } ] }\n",
        "perms { publish: a }\nauthorization { users: [ {user: a, permissions: $perms} ] }\n",
        "accounts { A { users: [{user: a}] }, B { limits { max_conn: 5 } } }\nno_auth_user: a\nsystem_account: B\n",
        "accounts: [A, B]\n",
        "accounts { A { default_permissions { publish: x } users: [{user: a, pass: b}] } }\n",
        "proxies { trusted: [{key: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4}] }\n",
        "accounts { A { exports: [{stream: x}] }, B { imports: [{stream: {account: A, subject: x}}] } }\n",
    ]);
}

#[test]
fn bad_blocks_are_refused_in_the_same_words() {
    compare(&[
        "authorization { foo: 1 }\n",
        "authorization { user: a, password: b, token: c }\n",
        "authorization { user: a, password: b, users: [{user: c}] }\n",
        "authorization { token: a, users: [{user: c}] }\n",
        "authorization { timeout: 70 }\n",
        "authorization { timeout: \"2m\" }\n",
        "authorization { timeout: abc }\n",
        "authorization { timeout: true }\n",
        "authorization { users: [ {user: a}, {user: a} ] }\n",
        "authorization { users: 5 }\n",
        "authorization { users: [{pass: a}] }\n",
        "authorization { users: [{nkey: abc}] }\n",
        "authorization { users: [{user: a, foo: 1}] }\n",
        "authorization { users: [{user: a, allowed_connection_types: [foo, standard]}] }\n",
        "authorization { users: [{user: a, allowed_connection_types: 5}] }\n",
        "authorization { users: [{user: a, permissions: 5}] }\n",
        "authorization { users: [{user: a, permissions {foo: 1}}] }\n",
        "authorization { users: [{user: a, permissions {publish {foo: a}}}] }\n",
        "authorization { users: [{user: a, permissions {publish {allow: \"a..b\"}}}] }\n",
        "authorization { users: [{user: a, permissions {publish {allow: \"a b\"}}}] }\n",
        "authorization { users: [{user: a, permissions {publish: \"a..b\"}}] }\n",
        "authorization { users: [{user: a, permissions {subscribe: \"a b c\"}}] }\n",
        "authorization { users: [{user: a, permissions {subscribe: \"a b..c\"}}] }\n",
        "authorization { users: [{user: a, permissions {subscribe: 5}}] }\n",
        "authorization { users: [{user: a, permissions {allow_responses: 5}}] }\n",
        "authorization { users: [{user: a, permissions {allow_responses {expires: 5}}}] }\n",
        "authorization { users: [{user: a, permissions {allow_responses {expires: abc}}}] }\n",
        "authorization { users: [{user: a, permissions {allow_responses {foo: 1}}}] }\n",
        "accounts { A: 5 }\n",
        "accounts { \"$G\" {} }\n",
        "accounts: [A, A]\n",
        "accounts: [\"$G\"]\n",
        "accounts { A { foo: 1 } }\n",
        "accounts { A { nkey: abc } }\n",
        "accounts { A { limits: 5 } }\n",
        "accounts { A { limits { foo: 5 } } }\n",
        "accounts { A { limits { max_conn: abc } } }\n",
        "accounts { A { users: [{user: a}, {pass: b}] } }\n",
    ]);
}

/// nats-server goes through its accounts in random order, so it names either place.
#[test]
fn a_user_in_two_accounts_is_refused_at_one_of_its_places() {
    let text = "accounts { A { users: [{user: a}] }, B { users: [{user: a}] } }\n";
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("x.conf");
    std::fs::write(&file, text).expect("a file");
    let at = |column: u32| Verdict::Invalid(vec![format!("x.conf:1:{column}: Duplicate user \"a\" detected")]);
    assert_eq!(ask_troupe(&file), at(41));
    if let Some(oracle) = oracle() {
        let theirs = ask_oracle(&oracle, &file);
        assert!(theirs == at(15) || theirs == at(41), "{theirs:?}");
    }
}
