//! Servers started inside the test's own process.
//!
//! Tests that inject faults or look at the supervision board need the server's handle, not only its socket. The
//! start through the library's public door belongs here and joins [`Server`](crate::server::Server) as one more backing
//! beside [`process`](crate::process); tests that only need a socket use the process, as users do.
