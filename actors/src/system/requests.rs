//! Which subjects are answered.

use super::claims::ClaimsKind;
use crate::router::halves::measured_subject;

/// A report that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Who the server is.
    Idz,
    /// Its numbers.
    Statsz,
    /// Options and counters.
    Varz,
    /// Subscriptions.
    Subsz,
    /// Connections.
    Connz,
    /// Routes.
    Routez,
    /// Gateways.
    Gatewayz,
    /// Leaf nodes.
    Leafz,
    /// Accounts.
    Accountz,
    /// JetStream.
    Jsz,
    /// Is it well.
    Healthz,
    /// Queues.
    Ipqueuesz,
    /// Replication groups.
    Raftz,
    /// Variables of the process.
    Expvarz,
    /// Where its time or memory goes.
    Profilez,
}

/// A report about one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountReport {
    /// Subscriptions.
    Subsz,
    /// Connections.
    Connz,
    /// Leaf nodes.
    Leafz,
    /// JetStream.
    Jsz,
    /// The account.
    Info,
    /// Its numbers, in a list.
    Statz,
    /// Its numbers, as an event.
    Conns,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// A report of every server, or of this one.
    Server(Report),
    /// A report about the account in the subject.
    Account(AccountReport),
    /// The numbers of all accounts.
    AllAccounts,
    /// Who asks.
    User,
    /// How many subscribers a subject has.
    Subscribers,
    /// Close a connection.
    Kick,
    /// Tell a connection to go elsewhere.
    LameDuck,
    /// Read the configuration again.
    Reload,
    /// Tokens of accounts.
    Claims(ClaimsKind),
    /// What another server knows of an account that was looked up.
    Found,
    /// Nothing: another server tells of itself.
    News(News),
}

/// What a server keeps of tokens of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// Those it has, for as long as it runs.
    Known,
    /// Those that are used.
    Used,
    /// All of them.
    All,
}

/// What another server tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Connections of an account.
    Connections,
    /// Its numbers.
    Numbers,
    /// It ends.
    Shutdown,
    /// How long a service took that was asked here and answered there.
    Latency,
}

const REPORTS: [(&str, Report); 15] = [
    ("IDZ", Report::Idz),
    ("STATSZ", Report::Statsz),
    ("VARZ", Report::Varz),
    ("SUBSZ", Report::Subsz),
    ("CONNZ", Report::Connz),
    ("ROUTEZ", Report::Routez),
    ("GATEWAYZ", Report::Gatewayz),
    ("LEAFZ", Report::Leafz),
    ("ACCOUNTZ", Report::Accountz),
    ("JSZ", Report::Jsz),
    ("HEALTHZ", Report::Healthz),
    ("IPQUEUESZ", Report::Ipqueuesz),
    ("RAFTZ", Report::Raftz),
    ("EXPVARZ", Report::Expvarz),
    ("PROFILEZ", Report::Profilez),
];

const ACCOUNT_REPORTS: [(&str, AccountReport); 7] = [
    ("SUBSZ", AccountReport::Subsz),
    ("CONNZ", AccountReport::Connz),
    ("LEAFZ", AccountReport::Leafz),
    ("JSZ", AccountReport::Jsz),
    ("INFO", AccountReport::Info),
    ("STATZ", AccountReport::Statz),
    ("CONNS", AccountReport::Conns),
];

impl Request {
    /// Whether its answers may be compressed.
    #[must_use]
    pub fn is_packable(self) -> bool {
        match self {
            Self::Server(Report::Idz | Report::Statsz) | Self::Account(AccountReport::Conns) => false,
            Self::Server(_) | Self::Account(_) | Self::AllAccounts => true,
            Self::Kick | Self::LameDuck | Self::Reload => true,
            Self::User | Self::Subscribers | Self::Claims(_) | Self::Found | Self::News(_) => false,
        }
    }
}

/// Subject of the lines that the server with this id asks others for.
#[must_use]
pub fn merge_subject(server_id: &str) -> String {
    format!("$SYS._INBOX.{server_id}.CLAIMS")
}

