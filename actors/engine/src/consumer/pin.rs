//! The pinned client of a priority group: one client gets all messages until it goes.

/// Who is pinned. Only one group of a consumer is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Identity the client was given with its first message.
    pub id: String,
    /// Its group.
    pub group: String,
    /// Since when, in nanoseconds since 1970.
    pub since: i64,
    /// When it loses its place unless it asks again.
    pub expires: i64,
}

/// Why a client lost its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnpinReason {
    /// Somebody asked for it.
    Admin,
    /// It did not ask for messages for too long.
    Timeout,
}

impl UnpinReason {
    /// The word in the advisory.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Timeout => "timeout",
        }
    }
}
