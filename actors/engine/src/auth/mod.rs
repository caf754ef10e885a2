//! May this connection enter, and with what rights.
//!
//! [`Authenticator`] is built from the options and judges what a connection shows ([`Presented`]); the answer is a
//! [`Decision`], which carries a [`Grant`] or a [`Refusal`]. A bcrypt comparison is never made here: it is
//! handed to the caller as a [`PasswordCheck`]. After a reload every connection is judged again with
//! [`Authenticator::reconsider`], from the [`Presented`] and [`Grant`] it remembers.
//!
//! Where a service decides instead, [`Authenticator::review`] makes a [`Delegation`] of the decision; what the service answers is
//! judged by [`Authenticator::conclude`].
//!
//! [`CompiledPermissions`] answer what a granted connection may do, [`ResponseTracker`] to which received reply
//! subjects it may publish.

mod authenticator;
mod callout;
mod certificate;
mod decision;
mod delegation;
mod distinguished_name;
mod permissions;
mod responses;
mod signature;
mod subjects;
mod templates;
mod trust;
mod users;
mod validation;

pub use authenticator::{Authenticator, has_plaintext_passwords};
pub use callout::CalloutFault;
pub use certificate::{CertificateNames, NameCandidate, RelativeName};
pub use decision::{
    Decision, Grant, Identity, MissingAccount, PasswordCheck, Presented, Reconsidered, Refusal, RefusalReason,
    TokenFacts, UserLimits,
};
pub use delegation::{CalloutFacts, CalloutRequest, Delegation, Reviewed};
pub use distinguished_name::DistinguishedName;
pub use permissions::{CompiledPermissions, ConnectionPermissions, DeliveryFilter};
pub use responses::{MAX_TRACKED_BYTES, MAX_TRACKED_REPLIES, ResponseTracker};

use troupe_codecs::quote::quote;

/// Text of the error for a publish that is not allowed.
#[must_use]
pub fn publish_violation(subject: &[u8]) -> String {
    format!("Permissions Violation for Publish to {}", quote(subject))
}

/// Text of the error for a subscription that is not allowed.
#[must_use]
pub fn subscription_violation(subject: &[u8], queue: Option<&[u8]>) -> String {
    let subject = quote(subject);
    match queue {
        Some(queue) => format!("Permissions Violation for Subscription to {subject} using queue {}", quote(queue)),
        None => format!("Permissions Violation for Subscription to {subject}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn violations_read_like_the_recorded_server() {
        assert_eq!(publish_violation(br#"ba"r\x"#), r#"Permissions Violation for Publish to "ba\"r\\x""#);
        assert_eq!(
            subscription_violation("é\"q".as_bytes(), None),
            r#"Permissions Violation for Subscription to "é\"q""#
        );
        assert_eq!(
            subscription_violation(b"\xff\x01", Some(b"q\x7f")),
            r#"Permissions Violation for Subscription to "\xff\x01" using queue "q\x7f""#
        );
    }
}
