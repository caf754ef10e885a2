//! Consumers come, change and go.

use std::sync::Arc;

use troupe_codecs::api::consumer::AckPolicy;
use troupe_codecs::api::consumer_info::{ConsumerAction, StoredConsumer};
use troupe_codecs::api::json::{decode_stored, encode};
use troupe_codecs::api::stream::RetentionPolicy;
use troupe_codecs::api::{ApiError, ConsumerConfig, Timestamp, errors};
use troupe_engine::consumer::audience::Member;
use troupe_engine::consumer::config::{
    ConsumerBounds, apply_defaults, check, check_against_others, check_update, collides_with_others, is_same,
    is_valid_name, set_required_level,
};
use troupe_engine::consumer::start::{Start, StreamFacts};
use troupe_engine::consumer::status::Status;
use troupe_engine::consumer::timers::DEFAULT_INACTIVE_THRESHOLD;
use troupe_engine::consumer::{Consumer, Identity, NEVER, filters_of};
use troupe_engine::id::nuid;
use troupe_engine::stream::sources::short_hash;
use troupe_store::{ConsumerStore, StoreError, StreamStore, SubjectFilter};

use super::Consumers;
use super::dead_letters::{DEAD_LETTER_KEY, Letters, subject_of};
use super::retention::{count_anew, sweep, sweep_all};
use super::saving::{of_stored, save};
use super::slot::Slot;
use crate::jetstream::clock;
use crate::jetstream::stream::StreamCore;

/// Longest name.
const MAX_NAME: usize = 255;
/// Highest level of the API a stored consumer may need.
const SUPPORTED_LEVEL: u32 = troupe_codecs::api::API_LEVEL;

/// A store that tells where a consumer begins.
struct Facts<'a> {
    store: &'a mut dyn StreamStore,
    is_last_per_subject: bool,
}

impl StreamFacts for Facts<'_> {
    type Error = StoreError;

    fn bounds(&self) -> (u64, u64) {
        let state = self.store.state();
        let is_new = state.last_seq == 0 && state.first_seq <= 1;
        (if is_new { 0 } else { state.first_seq }, state.last_seq)
    }

    fn is_last_per_subject(&self) -> bool {
        self.is_last_per_subject
    }

    fn seq_from_time(&mut self, time: i64) -> Result<u64, StoreError> {
        self.store.seq_from_time(time)
    }

    fn bounds_of(&mut self, filter: &str) -> Result<(u64, u64), StoreError> {
        let found = self.store.filtered_state(&SubjectFilter::one(filter.as_bytes()), 1)?;
        Ok((found.first_seq, found.last_seq))
    }

    fn last_seqs(&mut self, filters: &[&str]) -> Result<Vec<u64>, StoreError> {
        self.store.last_per_subject(&SubjectFilter::new(filters), 0, 0)
    }
}

impl Consumers {
    fn bounds(core: &StreamCore) -> ConsumerBounds {
        let limits = core.server.options();
        ConsumerBounds {
            server_max_ack_pending: limits.max_ack_pending,
            account_max_ack_pending: core.account.limits(core.config.replicas).max_ack_pending,
            max_request_batch: limits.max_request_batch,
        }
    }

    /// Makes a consumer, or changes one that is there.
    pub(super) fn create(
        &mut self,
        core: &mut StreamCore,
        mut config: ConsumerConfig,
        action: ConsumerAction,
        is_pedantic: bool,
    ) -> Result<Member, ApiError> {
        adapt_feeder(&mut config, core);
        let known = self.book.member(&config.name);
        if let Some(reason) = self.book.offline.get(&config.name) {
            return Err(errors::CONSUMER_OFFLINE_REASON.with(reason));
        }
        if let Some(slot) = known.and_then(|member| self.book.peek(member)) {
            let known = slot.machine.config();
            config.pause_until = known.pause_until;
            // One that feeds another stream is asked for anew with every connection, and begins anew by a reset.
            if config.sourcing && !config.durable.is_empty() {
                config.deliver_policy = known.deliver_policy;
                (config.opt_start_seq, config.opt_start_time) = (known.opt_start_seq, known.opt_start_time);
            }
        }
        set_required_level(&mut config);
        let bounds = Self::bounds(core);
        apply_defaults(&mut config, &core.config, &bounds, is_pedantic)?;
        check(&config, &core.config, &bounds, false)?;
        check_dead_letters(&config, core)?;
        let name = if config.durable.is_empty() { &config.name } else { &config.durable };
        let known = self.book.member(name);
        if let Some(member) = known {
            return self.change(core, member, config, action).map(|()| member);
        }
        if action == ConsumerAction::Update {
            return Err(errors::CONSUMER_DOES_NOT_EXIST.error());
        }
        self.check_room(core, &config)?;
        self.name(&mut config)?;
        self.add(core, config)
    }

