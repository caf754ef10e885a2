//! The `troupe` binary.

use std::process::ExitCode;

use troupe::process::execute;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    execute(std::env::args_os().skip(1), troupe::start_in_process)
}
