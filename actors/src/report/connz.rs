//! `/connz`.

use std::time::SystemTime;

use troupe_codecs::report::connz::DEFAULT_LIMIT;
use troupe_codecs::report::{ConnSort, ConnState, Connz, ConnzOptions, Timestamp};

use super::connz_rows::{Row, sort_rows};
use super::connz_subscriptions::SubscriptionsByConnection;
use super::reporter::Page;
use super::{ReportError, Reporter};

impl Reporter {
    /// Connections in the asked order, one page of them.
    ///
    /// # Errors
    /// The order does not exist or not for these connections, or a subject filter lacks its account.
    pub fn connz(&self, options: &ConnzOptions) -> Result<Connz, ReportError> {
        let order = order(options)?;
        let now = SystemTime::now();
        let limit = if options.cid > 0 { 1 } else { options.limit };
        let page = Page::new(options.offset, limit, DEFAULT_LIMIT);
        let mut answer = Connz {
            server_id: self.server_id(),
            now: Timestamp(now),
            num_connections: 0,
            total: 0,
            offset: page.offset,
            limit: page.limit,
            connections: Some(Vec::new()),
        };
        if !options.acc.is_empty() && self.services.accounts.get(&options.acc).is_none() {
            // As nats-server does: the document without its values.
            return Ok(Connz { server_id: String::new(), connections: None, ..answer });
        }
        let mut rows = self.rows(options);
        answer.total = rows.len();
        self.filter(&mut rows, options)?;
        sort_rows(&mut rows, order, now);
        let rows: Vec<Row> = page.cut(rows).collect();
        let wants_subscriptions = options.subscriptions || options.subscriptions_detail;
        let subscriptions = wants_subscriptions.then(|| SubscriptionsByConnection::of(&self.services.accounts, &rows));
        let mut infos = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut info = row.info(now);
            if options.auth {
                row.add_identity(&mut info);
            }
            if let Some(subscriptions) = &subscriptions {
                subscriptions.add_to(&mut info, row, options.subscriptions_detail);
            }
            infos.push(info);
        }
        answer.num_connections = infos.len();
        answer.connections = Some(infos);
        Ok(answer)
    }

    /// The connections that count for `total`: of the asked state and account.
    fn rows(&self, options: &ConnzOptions) -> Vec<Row> {
        let mut rows = Vec::new();
        if options.state != ConnState::Closed {
            rows.extend(self.services.registry.all().into_iter().map(Row::Open));
        }
        if options.state != ConnState::Open {
            rows.extend(self.services.closed.all().into_iter().map(Row::Closed));
        }
        if !options.acc.is_empty() {
            rows.retain(|row| row.is_of_account(&options.acc));
        }
        rows
    }

    /// Leaves the connections that were asked for.
    fn filter(&self, rows: &mut Vec<Row>, options: &ConnzOptions) -> Result<(), ReportError> {
        if options.cid > 0 {
            rows.retain(|row| row.cid() == options.cid);
            return Ok(());
        }
        if !options.user.is_empty() {
            rows.retain(|row| row.is_of_user(&options.user));
        }
        if !options.mqtt_client.is_empty() {
            rows.retain(|row| row.is_mqtt_client(&options.mqtt_client));
        }
        let subject = &options.filter_subject;
        if subject.is_empty() || subject == ">" {
            return Ok(());
        }
        let account = self.services.accounts.get(&options.acc).ok_or(ReportError::FilterWithoutAccount)?;
        let interested = SubscriptionsByConnection::overlapping(&account, subject.as_bytes());
        rows.retain(|row| match row {
            Row::Open(entry) => interested.contains(&entry.sink.cid()),
            Row::Closed(_) => true,
        });
        Ok(())
    }
}

fn order(options: &ConnzOptions) -> Result<ConnSort, ReportError> {
    let order = ConnSort::named(&options.sort).ok_or_else(|| ReportError::UnknownSort(options.sort.clone()))?;
    if matches!(order, ConnSort::Stop | ConnSort::Reason) && options.state != ConnState::Closed {
        return Err(ReportError::ClosedOnly(options.sort.clone()));
    }
    let has_filter = !options.filter_subject.is_empty() && options.filter_subject != ">";
    if has_filter && options.acc.is_empty() {
        return Err(ReportError::FilterWithoutAccount);
    }
    Ok(order)
}