    fn check_room(&self, core: &StreamCore, config: &ConsumerConfig) -> Result<(), ApiError> {
        let of_stream = core.config.max_consumers;
        let of_account = core.account.limits(core.config.replicas).max_consumers;
        let is_account_stricter = of_account > 0 && of_account < of_stream;
        let limit = if of_stream <= 0 || is_account_stricter { of_account } else { of_stream };
        let limit = if limit <= 0 { core.server.options().default_max_consumers } else { limit };
        let is_counted = |config: &ConsumerConfig| !config.direct && !config.sourcing;
        let counted = self.book.slots().filter(|slot| is_counted(slot.machine.config()));
        let num = i64::try_from(counted.count()).unwrap_or(i64::MAX);
        if limit > 0 && num >= limit {
            return Err(errors::MAXIMUM_CONSUMERS_LIMIT.error());
        }
        if core.config.retention != RetentionPolicy::WorkQueue {
            return Ok(());
        }
        let others = self.book.slots().map(|slot| slot.machine.config()).filter(|config| is_counted(config));
        check_against_others(config, others.map(|config| filters_of(config)))
    }

    /// Gives a new consumer the name it has.
    fn name(&self, config: &mut ConsumerConfig) -> Result<(), ApiError> {
        if config.durable.len() > MAX_NAME {
            return Err(errors::CONSUMER_NAME_TOO_LONG.with(MAX_NAME));
        }
        if !config.durable.is_empty() {
            config.name.clone_from(&config.durable);
        }
        while config.name.is_empty() {
            let name = short_hash(&nuid());
            if self.book.member(&name).is_none() {
                config.name = name;
            }
        }
        if is_valid_name(&config.name) { Ok(()) } else { Err(errors::CONSUMER_BAD_DURABLE_NAME.error()) }
    }

    fn add(&mut self, core: &mut StreamCore, mut config: ConsumerConfig) -> Result<Member, ApiError> {
        let is_durable = !config.durable.is_empty();
        stamp_threshold(&mut config, is_durable);
        let now = clock::now();
        let created = Timestamp::from_nanos(now);
        let failed = |cause: StoreError| errors::CONSUMER_STORE_FAILED.with(cause);
        let start = Start::choose(&config, &mut facts(core)).map_err(failed)?;
        let store = open_store(core, &config, created).map_err(failed)?;
        let config = Arc::new(config);
        let last_seq = core.store.state().last_seq;
        let mut machine = Consumer::new(Arc::clone(&config), identity(core, &config), start.seq, last_seq, now);
        machine.set_listed(start.listed);
        let member = self.enter(core, machine, store, created);
        let mut outlet = self.sending.open(now);
        if let Some(slot) = self.book.slot(member) {
            outlet.speak_for(&slot.name, slot.machine.config());
            outlet.advise_action("CREATED", "create");
            if let Err(cause) = save(slot) {
                tracing::error!("state of consumer '{}' cannot be written: {cause}", slot.name);
            }
        }
        outlet.close();
        self.publish_number(core);
        Ok(member)
    }

