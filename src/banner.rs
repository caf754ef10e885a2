//! The first lines of the log, which tools read.

use tracing::{debug, info, warn};
use troupe_engine::auth::has_plaintext_passwords;
use troupe_engine::options::Options;

use crate::{COMPATIBLE_VERSION, TROUPE_VERSION};

/// Commit the binary was built from, if the build says so.
pub(crate) const COMMIT: Option<&str> = option_env!("TROUPE_GIT_COMMIT");

/// Logs who starts: versions, names, id, a warning about passwords in plain text, the configuration file.
pub fn log_start(name: &str, id: &str, options: &Options) {
    info!("Starting nats-server");
    info!("  Version:  {COMPATIBLE_VERSION}");
    info!("  Git:      [{}]", COMMIT.unwrap_or("not set"));
    debug!("  Troupe:   {TROUPE_VERSION}");
    if let Some(cluster) = options.cluster.name.as_deref().filter(|cluster| !cluster.is_empty()) {
        info!("  Cluster:  {cluster}");
    }
    info!("  Name:     {name}");
    info!("  ID:       {id}");
    if has_plaintext_passwords(options) {
        warn!("Plaintext passwords detected, use nkeys or bcrypt");
    }
    if let Some(file) = &options.config_file {
        let digest = options.config_digest.as_ref().map_or_else(String::new, |digest| format!("({digest})"));
        info!("Using configuration file: {} {digest}", file.display());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tracing_subscriber::layer::SubscriberExt;
    use troupe_engine::options::{LoggingOptions, Secret};

    use super::*;
    use crate::logging::{LineStyle, LogHandle, MemorySink};

    fn logged(options: &Options) -> String {
        let lines = MemorySink::default();
        let logging = LoggingOptions { logtime: false, ..options.logging.clone() };
        let style = LineStyle::of(&logging);
        let log = LogHandle::to_sink(Box::new(lines.clone()), style, &logging).expect("thread");
        let subscriber = tracing_subscriber::registry().with(log.layer());
        crate::logging::keep_lines_in_tests();
        tracing::subscriber::with_default(subscriber, || log_start("n", "NID", options));
        assert!(log.flush(Duration::from_secs(10)));
        lines.text().replace(&format!("[{}] ", std::process::id()), "")
    }

    #[test]
    fn a_plain_server_tells_version_name_and_id() {
        let commit = COMMIT.unwrap_or("not set");
        let expected = format!(
            "[INF] Starting nats-server\n[INF]   Version:  2.15.1\n[INF]   Git:      [{commit}]\n\
             [INF]   Name:     n\n[INF]   ID:       NID\n"
        );
        assert_eq!(logged(&Options::default()), expected);
    }

    #[test]
    fn cluster_password_and_file_are_told_in_their_places() {
        let mut options = Options {
            cluster: troupe_engine::options::ClusterOptions { name: Some("c".into()), ..Default::default() },
            config_file: Some("a.conf".into()),
            config_digest: Some("sha256:00".into()),
            ..Options::default()
        };
        options.auth.password = Some(Secret::new("plain"));
        options.logging.debug = true;
        let text = logged(&options);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[3], format!("[DBG]   Troupe:   {TROUPE_VERSION}"));
        let expected = [
            "[INF]   Cluster:  c",
            "[INF]   Name:     n",
            "[INF]   ID:       NID",
            "[WRN] Plaintext passwords detected, use nkeys or bcrypt",
            "[INF] Using configuration file: a.conf (sha256:00)",
        ];
        assert_eq!(lines[4..], expected);
    }
}