/// Subject of the answers to lookups of the server with this id, up to the last token.
#[must_use]
pub fn found_prefix(server_id: &str) -> String {
    format!("$SYS._INBOX.{server_id}.CLAIMS.FOUND.")
}

/// Subject on which the server with this id is told what it asked others for.
#[must_use]
pub fn news_subject(server_id: &str) -> String {
    format!("$SYS._INBOX_.{server_id}")
}

/// Queue group of the requests of which one server answers each.
#[must_use]
pub fn queue(request: Request) -> &'static str {
    if request == Request::Claims(ClaimsKind::Pack) { "responder" } else { "" }
}

/// All requests to the server with this id and short name, and the subject of each. `keeping`: what it keeps of tokens of accounts; `has_peers`: there
/// may be other servers.
#[must_use]
pub fn all((server_id, short_name): (&str, &str), keeping: Keeping, has_peers: bool) -> (Vec<Request>, Vec<String>) {
    let mut all = vec![(Request::Server(Report::Statsz), "$SYS.REQ.SERVER.PING".to_owned())];
    for (name, report) in REPORTS {
        for server in ["PING", server_id] {
            all.push((Request::Server(report), format!("$SYS.REQ.SERVER.{server}.{name}")));
        }
    }
    for (name, report) in ACCOUNT_REPORTS {
        all.push((Request::Account(report), format!("$SYS.REQ.ACCOUNT.*.{name}")));
    }
    all.push((Request::AllAccounts, "$SYS.REQ.ACCOUNT.PING.STATZ".to_owned()));
    all.push((Request::User, "$SYS.REQ.USER.*.INFO".to_owned()));
    all.push((Request::Subscribers, "$SYS.DEBUG.SUBSCRIBERS".to_owned()));
    for (name, request) in [("KICK", Request::Kick), ("LDM", Request::LameDuck), ("RELOAD", Request::Reload)] {
        all.push((request, format!("$SYS.REQ.SERVER.{server_id}.{name}")));
    }
    all.extend(claims(server_id, keeping));
    if has_peers {
        let news = [
            (News::Connections, "$SYS.SERVER.ACCOUNT.*.CONNS".to_owned()),
            (News::Connections, news_subject(server_id)),
            (News::Numbers, "$SYS.SERVER.*.STATSZ".to_owned()),
            (News::Shutdown, "$SYS.SERVER.*.SHUTDOWN".to_owned()),
            (News::Latency, measured_subject(short_name)),
        ];
        all.extend(news.map(|(kind, subject)| (Request::News(kind), subject)));
    }
    all.into_iter().unzip()
}

/// Requests about tokens of accounts.
fn claims(server_id: &str, keeping: Keeping) -> Vec<(Request, String)> {
    let mut claims = vec![
        (ClaimsKind::UpdateOf, "$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE".to_owned()),
        (ClaimsKind::OldUpdateOf, "$SYS.ACCOUNT.*.CLAIMS.UPDATE".to_owned()),
    ];
    if keeping != Keeping::Known {
        claims.push((ClaimsKind::Update, "$SYS.REQ.CLAIMS.UPDATE".to_owned()));
        claims.push((ClaimsKind::Delete, "$SYS.REQ.CLAIMS.DELETE".to_owned()));
        claims.push((ClaimsKind::List, "$SYS.REQ.CLAIMS.LIST".to_owned()));
    }
    if keeping == Keeping::All {
        claims.push((ClaimsKind::Lookup, "$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP".to_owned()));
        claims.push((ClaimsKind::Pack, "$SYS.REQ.CLAIMS.PACK".to_owned()));
        claims.push((ClaimsKind::Merge, merge_subject(server_id)));
    }
    let mut requests: Vec<_> = claims.into_iter().map(|(kind, subject)| (Request::Claims(kind), subject)).collect();
    if keeping != Keeping::Known {
        requests.push((Request::Found, format!("{}*", found_prefix(server_id))));
    }
    requests
}
