//! What tenants let each other have: streams, services, mappings.

mod t10_mappings;
mod t10_services;
mod t10_streams;
mod t10_traces;
mod t30_replies;
mod t60_reload;
mod traces;

use troupe_tests::{Conn, Script};

/// Enters as a user whose password is `p`.
trait Enters {
    fn enter(self, conn: Conn, user: &str) -> Self;
}

impl Enters for Script {
    fn enter(self, conn: Conn, user: &str) -> Self {
        let connect = r#""verbose":false,"pedantic":false,"headers":true,"no_responders":true,"lang":"raw""#;
        self.connect(conn, &format!(r#"{connect},"user":"{user}","pass":"p""#))
    }
}
