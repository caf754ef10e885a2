//! Services with operators, events and reloads.

use nkeys::KeyPair;
use serde_json::json;
use troupe_tests::compare::compare_beside;
use troupe_tests::{A, Config, Server, on_both, script};

use super::service::{Asked, Entry, Service};
use super::t10_callout::entry;
use super::tokens::{World, showing};

#[test]
fn services_of_accounts() {
    let world = World::new();
    let (service, guest) = (KeyPair::new_user(), KeyPair::new_user());
    let one =
        json!({"authorization": {"auth_users": [service.public_key()], "allowed_accounts": [world.two.public_key()]}});
    let two = json!({"signing_keys": [world.signer.public_key(), {"kind": "user_scope", "key": world.scoped.public_key(), "role": "r", "template": {"pub": {"allow": ["{{name()}}.>"]}, "sub": {}, "subs": -1, "data": -1, "payload": -1}}]});
    let config = format!("debug: true\nauthorization {{ timeout: 1 }}\n{}", world.config(one, two));
    let bearer = world.user(&world.one, &guest, json!({"bearer_token": true}), json!({}));
    let entry = Entry {
        options: format!("\"jwt\":\"{}\"", world.user(&world.one, &service, json!({}), json!({}))),
        signer: service.seed().ok(),
        curve: None,
    };
    let seeds =
        [&world.system, &world.one, &world.two, &world.signer, &world.scoped].map(|key| key.seed().expect("a seed"));
    let beside = move |server: &Server| {
        let keys = seeds.clone().map(|seed| KeyPair::from_seed(&seed).expect("a seed"));
        Service::start(server, &entry, move |asked| answer(&keys, asked))
    };
    let login = |user: &str| format!("\"user\":\"{user}\",\"jwt\":\"{bearer}\"");
    let try_it = |user: &str| {
        script(user.to_owned())
            .quiet_with(A, &login(user))
            .flush(A, "SUB a 1\r\nPUB a 1\r\nx\r\nPUB joe.b 1\r\nx\r\nPUB $SYS.REQ.USER.AUTH 1\r\nx\r\n")
    };
    let refused = |user: &str, why: &str| script(user.to_owned()).quiet_with(A, &login(user)).until_closed(A).log(why);
    compare_beside(
        Config::new(config),
        [
            try_it("two"),
            try_it("one"),
            try_it("signer"),
            try_it("scoped"),
            refused("signer alone", "not permitted as valid account option for auth callout for account \"A"),
            refused("scoped with rights", "User JWT is not valid: scoped users require no permissions or limits set"),
            refused("system", "not permitted as valid account option for auth callout for account \"A"),
            refused("answer of two", "Auth callout signing key is unknown"),
            refused("signer of two for one", "\" is not known"),
            refused("silent", "Authorization callout response not received in time on account \"A"),
            script("no token")
                .quiet_with(A, "\"user\":\"x\"")
                .until_closed(A)
                .log("Authentication requires a user JWT"),
            script("a good user of another account")
                .quiet_with(A, &showing(&world.user(&world.two, &guest, json!({}), json!({})), &guest)),
        ],
        beside,
    );
}

fn answer(keys: &[KeyPair; 5], asked: &Asked) -> Option<Vec<u8>> {
    let [system, one, two, signer, scoped] = keys;
    let jwt = |jwt: String| Some(asked.answer(one, json!({ "jwt": jwt })));
    let of_two = json!({"issuer_account": two.public_key()});
    let key = asked.text("", "user_nkey");
    match asked.text("connect_opts", "user").as_str() {
        "two" => jwt(asked.user(two, "", json!({}))),
        "one" => jwt(asked.user(one, "", json!({}))),
        "signer" => jwt(asked.user(signer, "", of_two)),
        "signer alone" => jwt(asked.user(signer, "", json!({}))),
        "scoped" => {
            let none = json!({"issuer_account": two.public_key(), "subs": 0, "data": 0, "payload": 0});
            jwt(asked.user_as(scoped, &key, none, json!({})))
        }
        "scoped with rights" => {
            let some = json!({"issuer_account": two.public_key(), "pub": {"allow": ["x"]}});
            jwt(asked.user(scoped, "", some))
        }
        "system" => jwt(asked.user(system, "", json!({}))),
        "answer of two" => Some(asked.answer(two, json!({"jwt": asked.user(two, "", json!({}))}))),
        "signer of two for one" => jwt(asked.user(signer, "", json!({"issuer_account": one.public_key()}))),
        _ => None,
    }
}

