//! Settings of the cluster block, in mixed clusters.

use troupe_tests::cluster::{Cluster, ClusterConfig, sync_all};

use crate::common::{ACCOUNTS, B, R, T, in_mixes, messages};

#[test]
fn every_mode_of_compression_is_spoken() {
    for mode in ["s2_fast", "s2_better", "s2_best", "s2_auto", "off", "accept"] {
        let config = ClusterConfig { cluster: format!("compression: {mode}"), ..ClusterConfig::default() };
        in_mixes(&[&[T, R], &[R, T], &[T, T]], &config, |cluster| {
            let mut clients = cluster.clients("");
            clients[1].flush("SUB packed 1\r\n");
            clients[0].flush("SUB packed 1\r\n");
            sync_all(&mut clients);
            for client in &mut clients {
                for number in 0..50 {
                    let payload = format!("{number}").repeat(number * 40);
                    client.send(format!("PUB packed {}\r\n{payload}\r\n", payload.len()));
                }
                client.flush("");
            }
            sync_all(&mut clients);
            clients.iter().for_each(|client| assert_eq!(messages(client, "packed"), 100, "{mode}"));
        });
    }
}

#[test]
fn pools_of_any_size_and_pinned_accounts_carry_messages() {
    for lines in ["pool_size: 1", "pool_size: 5", "pool_size: -1", "accounts: [A]", "pool_size: 2\naccounts: [A, B]"] {
        let config =
            ClusterConfig { cluster: lines.to_owned(), server: ACCOUNTS.to_owned(), ..ClusterConfig::default() };
        in_mixes(&[&[T, R], &[R, T, T]], &config, |cluster| cluster.settle(B));
    }
}

#[test]
fn rights_keep_subjects_out_of_the_cluster() {
    for mix in [[T, R], [R, T], [T, T]] {
        let config = ClusterConfig {
            cluster: "permissions { import { deny: \"secret.>\" }, export { deny: \"secret.>\" } }".to_owned(),
            ..ClusterConfig::default()
        };
        let Some(cluster) = Cluster::start(&mix, &config) else { return };
        let mut clients = cluster.clients("");
        clients[1].flush("SUB secret.a 1\r\nSUB open.a 2\r\n");
        sync_all(&mut clients);
        clients[0].flush("PUB secret.a 2\r\nno\r\nPUB open.a 3\r\nyes\r\n");
        sync_all(&mut clients);
        assert_eq!((messages(&clients[1], "secret.a"), messages(&clients[1], "open.a")), (0, 1), "{mix:?}");
    }
}
