//! `/accountz` and `/accstatz`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use troupe_codecs::jwt::{AccountClaims, Claims, claims_json};
use troupe_codecs::report::accountz::{
    AccountInfo, AccountStat, DataStats, LimitsInfo, MsgBytes, RateInfo, UserLimitsInfo,
};
use troupe_codecs::report::{Accountz, AccountzOptions, Accstatz, AccstatzOptions, Timestamp};

use troupe_engine::options::{Rate, RateOptions};

use super::sharing::sharing;
use super::subsz::sublist_stats;
use super::{ReportError, Reporter};
use crate::connection::Traffic;
use crate::router::AccountView;

impl Reporter {
    /// The names of all accounts, or one account.
    ///
    /// # Errors
    /// There is no account of this name.
    pub fn accountz(&self, options: &AccountzOptions) -> Result<Accountz, ReportError> {
        let system = self.services.options().system_account_name().unwrap_or_default().to_owned();
        let name = &options.account;
        let (mut names, mut detail) = (Vec::new(), None);
        if name.is_empty() {
            names = self.accounts("").iter().map(|account| account.name().to_string()).collect();
        } else {
            let account = self.services.accounts.get(name);
            let account = account.ok_or_else(|| ReportError::UnknownAccount(name.clone()))?;
            detail = Some(self.account_info(&account, *name == system));
        }
        Ok(Accountz {
            server_id: self.server_id(),
            now: Timestamp(SystemTime::now()),
            system_account: system,
            accounts: names,
            account_detail: detail,
        })
    }

    fn account_info(&self, account: &AccountView, is_system: bool) -> AccountInfo {
        let sources = self.sources();
        let name = account.name();
        let stats = sublist_stats(account);
        let options = self.services.options();
        let trust = options.trust.as_ref();
        let token = trust.and_then(|trust| trust.accounts.get(name));
        let claims = token.map(|token| &token.claims);
        let named = claims.map(|claims| claims.name.clone()).filter(|name| !name.is_empty());
        let has_jetstream = sources.jetstream.get().is_some_and(|source| source.is_enabled_for(name));
        let is_served = sources.jetstream.get().is_some();
        AccountInfo {
            account_name: name.to_string(),
            update_time: self.config_load_time(),
            is_system,
            expired: false,
            complete: true,
            jetstream_enabled: has_jetstream,
            leafnode_connections: self.num_leafs(name),
            client_connections: account.num_connections(),
            subscriptions: stats.num_subscriptions,
            sharing: sharing(&options, account, is_served),
            jwt: token.map(|token| token.text.clone()).unwrap_or_default(),
            issuer_key: claims.map(|claims| claims.iss.clone()).unwrap_or_default(),
            name_tag: named.unwrap_or_else(|| name.to_string()),
            tags: claims.map(|claims| claims.nats.tags.clone()).unwrap_or_default(),
            decoded_jwt: token.and_then(|token| claims_json(&token.text)),
            revoked_user: claims.map(revoked).unwrap_or_default(),
            sublist_stats: stats,
            responses: BTreeMap::new(),
            limits: self.limits_info(account),
        }
    }

    fn limits_info(&self, account: &AccountView) -> Option<LimitsInfo> {
        let limiter = account.rate_limiter();
        let users = self.services.users.of_account(account.name()).into_iter().map(|(user, usage)| {
            let limits = usage.limits();
            UserLimitsInfo {
                user: user.into(),
                connections: usage.num_connections(),
                max_connections: limits.max_connections.unwrap_or_default(),
                rate: rate_info(limits.rate, usage.num_waits()),
            }
        });
        let info = LimitsInfo {
            rate: limiter.map(|limiter| rate_info(limiter.options(), limiter.num_waits())).unwrap_or_default(),
            users: users.collect(),
        };
        (info != LimitsInfo::default()).then_some(info)
    }

