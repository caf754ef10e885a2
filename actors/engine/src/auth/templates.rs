//! Templates of scoped signing keys, and times of the day.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use troupe_codecs::jwt::claims::{SubjectLists, TimeRange, UserRights};
use troupe_codecs::jwt::{AccountClaims, Claims, UserClaims};
use troupe_codecs::subject::is_valid_subscription;

/// Most subjects one subject of a template may become.
const MAX_SUBJECTS: usize = 4096;
const DAY: u64 = 24 * 60 * 60;

/// The rights a template gives a user. `None` when a denied subject cannot be told: the user must stay out.
pub(super) fn fill(
    template: &UserRights,
    user: &Claims<UserClaims>,
    account: &Claims<AccountClaims>,
) -> Option<UserRights> {
    let mut rights = template.clone();
    for lists in [&mut rights.permissions.publish, &mut rights.permissions.subscribe] {
        fill_lists(lists, user, account)?;
    }
    Some(rights)
}

fn fill_lists(lists: &mut SubjectLists, user: &Claims<UserClaims>, account: &Claims<AccountClaims>) -> Option<()> {
    let had_allowed = !lists.allow.is_empty();
    let allow = std::mem::take(&mut lists.allow);
    lists.allow = allow.iter().filter_map(|subject| subjects(subject, user, account)).flatten().collect();
    let deny = std::mem::take(&mut lists.deny);
    for subject in &deny {
        lists.deny.extend(subjects(subject, user, account)?);
    }
    if had_allowed && lists.allow.is_empty() {
        lists.deny.push(">".to_owned());
    }
    Some(())
}

/// What one subject of a template stands for; `None` when something in it is not defined.
fn subjects(subject: &str, user: &Claims<UserClaims>, account: &Claims<AccountClaims>) -> Option<Vec<String>> {
    let mut done = vec![String::new()];
    let mut rest = subject;
    while let Some(start) = rest.find("{{") {
        let end = start + rest[start..].find("}}")? + 2;
        let values = values(&rest[start + 2..end - 2], user, account)?;
        let literal = &rest[..start];
        let grown = done.iter().flat_map(|head| values.iter().map(move |value| format!("{head}{literal}{value}")));
        done = grown.take(MAX_SUBJECTS + 1).collect();
        if done.len() > MAX_SUBJECTS {
            return None;
        }
        rest = &rest[end..];
    }
    done.iter_mut().for_each(|subject| subject.push_str(rest));
    let is_subject = |text: &String| text.split(' ').all(|part| is_valid_subscription(part.as_bytes()));
    done.iter().all(is_subject).then_some(done)
}

fn values(function: &str, user: &Claims<UserClaims>, account: &Claims<AccountClaims>) -> Option<Vec<String>> {
    let function = function.trim();
    let one = |value: &str| Some(vec![value.to_owned()]).filter(|_| !value.is_empty());
    match function.to_ascii_lowercase().as_str() {
        "name()" => return one(&user.name),
        "subject()" => return one(&user.sub),
        "account-name()" => return one(if account.name.is_empty() { &account.sub } else { &account.name }),
        "account-subject()" => return one(&account.sub),
        _ => {}
    }
    let lower = function.to_ascii_lowercase();
    let argument = |name: &str| {
        let inner = lower.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')?;
        Some(format!("{}:", inner.trim()))
    };
    let (tags, prefix) = match argument("tag") {
        Some(prefix) => (&user.nats.tags, prefix),
        None => (&account.nats.tags, argument("account-tag")?),
    };
    let is_tag = |tag: &&String| tag.to_ascii_lowercase().starts_with(&prefix);
    let found: Vec<String> = tags.iter().filter(is_tag).map(|tag| tag[prefix.len()..].to_owned()).collect();
    (!found.is_empty()).then_some(found)
}

