//! What is answered.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use troupe_codecs::api::json::{self, Strictness};
use troupe_codecs::report::{
    AccountzOptions, AccstatzOptions, ConnzOptions, GatewayzOptions, HealthzOptions, IpqueueszOptions, JszOptions,
    Layout, LeafzOptions, RaftzOptions, RoutezOptions, SubszOptions, render,
};
use troupe_codecs::system::server::ServerId;
use troupe_codecs::system::{Answer, ApiError, Filter};
use troupe_engine::index::SubscriptionFacts;

use super::SystemServices;
use super::profile::ProfilezOptions;
use super::requests::{AccountReport, Report};
use crate::client::ClientCommand;
use crate::connection::CloseReason;
use crate::report::ReportError;
use crate::router::{InboxBatch, InboxMessage};

const BAD_REQUEST: u16 = 400;
const INTERNAL: u16 = 500;

/// The body of a request; empty is all defaults. The error is what the answer says.
fn options<T: DeserializeOwned + Default>(message: &InboxMessage) -> Result<T, ApiError> {
    let payload = message.payload();
    if payload.is_empty() {
        return Ok(T::default());
    }
    decode(payload).map_err(|description| ApiError { code: BAD_REQUEST, description })
}

/// Reads an object as Go does: keys in any case, `null` says nothing. The error is in Go's words as far as they are known.
fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, String> {
    let value = json::parse(payload).map_err(|cause| match cause.0.split_once(" at offset ") {
        Some((what, _)) => what.to_owned(),
        None => cause.0,
    })?;
    let kind = match &value {
        Value::Object(_) | Value::Null => {
            return json::decode_value(value, Strictness::Lenient).map_err(|cause| cause.0);
        }
        Value::Array(_) => "array",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
    };
    Err(format!("json: cannot unmarshal {kind} into Go value"))
}

pub(super) fn body<T: Serialize + ?Sized>(document: &T) -> Vec<u8> {
    render(document, Layout::Compact).unwrap_or_default()
}

/// Token number `place` of the subject.
pub(super) fn token(message: &InboxMessage, place: usize) -> String {
    let token = message.subject().split(|byte| *byte == b'.').nth(place).unwrap_or_default();
    String::from_utf8_lossy(token).into_owned()
}

impl SystemServices {
    /// A report of this server; `None` when the request is for others.
    pub(super) async fn server_report(&self, report: Report, message: &InboxMessage) -> Option<Vec<u8>> {
        let filter = match self.filtered(message) {
            Ok(true) => Ok(()),
            Ok(false) => return None,
            Err(error) => Err(error),
        };
        match report {
            Report::Idz => {
                let stamp = self.introduction();
                return Some(body(&ServerId { name: stamp.name, host: stamp.host, id: stamp.id }));
            }
            Report::Statsz if filter.is_ok() => return Some(body(&self.statsz())),
            _ => {}
        }
        if let Err(error) = filter {
            return Some(self.failed(None::<Option<()>>, error));
        }
        let reporter = &self.reporter;
        Some(match report {
            Report::Idz | Report::Statsz => return None,
            Report::Varz => self.said(&reporter.varz()),
            Report::Subsz => self.asked(message, |asked: &SubszOptions| reporter.subsz(asked).map_err(text)),
            Report::Connz => self.asked(message, |asked: &ConnzOptions| reporter.connz(asked).map_err(text)),
            Report::Routez => self.asked(message, |asked: &RoutezOptions| Ok(reporter.routez(asked))),
            Report::Gatewayz => self.asked(message, |asked: &GatewayzOptions| Ok(reporter.gatewayz(asked))),
            Report::Leafz => self.asked(message, |asked: &LeafzOptions| Ok(reporter.leafz(asked))),
            Report::Accountz => self.asked(message, |asked: &AccountzOptions| reporter.accountz(asked).map_err(text)),
            Report::Jsz => match options::<JszOptions>(message) {
                Ok(asked) => match reporter.jsz(asked).await {
                    // Another server answers.
                    Err(ReportError::NotLeader) => return None,
                    report => self.outcome(report.map_err(text)),
                },
                Err(error) => self.failed(None::<Option<()>>, error),
            },
            Report::Healthz => match options::<HealthzOptions>(message) {
                Ok(asked) => self.said(&reporter.healthz(&asked).await),
                Err(error) => self.failed(None::<Option<()>>, error),
            },
            Report::Ipqueuesz => self.asked(message, |asked: &IpqueueszOptions| Ok(reporter.ipqueuesz(asked))),
            Report::Raftz => match options::<RaftzOptions>(message) {
                // Without groups there is an empty list of them.
                Ok(asked) => self.said(&reporter.raftz(asked).await.unwrap_or_else(|_| serde_json::json!({}))),
                Err(error) => self.failed(None::<Option<()>>, error),
            },
            Report::Expvarz => self.said(&reporter.variables()),
            Report::Profilez => match options::<ProfilezOptions>(message) {
                Ok(asked) => self.said(&self.profilez(&asked).await),
                Err(error) => self.failed(None::<Option<()>>, error),
            },
        })
    }

