//! Troupe.

use std::process::ExitCode;

use troupe::process::execute;
use troupe::run::{ControlledServer, ServerEnd};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    execute(std::env::args_os().skip(1), async |_, _| Err::<NoServer, _>("starting a server is not supported yet"))
}

/// There is none to control.
enum NoServer {}

impl ControlledServer for NoServer {
    async fn reload(&self) -> Result<(), String> {
        match *self {}
    }

    fn enter_lame_duck(&self) {
        match *self {}
    }

    fn is_lame_duck(&self) -> bool {
        match *self {}
    }

    fn begin_shutdown(&self) {
        match *self {}
    }

    async fn ended(&self) -> ServerEnd {
        match *self {}
    }
}