/// Whether the moment is in one of the times of the day, and when that time ends. No times are all times. Times in a zone that
/// nobody knows are never; without a zone they are in UTC.
pub(super) fn window(times: &[TimeRange], location: &str, now: SystemTime) -> Option<Option<SystemTime>> {
    if times.is_empty() {
        return Some(None);
    }
    let zone: Tz = if location.is_empty() { Tz::UTC } else { location.parse().ok()? };
    let since = i64::try_from(now.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()?;
    let local = zone.timestamp_opt(since, 0).single()?;
    let of_day = u64::from(local.num_seconds_from_midnight());
    times.iter().find_map(|range| {
        let (start, end) = (clock(&range.start)?, clock(&range.end)?);
        let is_in = if start < end { (start..end).contains(&of_day) } else { of_day >= start || of_day < end };
        let end = if of_day < end { end } else { end + DAY };
        let end = local.date_naive().and_hms_opt(0, 0, 0)? + TimeDelta::seconds(i64::try_from(end).ok()?);
        is_in.then(|| Some(moment(zone, end)))
    })
}

/// When the clocks of a zone show this. Where they jump over it, as if they did not.
fn moment(zone: Tz, shown: NaiveDateTime) -> SystemTime {
    let utc = match zone.from_local_datetime(&shown).latest() {
        Some(moment) => moment.with_timezone(&Utc),
        None => shown.and_utc() - zone.offset_from_utc_datetime(&shown).fix(),
    };
    UNIX_EPOCH + Duration::from_secs(u64::try_from(utc.timestamp()).unwrap_or_default())
}

/// Seconds of `15:04:05`.
pub(super) fn clock(text: &str) -> Option<u64> {
    let mut parts = text.split(':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    (parts.next().is_none() && hours < 24 && minutes < 60 && seconds < 60)
        .then_some(hours * 3600 + minutes * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled() {
        let user = Claims::<UserClaims> {
            name: "joe".to_owned(),
            sub: "UJOE".to_owned(),
            nats: UserClaims { tags: vec!["dept:a".into(), "dept:b".into()], ..UserClaims::default() },
            ..Claims::default()
        };
        let account = Claims::<AccountClaims> {
            name: "acme".to_owned(),
            sub: "AACME".to_owned(),
            nats: AccountClaims { tags: vec!["region:eu".into()], ..AccountClaims::default() },
            ..Claims::default()
        };
        for (subject, expected) in [
            ("plain.>", Some(vec!["plain.>"])),
            ("{{name()}}.x", Some(vec!["joe.x"])),
            ("a.{{ Subject() }}.{{account-name()}}.{{account-subject()}}", Some(vec!["a.UJOE.acme.AACME"])),
            ("d.{{tag(dept)}}.{{account-tag(region)}}", Some(vec!["d.a.eu", "d.b.eu"])),
            ("d.{{tag(none)}}", None),
            ("d.{{unknown()}}", None),
            ("d.{{name()", None),
        ] {
            let expected = expected.map(|list| list.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(subjects(subject, &user, &account), expected, "{subject}");
        }
        let mut template = UserRights::default();
        template.permissions.publish.allow = vec!["{{tag(none)}}".into()];
        assert_eq!(fill(&template, &user, &account).unwrap().permissions.publish.deny, [">"]);
        template.permissions.publish.deny = vec!["{{tag(none)}}".into()];
        assert!(fill(&template, &user, &account).is_none());
    }

    #[test]
    fn times_of_the_day() {
        let at = |hour: u64| UNIX_EPOCH + Duration::from_secs(10 * DAY + hour * 3600);
        let range = |start: &str, end: &str| vec![TimeRange { start: start.into(), end: end.into() }];
        assert_eq!(window(&[], "", at(1)), Some(None));
        assert_eq!(window(&range("08:00:00", "16:00:00"), "", at(9)), Some(Some(at(16))));
        assert_eq!(window(&range("08:00:00", "16:00:00"), "", at(17)), None);
        assert_eq!(window(&range("22:00:00", "02:00:00"), "UTC", at(23)), Some(Some(at(26))));
        assert_eq!(window(&range("22:00:00", "02:00:00"), "", at(1)), Some(Some(at(2))));
        assert_eq!(window(&range("08:00:00", "16:00:00"), "Mars/Base", at(9)), None);
    }
}