    /// Gives a consumer its place.
    fn enter(
        &mut self,
        core: &mut StreamCore,
        machine: Consumer,
        store: Option<Box<dyn ConsumerStore>>,
        created: Timestamp,
    ) -> Member {
        let member = self.book.next_member();
        let filters = filters_of(machine.config());
        let slot = Slot {
            name: Arc::clone(machine.name()),
            filter: SubjectFilter::new(&filters),
            group: core.audience.join(&filters, member, machine.lowest_concern()),
            created,
            store,
            letters: Letters::default(),
            is_ready: false,
            is_blocked: false,
            is_unsaved: false,
            planned: NEVER,
            machine,
        };
        if subject_of(slot.machine.config()).is_some() {
            self.listening.start_receipts(core);
        }
        self.book.insert(slot);
        count_anew(core, &mut self.book, member);
        if self.book.pushing.contains(&member) {
            self.check_interest(member, clock::now());
        }
        self.book.make_ready(member);
        member
    }

    fn change(
        &mut self,
        core: &mut StreamCore,
        member: Member,
        config: ConsumerConfig,
        action: ConsumerAction,
    ) -> Result<(), ApiError> {
        let Some(slot) = self.book.peek(member) else { return Err(errors::CONSUMER_DOES_NOT_EXIST.error()) };
        if action == ConsumerAction::Create && !is_same(slot.machine.config(), &config) {
            return Err(errors::CONSUMER_ALREADY_EXISTS.error());
        }
        if core.config.retention == RetentionPolicy::WorkQueue {
            let others = self.book.slots().filter(|other| other.name != slot.name && !other.is_feeder());
            if collides_with_others(&config, others.map(|other| filters_of(other.machine.config()))) {
                return Err(errors::CONSUMER_WQ_CONSUMER_NOT_UNIQUE.error());
            }
        }
        let interest = &mut self.sending.interest;
        check_update(slot.machine.config(), &config, |subject| interest.has(subject.as_bytes()))?;
        self.reconfigure(core, member, config)
    }

    /// Gives a consumer another configuration, which is checked.
    pub(super) fn reconfigure(
        &mut self,
        core: &mut StreamCore,
        member: Member,
        mut config: ConsumerConfig,
    ) -> Result<(), ApiError> {
        let now = clock::now();
        let Some(slot) = self.book.slot(member) else { return Err(errors::CONSUMER_DOES_NOT_EXIST.error()) };
        // One that was durable may go on without, and one that was not keeps one.
        let known = slot.machine.config();
        if config.inactive_threshold != known.inactive_threshold && known.durable.is_empty() {
            stamp_threshold(&mut config, false);
        }
        if config.name.is_empty() {
            config.name = slot.name.to_string();
        }
        if let Some(store) = &mut slot.store {
            let written = store.update_meta(&meta(&config, slot.created));
            written.map_err(|cause| errors::CONSUMER_STORE_FAILED.with(cause))?;
        }
        let is_feeder = config.sourcing;
        if subject_of(&config).is_some() {
            self.listening.start_receipts(core);
        }
        let config = Arc::new(config);
        let mut outlet = self.sending.open(now);
        outlet.speak_for(&slot.name, &config);
        let has_new_filters = slot.machine.reconfigure(Arc::clone(&config), now, &mut outlet);
        outlet.close();
        if has_new_filters {
            let filters = filters_of(&config);
            core.audience.leave(slot.group, member);
            slot.filter = SubjectFilter::new(&filters);
            slot.group = core.audience.join(&filters, member, slot.machine.lowest_concern());
            sweep_all(&self.book, core);
            count_anew(core, &mut self.book, member);
        }
        if is_feeder {
            self.reset(core, member, 0)?;
        }
        self.check_interest(member, now);
        self.book.plan(member);
        self.book.note_change(member, now);
        self.book.make_ready(member);
        Ok(())
    }

    /// Begins anew with a sequence; with zero behind what is acknowledged. Yields it.
    pub(super) fn reset(&mut self, core: &mut StreamCore, member: Member, seq: u64) -> Result<u64, ApiError> {
        let Some(slot) = self.book.slot(member) else { return Err(errors::CONSUMER_NOT_FOUND.error()) };
        let start = |time| core.store.seq_from_time(time).unwrap_or(u64::MAX);
        let target = slot.machine.reset_target(seq, start).map_err(|why| errors::CONSUMER_INVALID_RESET.with(why))?;
        slot.machine.reset(target);
        count_anew(core, &mut self.book, member);
        sweep_all(&self.book, core);
        self.book.note_change(member, clock::now());
        self.book.make_ready(member);
        Ok(target.max(1))
    }