const CONFIG: &str = "accounts { AUTH { users: [{user: auth, password: auth}] }, APP {}, SYS { users: [{user: sys, password: sys}] } }\nsystem_account: SYS\nauthorization { timeout: 1, auth_callout { issuer: ISSUER, account: AUTH, auth_users: [auth, sys] } }\n";

#[test]
fn refusals_are_told_in_both_accounts() {
    let issuer = KeyPair::new_account();
    on_both(Config::new(CONFIG.replace("ISSUER", &issuer.public_key())), |server| {
        let own = KeyPair::from_seed(&issuer.seed().expect("a seed")).expect("a seed");
        let _service =
            Service::start(server, &entry(), move |asked| Some(asked.answer(&own, json!({"error": "go away"}))));
        let mut listener = server.connect();
        listener.flush(
            "CONNECT {\"verbose\":false,\"user\":\"auth\",\"pass\":\"auth\"}\r\nSUB $SYS.ACCOUNT.CLIENT.AUTH.ERR 1\r\n",
        );
        let mut system = server.connect();
        system.flush(
            "CONNECT {\"verbose\":false,\"user\":\"sys\",\"pass\":\"sys\"}\r\nSUB $SYS.SERVER.*.CLIENT.AUTH.ERR 1\r\n",
        );
        let mut client = server.connect();
        client.send("CONNECT {\"verbose\":false,\"user\":\"who\",\"pass\":\"p\"}\r\n");
        client.expect("Authorization Violation");
        let told = listener.expect("MSG $SYS.").json();
        assert_eq!(told["reason"], "Auth callout service returned an error: go away");
        assert_eq!((&told["client"]["acc"], &told["client"]["user"]), (&"AUTH".into(), &"who".into()));
        let told = system.expect("MSG $SYS.").json();
        assert_eq!((&told["reason"], &told["client"]["acc"]), (&"Authentication Failure".into(), &"$G".into()));
    });
}

#[test]
fn a_reload_asks_again_where_users_changed() {
    let issuer = KeyPair::new_account();
    let text = CONFIG.replace("ISSUER", &issuer.public_key());
    // nats-server asks with the name that the service gave, and closes the client.
    let server = Server::troupe(Config::new(&text));
    {
        let own = KeyPair::from_seed(&issuer.seed().expect("a seed")).expect("a seed");
        let service = Service::start(&server, &entry(), move |asked| {
            Some(asked.answer(&own, json!({"jwt": asked.user(&own, "APP", json!({}))})))
        });
        let asked = || service.asked.lock().expect("no panic").len();
        let mut client = server.connect();
        client.flush("CONNECT {\"verbose\":false,\"user\":\"who\",\"pass\":\"p\"}\r\n");
        assert_eq!(asked(), 1);
        server.reload(Config::new(format!("{text}debug: true\n")));
        client.flush("");
        assert_eq!(asked(), 1, "nothing that matters has changed");
        server.reload(Config::new(text.replace("APP {}", "APP { users: [{user: x, password: x}] }")));
        client.flush("PUB a 1\r\nx\r\n");
        assert_eq!(asked(), 2);
    }
}

#[test]
fn many_logins_wait_while_others_are_served() {
    let issuer = KeyPair::new_account();
    on_both(Config::new(CONFIG.replace("ISSUER", &issuer.public_key())), |server| {
        let _service = Service::start(server, &entry(), |_| None);
        let mut waiting: Vec<_> = (0..200)
            .map(|number| {
                let mut client = server.connect();
                client.send(format!("CONNECT {{\"verbose\":false,\"user\":\"u{number}\"}}\r\nPING\r\n"));
                client
            })
            .collect();
        let mut client = server.connect();
        client.flush("CONNECT {\"verbose\":false,\"user\":\"sys\",\"pass\":\"sys\"}\r\n");
        for client in &mut waiting {
            client.expect("Authorization Violation");
        }
    });
}
