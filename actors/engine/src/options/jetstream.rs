//! JetStream: where messages are kept, and how many.

use std::path::PathBuf;
use std::time::Duration;

use super::auth::Secret;

/// When what was written is on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncInterval {
    /// Before it is acknowledged.
    #[default]
    Always,
    /// After this time at the latest.
    Every(Duration),
}

/// How files are encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreCipher {
    /// XChaCha20-Poly1305.
    #[default]
    ChaCha,
    /// AES-256-GCM.
    Aes,
}

/// Consumers a stream may have where nobody sets a limit.
pub const DEFAULT_MAX_CONSUMERS: i64 = 1000;

/// JetStream of the server.
#[derive(Clone, Debug, PartialEq)]
pub struct JetStreamOptions {
    /// It is served.
    pub enabled: bool,
    /// Directory, to which `jetstream` is appended; one for temporary files when absent.
    pub store_dir: Option<PathBuf>,
    /// Most bytes in memory; chosen by the server when absent.
    pub max_memory: Option<u64>,
    /// Most bytes in files; chosen by the server when absent.
    pub max_file: Option<u64>,
    /// Domain.
    pub domain: Option<String>,
    /// Fields nobody knows are errors in requests.
    pub strict: bool,
    /// When what was written is on the disk.
    pub sync: SyncInterval,
    /// Key that files are encrypted with.
    pub key: Option<Secret>,
    /// The key before it.
    pub previous_key: Option<Secret>,
    /// How files are encrypted.
    pub cipher: StoreCipher,
    /// Tag that replicas must not have in common.
    pub unique_tag: Option<String>,
    /// Most unacknowledged messages of a consumer; zero is no limit.
    pub max_ack_pending: i64,
    /// Largest batch of a pull request; zero is no limit.
    pub max_request_batch: i64,
    /// Longest duplicate window, nanoseconds; zero is no limit.
    pub max_duplicates: i64,
    /// Most consumers of a stream that sets no limit itself; below zero is no limit.
    pub default_max_consumers: i64,
    /// Atomic batches in flight.
    pub batches: BatchLimits,
}

/// Limits of batches of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// In flight in one stream.
    pub max_inflight_per_stream: usize,
    /// In flight in the server.
    pub max_inflight_total: usize,
    /// Messages of one.
    pub max_msgs: usize,
    /// Time between two messages of one.
    pub timeout: Duration,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { max_inflight_per_stream: 50, max_inflight_total: 1000, max_msgs: 1000, timeout: Duration::from_secs(10) }
    }
}

impl Default for JetStreamOptions {
    fn default() -> Self {
        Self {
            enabled: false,
            store_dir: None,
            max_memory: None,
            max_file: None,
            domain: None,
            strict: true,
            sync: SyncInterval::Always,
            key: None,
            previous_key: None,
            cipher: StoreCipher::ChaCha,
            unique_tag: None,
            max_ack_pending: 0,
            max_request_batch: 0,
            max_duplicates: 0,
            default_max_consumers: DEFAULT_MAX_CONSUMERS,
            batches: BatchLimits::default(),
        }
    }
}