    /// Deletes a consumer.
    pub(super) fn delete(&mut self, core: &mut StreamCore, member: Member) {
        let Some(mut slot) = self.book.remove(member) else { return };
        core.audience.leave(slot.group, member);
        let mut outlet = self.sending.open(clock::now());
        outlet.speak_for(&slot.name, slot.machine.config());
        outlet.advise_action("DELETED", "delete");
        slot.machine.release_requests(|_| Status::ConsumerDeleted, &mut outlet);
        outlet.close();
        if let Some(Err(cause)) = slot.store.map(ConsumerStore::destroy) {
            tracing::error!("consumer '{}' leaves files behind: {cause}", slot.name);
        }
        sweep_all(&self.book, core);
        self.publish_number(core);
    }

    /// The stream goes: clients that wait are told.
    pub fn close(&mut self, core: &mut StreamCore) {
        self.listening.stop(core);
        let mut outlet = self.sending.open(clock::now());
        for member in self.book.members() {
            let Some(mut slot) = self.book.remove(member) else { continue };
            core.audience.leave(slot.group, member);
            outlet.speak_for(&slot.name, slot.machine.config());
            outlet.advise_action("DELETED", "delete");
            slot.machine.release_requests(|_| Status::ConsumerDeleted, &mut outlet);
        }
        outlet.close();
    }

    /// Opens the consumers found in the store.
    pub(super) fn recover_all(&mut self, core: &mut StreamCore) {
        for (name, meta) in core.store.consumers() {
            if let Err(reason) = self.recover_one(core, &name, &meta) {
                let (account, stream) = (core.account.name(), core.entry.name());
                tracing::warn!("Error adding consumer '{account} > {stream} > {name}': {reason}");
                self.book.offline.insert(name, reason);
            }
        }
        self.sweep_recovered(core);
    }

    fn recover_one(&mut self, core: &mut StreamCore, name: &str, meta: &[u8]) -> Result<(), String> {
        let (created, mut config): (_, ConsumerConfig) =
            decode_stored(meta).map_err(|cause| format!("unsupported - config error: {cause}"))?;
        let level = config.metadata.get("_nats.req.level").and_then(|level| level.parse::<u32>().ok()).unwrap_or(0);
        if level > SUPPORTED_LEVEL {
            return Err(format!("unsupported - required API level: {level}, current API level: {SUPPORTED_LEVEL}"));
        }
        if config.name.is_empty() {
            name.clone_into(&mut config.name);
        }
        let bounds = Self::bounds(core);
        apply_defaults(&mut config, &core.config, &bounds, false).map_err(|error| error.description)?;
        check(&config, &core.config, &bounds, true).map_err(|error| error.description)?;
        let is_durable = !config.durable.is_empty();
        stamp_threshold(&mut config, is_durable);
        let now = clock::now();
        let config = Arc::new(config);
        let store = core.store.consumer(name, meta).map_err(|cause| cause.to_string())?;
        if let Some(damage) = store.damage() {
            let (account, stream) = (core.account.name(), core.entry.name());
            tracing::error!("state of consumer '{account} > {stream} > {name}' is damaged, it begins anew: {damage}");
        }
        let last_seq = core.store.state().last_seq;
        let is_new = *store.state() == troupe_store::ConsumerState::default();
        let start = Start::choose(&config, &mut facts(core)).map_err(|cause| cause.to_string())?;
        let mut machine = Consumer::new(Arc::clone(&config), identity(core, &config), start.seq, last_seq, now);
        if is_new {
            machine.set_listed(start.listed);
        } else {
            machine.restore(of_stored(store.state()), last_seq, now);
            // What was removed while nobody looked.
            let first_seq = core.store.state().first_seq;
            let is_behind = machine.pending().first().is_some_and(|unacked| unacked.stream_seq < first_seq);
            if is_behind {
                machine.many_left(first_seq, |seq| core.store.get(seq).is_ok());
            }
        }
        let mut letters = Letters::decode(store.note(), now);
        letters.retain(|seq| machine.hold(seq));
        let member = self.enter(core, machine, Some(store), created);
        if let Some(slot) = self.book.slot(member) {
            slot.letters = letters;
        }
        self.book.plan(member);
        Ok(())
    }

