//! JetStream: requests answered as nats-server answers them, and official clients at work.

mod ask;
mod exchange;
mod masked;
mod t10_exchanges;
mod t10_traces;
mod t30_advisories;
mod t30_elsewhere;
mod t30_sources;
mod t30_stories;
mod t30_strangers;
mod t50_accounts;
mod t50_clients;
mod t50_compaction;
mod t50_copies;
mod t50_damage;
mod t50_endings;
mod t50_failed_syncs;
mod t50_full_disk;
mod t50_kept;
mod t50_kills;
mod t50_letters;
mod t50_offline;
mod t50_python;
mod t50_restarts;
mod t50_turns;
