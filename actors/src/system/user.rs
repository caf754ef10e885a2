//! Who asks: `$SYS.REQ.USER.INFO`.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;
use troupe_codecs::report::{Layout, render};
use troupe_codecs::system::{Answer, ApiError};
use troupe_engine::options::{Permissions, SubjectPermission};

use super::SystemServices;
use crate::router::ClientSink;

/// A user as it sees itself.
#[derive(Debug, Serialize)]
struct UserInfo {
    user: String,
    account: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    account_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    user_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<Rights>,
    #[serde(skip_serializing_if = "is_zero")]
    expires: u64,
}

#[derive(Debug, Serialize)]
struct Rights {
    publish: Lists,
    subscribe: Lists,
    #[serde(skip_serializing_if = "Option::is_none")]
    responses: Option<Replies>,
}

#[derive(Debug, Default, Serialize)]
struct Lists {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deny: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Replies {
    max: i64,
    /// Nanoseconds.
    ttl: i64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What the client behind `sink` is told of itself.
pub(super) fn info(services: &SystemServices, sink: Option<&Arc<ClientSink>>) -> Option<Vec<u8>> {
    let server = services.stamp();
    let answer = match sink {
        Some(sink) => {
            let account = sink.account_name();
            let info = sink.client_info(&account, true);
            let (account_name, expires) = sink.account_facts();
            let data = UserInfo {
                user: info.user,
                account: account.to_string(),
                account_name,
                user_name: info.name_tag,
                permissions: sink.rights().map(|rights| public(rights.source())),
                expires: expires.map_or(0, left),
            };
            Answer { server, data: Some(Some(data)), error: None }
        }
        None => {
            let error = ApiError { code: 400, description: String::new() };
            Answer { server, data: None, error: Some(error) }
        }
    };
    render(&answer, Layout::Compact).ok()
}

/// Whole seconds until then, in nanoseconds.
fn left(end: SystemTime) -> u64 {
    end.duration_since(SystemTime::now()).map_or(0, |left| left.as_secs() * 1_000_000_000)
}

fn public(permissions: &Permissions) -> Rights {
    let lists = |permission: Option<&SubjectPermission>| {
        let mut lists = permission.map_or_else(Lists::default, |permission| Lists {
            allow: permission.allow.clone().unwrap_or_default(),
            deny: permission.deny.clone(),
        });
        lists.allow.sort();
        lists.deny.sort();
        lists
    };
    Rights {
        publish: lists(permissions.publish.as_ref()),
        subscribe: lists(permissions.subscribe.as_ref()),
        responses: permissions.responses.map(|responses| Replies {
            max: responses.max_messages,
            ttl: responses.expires.map_or(-1, |time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)),
        }),
    }
}
