use crate::net::tls::Stapling;
use std::os::unix::fs::symlink;

use super::*;
use crate::net::tls::certificates_for_tests::{Authority, certificate_in, options, replace};
use troupe_engine::options::CertificatePair;

async fn served(authority: &Authority, handle: &TlsAcceptorHandle) -> Vec<u8> {
    let client = authority.client(rustls::ALL_VERSIONS, None);
    let (seen, outcome) = client.connect(&handle.load(), "a.test").await;
    outcome.unwrap();
    seen.unwrap().to_vec()
}

fn watcher(pair: CertificatePair) -> (Watcher, TlsAcceptorHandle) {
    let handle = TlsAcceptorHandle::new(TlsServer::load(&options(pair), &Stapling::default()).unwrap().0);
    (Watcher::new(handle.clone()), handle)
}

#[tokio::test]
async fn new_files_are_served_once_they_are_settled() {
    let authority = Authority::new();
    let pair = authority.issue("server", "a.test");
    let (mut watcher, handle) = watcher(pair.clone());
    assert_eq!(watcher.look().await, Look::Same);
    let first = served(&authority, &handle).await;

    authority.issue("server", "a.test");
    assert_eq!(watcher.look().await, Look::Changing);
    assert_eq!(served(&authority, &handle).await, first);
    assert_eq!(watcher.look().await, Look::Reloaded);
    assert_eq!(watcher.look().await, Look::Same);
    let second = served(&authority, &handle).await;
    assert_ne!(second, first);
    assert_eq!(second, certificate_in(&pair).unwrap().to_vec());
}

#[tokio::test]
async fn bad_files_are_refused_once_and_the_old_ones_stay() {
    let authority = Authority::new();
    let pair = authority.issue("server", "a.test");
    let (mut watcher, handle) = watcher(pair.clone());
    let first = served(&authority, &handle).await;

    for damage in [&pair.cert_file, &pair.key_file] {
        replace(damage, "garbage");
        let looks = [watcher.look().await, watcher.look().await, watcher.look().await];
        assert_eq!(looks, [Look::Changing, Look::Refused, Look::Same]);
        assert_eq!(served(&authority, &handle).await, first);
    }
    std::fs::remove_file(&pair.cert_file).unwrap();
    assert_eq!([watcher.look().await, watcher.look().await], [Look::Changing, Look::Refused]);

    authority.issue("server", "a.test");
    assert_eq!([watcher.look().await, watcher.look().await], [Look::Changing, Look::Reloaded]);
    assert_ne!(served(&authority, &handle).await, first);
}

#[tokio::test]
async fn a_mounted_secret_changes_by_swapping_a_link() {
    let authority = Authority::new();
    let mount = authority.directory();
    let [old, new] = ["old", "new"].map(|version| {
        std::fs::create_dir(mount.join(version)).unwrap();
        authority.issue(&format!("{version}/server"), "a.test")
    });
    symlink(mount.join("old"), mount.join("data")).unwrap();
    let pair = CertificatePair { cert_file: mount.join("data/server.pem"), key_file: mount.join("data/server.key") };
    let (mut watcher, handle) = watcher(pair);
    assert_eq!(served(&authority, &handle).await, certificate_in(&old).unwrap().to_vec());

    symlink(mount.join("new"), mount.join("data.next")).unwrap();
    std::fs::rename(mount.join("data.next"), mount.join("data")).unwrap();
    assert_eq!([watcher.look().await, watcher.look().await], [Look::Changing, Look::Reloaded]);
    assert_eq!(served(&authority, &handle).await, certificate_in(&new).unwrap().to_vec());
}

#[tokio::test]
async fn the_watch_runs_by_itself() {
    let authority = Authority::new();
    let pair = authority.issue("server", "a.test");
    let (_, handle) = watcher(pair);
    let before = handle.load();
    authority.issue("server", "a.test");
    let changed = async {
        while std::sync::Arc::ptr_eq(&before, &handle.load()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = watch_certificates(handle.clone(), Duration::from_millis(2)) => {}
        () = changed => {}
    }
    assert!(!std::sync::Arc::ptr_eq(&before, &handle.load()));
}
