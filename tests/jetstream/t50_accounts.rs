//! Accounts that come to JetStream while the server runs.

use std::path::Path;
use std::time::{Duration, Instant};

use async_nats::{Client, ConnectOptions};
use troupe_tests::wait::PATIENCE;
use troupe_tests::{Config, Server};

use crate::ask::ask;

/// A server whose account `B` has JetStream or not.
fn config(directory: &Path, of_b: &str) -> Config {
    Config::new(format!(
        "jetstream {{ store_dir: \"{}\" }}\naccounts {{\n  A {{ jetstream: enabled, users: [{{ user: a, password: a }}] }}\n  \
         B {{ {of_b} users: [{{ user: b, password: b }}] }}\n}}\n",
        directory.display()
    ))
}

async fn connect(server: &Server) -> Client {
    let options = ConnectOptions::with_user_and_password("b".to_owned(), "b".to_owned());
    options.connect(server.url()).await.expect("the server accepts the client")
}

async fn wait_for_api(client: &Client) {
    let since = Instant::now();
    while !ask(client, "$JS.API.INFO", "").await["error"].is_null() {
        assert!(since.elapsed() < PATIENCE, "it has no JetStream");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_account_that_gets_jetstream_by_a_reload_has_it_at_once() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = Server::troupe(config(directory.path(), ""));
    let client = connect(&server).await;
    assert_eq!(ask(&client, "$JS.API.INFO", "").await["error"]["err_code"], 10039);
    server.reload(config(directory.path(), "jetstream { max_streams: 1 },"));
    wait_for_api(&client).await;
    let made = ask(&client, "$JS.API.STREAM.CREATE.S", r#"{"name":"S"}"#).await;
    assert!(made["error"].is_null(), "{made}");
    assert_eq!(ask(&client, "S", "message").await["seq"], 1);
    assert_eq!(ask(&client, "$JS.API.STREAM.CREATE.T", r#"{"name":"T"}"#).await["error"]["err_code"], 10027);
    drop(server);
    // What was kept is there, too, when it comes back.
    let server = Server::troupe(config(directory.path(), ""));
    let client = connect(&server).await;
    server.reload(config(directory.path(), "jetstream: enabled,"));
    wait_for_api(&client).await;
    assert_eq!(ask(&client, "$JS.API.STREAM.INFO.S", "").await["state"]["messages"], 1);
    assert_eq!(ask(&client, "S", "message").await["seq"], 2);
}