    /// Whether a request is for this server.
    fn filtered(&self, message: &InboxMessage) -> Result<bool, ApiError> {
        let filter: Filter = options(message)?;
        Ok(filter.admits(&self.introduction()))
    }

    /// A report about the account that the subject names.
    pub(super) async fn account_report(&self, report: AccountReport, message: &InboxMessage) -> Option<Vec<u8>> {
        let name = token(message, 3);
        let is_everybody = name == "PING";
        match self.filtered(message) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some(self.failed(None::<Option<()>>, error)),
        }
        let reporter = &self.reporter;
        Some(match report {
            AccountReport::Subsz => self.asked(message, |asked: &SubszOptions| {
                let asked = SubszOptions { subscriptions: true, account: name.clone(), ..asked.clone() };
                reporter.subsz(&asked).map_err(text)
            }),
            AccountReport::Connz => self.asked(message, |asked: &ConnzOptions| {
                reporter.connz(&ConnzOptions { acc: name.clone(), ..asked.clone() }).map_err(text)
            }),
            AccountReport::Leafz => self.asked(message, |asked: &LeafzOptions| {
                Ok(reporter.leafz(&LeafzOptions { account: name.clone(), ..asked.clone() }))
            }),
            AccountReport::Jsz => self.account_jsz(&name, message).await,
            AccountReport::Info => self.account_info(&name),
            // Asked of everybody, [`System::all_accounts`] answers.
            AccountReport::Statz if is_everybody => return None,
            AccountReport::Statz => self.account_statz(name, message)?,
            AccountReport::Conns => {
                let account =
                    reporter.services().accounts.get(&name).filter(|account| account.num_connections() > 0)?;
                body(&self.account_connections(&account))
            }
        })
    }

    async fn account_jsz(&self, name: &str, message: &InboxMessage) -> Vec<u8> {
        let asked = match options::<JszOptions>(message) {
            Ok(asked) => JszOptions { account: name.to_owned(), ..asked },
            Err(error) => return self.failed(None::<Option<()>>, error),
        };
        let is_known = self.reporter.services().accounts.get(name).is_some();
        let outcome = match self.reporter.sources().jetstream.get() {
            None => Err(NO_JETSTREAM.to_owned()),
            Some(_) if !is_known => Err(format!("account {name:?} not found")),
            Some(source) => source.account(asked).await.map_err(text),
        };
        self.outcome(outcome)
    }

    /// The numbers of one account. Silent where it has no connections, but for who wants to know that, too.
    fn account_statz(&self, name: String, message: &InboxMessage) -> Option<Vec<u8>> {
        let asked = match options::<AccstatzOptions>(message) {
            Ok(asked) => AccstatzOptions { accounts: vec![name], ..asked },
            Err(error) => return Some(self.failed(None::<Option<()>>, error)),
        };
        let report = self.reporter.accstatz(&asked);
        (asked.include_unused || !report.account_statz.is_empty()).then(|| self.said(&report))
    }

    fn account_info(&self, name: &str) -> Vec<u8> {
        match self.reporter.accountz(&AccountzOptions { account: name.to_owned() }) {
            Ok(report) => self.said(&report.account_detail),
            Err(cause) => self.failed(Some(None::<()>), ApiError { code: INTERNAL, description: cause.to_string() }),
        }
    }

    /// The numbers of all accounts.
    pub(super) fn all_accounts(&self, message: &InboxMessage) -> Option<Vec<u8>> {
        match self.filtered(message) {
            Ok(true) => {
                let reporter = &self.reporter;
                Some(self.asked(message, |asked: &AccstatzOptions| Ok(reporter.accstatz(asked))))
            }
            Ok(false) => None,
            Err(error) => Some(self.failed(None::<Option<()>>, error)),
        }
    }

    /// How many subscribers the subject in the body, and behind it the queue group, has.
    pub(super) fn num_subscribers(&self, batch: &InboxBatch, message: &InboxMessage) -> Vec<u8> {
        let payload = message.payload();
        let mut words = payload.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (subject, queue) = (words.next().unwrap_or_default(), words.next());
        let mut count = 0_u64;
        batch.account().snapshot().for_each(&mut |subscription| {
            let is_fit = troupe_codecs::subject::is_subset(subscription.subject(), subject)
                && (queue.is_none() || queue == subscription.queue_opt());
            count += u64::from(is_fit && subscription.client().is_some());
        });
        count.to_string().into_bytes()
    }

    /// Closes the connection that the body names. Silent where the body cannot be read.
    pub(super) fn kick(&self, message: &InboxMessage) -> Option<Vec<u8>> {
        let cid = self.connection_id(message)?;
        Some(match self.reporter.services().registry.get(cid) {
            Some(entry) => {
                entry.address.do_send(ClientCommand::Close(CloseReason::Kicked));
                self.done()
            }
            None => self.refused("no such client or leafnode id"),
        })
    }

    /// Tells the connection that the body names to go elsewhere.
    pub(super) fn lame_duck(&self, message: &InboxMessage) -> Option<Vec<u8>> {
        let cid = self.connection_id(message)?;
        Some(match self.reporter.services().registry.get(cid) {
            Some(entry) => {
                entry.address.do_send(ClientCommand::GoElsewhere);
                self.done()
            }
            None => self.refused("no such client id"),
        })
    }

    /// The connection that the body names: none where there is no number. Nothing where the body cannot be read, or is for others.
    fn connection_id(&self, message: &InboxMessage) -> Option<u64> {
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        struct Named {
            cid: u64,
        }
        let named = decode::<Named>(message.payload()).ok()?;
        self.filtered(message).is_ok_and(|is_here| is_here).then_some(named.cid)
    }

    /// What is said at once to who asks for a reload; `Ok` where there is to be one.
    pub(super) fn reload_refusal(&self, message: &InboxMessage) -> Result<(), Option<Vec<u8>>> {
        match self.filtered(message) {
            Ok(true) => Ok(()),
            Ok(false) => Err(None),
            Err(error) => Err(Some(self.failed(None::<Option<()>>, error))),
        }
    }

    /// The answer to a reload.
    pub(super) fn reload_answer(&self, outcome: Result<(), String>) -> Vec<u8> {
        match outcome {
            Ok(()) => self.done(),
            Err(reason) => self.refused(&reason),
        }
    }

    fn asked<O: DeserializeOwned + Default, R: Serialize>(
        &self,
        message: &InboxMessage,
        report: impl FnOnce(&O) -> Result<R, String>,
    ) -> Vec<u8> {
        match options::<O>(message) {
            Err(error) => self.failed(None::<Option<()>>, error),
            Ok(asked) => self.outcome(report(&asked)),
        }
    }

    fn outcome<R: Serialize>(&self, report: Result<R, String>) -> Vec<u8> {
        match report {
            Ok(report) => self.said(&report),
            Err(description) => self.failed(Some(None::<()>), ApiError { code: INTERNAL, description }),
        }
    }

    pub(super) fn said<R: Serialize>(&self, report: &R) -> Vec<u8> {
        body(&Answer { server: self.stamp(), data: Some(Some(report)), error: None })
    }

    fn done(&self) -> Vec<u8> {
        body(&Answer::<()> { server: self.stamp(), data: None, error: None })
    }

    fn refused(&self, description: &str) -> Vec<u8> {
        self.failed(None::<Option<()>>, ApiError { code: INTERNAL, description: description.to_owned() })
    }

    fn failed<R: Serialize>(&self, data: Option<Option<R>>, error: ApiError) -> Vec<u8> {
        body(&Answer { server: self.stamp(), data, error: Some(error) })
    }
}

/// What an account's JetStream answers where there is none.
const NO_JETSTREAM: &str = "jetstream not enabled";

fn text(cause: impl std::fmt::Display) -> String {
    cause.to_string()
}