    /// Removes messages that were acknowledged before the end of the process, and stayed.
    fn sweep_recovered(&mut self, core: &mut StreamCore) {
        if core.config.retention == RetentionPolicy::Limits {
            return;
        }
        for member in self.book.members() {
            let Some(slot) = self.book.peek(member) else { continue };
            let (filter, (delivered, _)) = (slot.filter.clone(), slot.machine.positions());
            let first_seq = core.store.state().first_seq;
            sweep(&self.book, core, &filter, first_seq, delivered.stream);
        }
    }
}

/// Consumers that feed another stream share their name with those of other servers, or keep their place.
fn adapt_feeder(config: &mut ConsumerConfig, core: &StreamCore) {
    if !config.direct || !config.sourcing || config.name.is_empty() {
        return;
    }
    if core.config.retention == RetentionPolicy::Limits {
        config.name = format!("{}-{}", config.name, short_hash(&nuid()));
        return;
    }
    config.direct = false;
    config.durable.clone_from(&config.name);
    config.ack_policy = AckPolicy::FlowControl;
    (config.ack_wait, config.max_deliver, config.inactive_threshold) = (0, 0, 0);
}

/// Consumers that do not outlive their clients have a threshold.
fn stamp_threshold(config: &mut ConsumerConfig, is_durable: bool) {
    if !is_durable && config.inactive_threshold <= 0 {
        config.inactive_threshold = DEFAULT_INACTIVE_THRESHOLD;
    }
}

/// Letters must not come back into the stream they left.
fn check_dead_letters(config: &ConsumerConfig, core: &StreamCore) -> Result<(), ApiError> {
    use troupe_codecs::subject;
    let Some(to) = config.metadata.get(DEAD_LETTER_KEY) else { return Ok(()) };
    if !subject::is_valid_publish(to.as_bytes()) {
        return Err(errors::CONSUMER_CREATE.with("dead letter subject not valid"));
    }
    if config.ack_policy == AckPolicy::None || config.ack_policy == AckPolicy::FlowControl {
        return Err(errors::CONSUMER_CREATE.with("dead letters require acknowledgements"));
    }
    let is_cycle = core.config.subjects.iter().any(|own| subject::matches(to.as_bytes(), own.as_bytes()));
    if is_cycle { Err(errors::CONSUMER_CREATE.with("dead letter subject forms a cycle")) } else { Ok(()) }
}

fn facts(core: &mut StreamCore) -> Facts<'_> {
    let is_last_per_subject = core.config.max_msgs_per == 1;
    Facts { store: &mut *core.store, is_last_per_subject }
}

fn identity(core: &StreamCore, config: &ConsumerConfig) -> Identity {
    let burst = match u64::try_from(core.config.max_msg_size) {
        Ok(size) if size > 0 => size,
        _ => core.server.parts().max_payload as u64,
    };
    Identity {
        stream: Arc::clone(core.entry.name()),
        name: config.name.as_str().into(),
        settles: core.keeps_for_consumers(),
        burst,
        seed: rand::random(),
    }
}

/// The JSON a store keeps of a consumer.
pub(super) fn meta(config: &ConsumerConfig, created: Timestamp) -> Vec<u8> {
    encode(&StoredConsumer { created, name: config.name.clone(), config: config.clone() })
}

/// Opens the store of a new consumer; none for those that only feed other streams.
fn open_store(
    core: &mut StreamCore,
    config: &ConsumerConfig,
    created: Timestamp,
) -> Result<Option<Box<dyn ConsumerStore>>, StoreError> {
    if config.direct {
        return Ok(None);
    }
    if config.memory_storage {
        return Ok(Some(Box::new(troupe_store::MemoryConsumerStore::default())));
    }
    core.store.consumer(&config.name, &meta(config, created)).map(Some)
}
