//! The server binary with fault injection compiled in; `TROUPE_FAULTS` says what strikes once the server
//! is ready, `TROUPE_START_FAULTS` what strikes before.

use std::process::ExitCode;

fn main() -> ExitCode {
    troupe::process::execute(std::env::args_os().skip(1), troupe::start_in_process)
}
