//! What is wrong with a user's token beside its signature, in nats-server's words.

use std::net::IpAddr;

use chrono_tz::Tz;
use troupe_codecs::jwt::claims::SubjectLists;
use troupe_codecs::jwt::{Claims, UserClaims};

use super::templates::clock;

/// The first thing that is wrong with a user's token at `now`, in seconds since 1970.
pub(super) fn fault(user: &Claims<UserClaims>, now: i64) -> Option<String> {
    let rights = &user.nats.rights;
    lifetime(user.exp, user.nbf, now)
        .map(str::to_owned)
        .or_else(|| permission(&rights.permissions.subscribe, true))
        .or_else(|| permission(&rights.permissions.publish, false))
        .or_else(|| {
            let bad = rights.src.iter().find(|network| !is_network(network))?;
            Some(format!("invalid cidr {bad:?} in user src limits"))
        })
        .or_else(|| {
            rights.times.iter().find_map(|range| time(&range.start, "start").or_else(|| time(&range.end, "end")))
        })
        .or_else(|| {
            let name = &rights.times_location;
            let is_known = name.is_empty() || name == "Local" || name.parse::<Tz>().is_ok();
            (!is_known).then(|| format!("could not parse iana time zone by name: unknown time zone {name}"))
        })
        .or_else(|| {
            let owner = &user.nats.issuer_account;
            let is_fit = owner.is_empty() || is_key(owner, 'A');
            (!is_fit).then(|| "account_id is not an account public key".to_owned())
        })
}

/// What is wrong with the time of a token.
pub(super) fn lifetime(exp: i64, nbf: i64, now: i64) -> Option<&'static str> {
    if exp > 0 && now > exp {
        return Some("claim is expired");
    }
    (nbf > 0 && nbf > now).then_some("claim is not yet valid")
}

/// Whether a text is a public key of the kind with this first letter.
pub(super) fn is_key(text: &str, kind: char) -> bool {
    text.starts_with(kind) && nkeys::from_public_key(text).is_ok()
}

fn permission(lists: &SubjectLists, may_have_queue: bool) -> Option<String> {
    lists.allow.iter().chain(&lists.deny).find_map(|entry| {
        let mut words = entry.split(' ');
        match (words.next().unwrap_or_default(), words.next(), words.next()) {
            (word, None, _) => subject(word),
            (word, Some(queue), None) => subject(word).or_else(|| subject(queue)).or_else(|| {
                (!may_have_queue).then(|| format!("Permission Subject \"{entry}\" is not allowed to contain queue"))
            }),
            _ => Some(format!("Permission Subject \"{entry}\" contains too many spaces")),
        }
    })
}

fn subject(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("subject cannot be empty".to_owned());
    }
    if text.starts_with('.') || text.ends_with('.') {
        return Some(format!("subject {text:?} cannot start or end with a `.`"));
    }
    text.contains("..").then(|| format!("subject {text:?} cannot contain consecutive `.`"))
}

fn is_network(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let width = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= width)
}

fn time(text: &str, which: &str) -> Option<String> {
    if text.is_empty() {
        return Some(format!("time ranges {which} must contain {} {which}", if which == "end" { "an" } else { "a" }));
    }
    clock(text).is_none().then(|| format!("{which} in time range is invalid {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fault_is_told() {
        let told = |change: &dyn Fn(&mut Claims<UserClaims>)| {
            let mut user = Claims::<UserClaims>::default();
            change(&mut user);
            fault(&user, 100)
        };
        let lists = |entry: &str| SubjectLists { allow: vec![entry.to_owned()], deny: Vec::new() };
        assert_eq!(told(&|_| ()), None);
        assert_eq!(told(&|user| user.exp = 99).as_deref(), Some("claim is expired"));
        assert_eq!(told(&|user| user.nbf = 101).as_deref(), Some("claim is not yet valid"));
        assert_eq!(told(&|user| user.nats.rights.permissions.subscribe = lists("a q")), None);
        assert_eq!(
            told(&|user| user.nats.rights.permissions.publish = lists("a b")).as_deref(),
            Some("Permission Subject \"a b\" is not allowed to contain queue")
        );
        assert_eq!(
            told(&|user| user.nats.rights.src = vec!["10.0.0.0/33".to_owned()]).as_deref(),
            Some("invalid cidr \"10.0.0.0/33\" in user src limits")
        );
        assert_eq!(
            told(&|user| user.nats.rights.times_location = "Mars/Base".to_owned()).as_deref(),
            Some("could not parse iana time zone by name: unknown time zone Mars/Base")
        );
    }
}