    fn num_leafs(&self, account: &str) -> u64 {
        self.sources().leafs.get().map_or(0, |source| source.num_of_account(account))
    }

    /// What accounts moved.
    #[must_use]
    pub fn accstatz(&self, options: &AccstatzOptions) -> Accstatz {
        let traffic = self.services.registry.traffic_by_account();
        let is_asked = |name: &str| options.accounts.is_empty() || options.accounts.iter().any(|asked| asked == name);
        let accounts = self.accounts("").into_iter().filter(|account| is_asked(account.name()));
        let stats = accounts.map(|account| {
            let moved = traffic.get(account.name()).copied().unwrap_or_default();
            self.account_stat(&account, moved)
        });
        let is_shown = |stat: &AccountStat| options.include_unused || stat.conns > 0 || stat.leafnodes > 0;
        Accstatz {
            server_id: self.server_id(),
            now: Timestamp(SystemTime::now()),
            account_statz: stats.filter(is_shown).collect(),
        }
    }

    /// Traffic of the accounts that moved most, and of all others together, under the name `(other)`: labels of metrics must
    /// be few.
    #[must_use]
    pub fn account_figures(&self, most: usize) -> Vec<AccountStat> {
        let mut stats = self.accstatz(&AccstatzOptions { include_unused: true, ..Default::default() }).account_statz;
        if stats.len() <= most {
            return stats;
        }
        stats.sort_by_key(|stat| std::cmp::Reverse((stat.sent.all.msgs + stat.received.all.msgs, stat.conns)));
        let others = stats.split_off(most);
        let mut sum = AccountStat { acc: "(other)".to_owned(), name: "(other)".to_owned(), ..AccountStat::default() };
        for stat in others {
            sum.conns += stat.conns;
            sum.num_subscriptions += stat.num_subscriptions;
            sum.slow_consumers += stat.slow_consumers;
            for (total, own) in [(&mut sum.sent.all, stat.sent.all), (&mut sum.received.all, stat.received.all)] {
                total.msgs += own.msgs;
                total.bytes += own.bytes;
            }
        }
        stats.push(sum);
        stats
    }

    /// Traffic, connections and subscriptions of one account, counted now.
    #[must_use]
    pub fn account_stat_of(&self, account: &AccountView) -> AccountStat {
        let moved = self.services.registry.traffic_by_account().get(account.name()).copied().unwrap_or_default();
        self.account_stat(account, moved)
    }

    /// Traffic, connections and subscriptions of one account.
    pub(super) fn account_stat(&self, account: &AccountView, moved: Traffic) -> AccountStat {
        let data = |msgs, bytes| DataStats { all: MsgBytes { msgs, bytes }, ..DataStats::default() };
        let (conns, leafnodes) = (account.num_connections(), self.num_leafs(account.name()));
        AccountStat {
            acc: account.name().to_string(),
            name: account.name().to_string(),
            conns,
            leafnodes,
            total_conns: conns + leafnodes,
            num_subscriptions: account.snapshot().len() as u64,
            sent: data(moved.out_msgs, moved.out_bytes),
            received: data(moved.in_msgs, moved.in_bytes),
            slow_consumers: account.num_slow_consumers(),
        }
    }
}

fn rate_info(options: RateOptions, waits: u64) -> RateInfo {
    let shown = |rate: Option<Rate>| rate.map_or((0, 0), |rate| (rate.per_second, rate.burst));
    let ((messages_per_second, messages_burst), (bytes_per_second, bytes_burst)) =
        (shown(options.messages), shown(options.bytes));
    RateInfo { messages_per_second, messages_burst, bytes_per_second, bytes_burst, waits }
}

fn revoked(claims: &Claims<AccountClaims>) -> BTreeMap<String, Timestamp> {
    let revocations = claims.nats.revocations.iter();
    revocations.map(|(user, until)| (user.clone(), Timestamp::from_unix_seconds(*until))).collect()
}
