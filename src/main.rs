//! The `troupe` binary.

use std::process::ExitCode;
use std::sync::Arc;

use troupe::process::{self, Configuration};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let load = |command_line: &troupe::cli::CommandLine| {
        let loaded = troupe::config::load(command_line.config_file.as_deref(), &command_line.overrides.to_map());
        let loaded = loaded.map_err(|errors| errors.to_string())?;
        let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
        Ok(Configuration { options: loaded.options, warnings })
    };
    process::execute(std::env::args_os().skip(1), Arc::new(load), async |options, process| {
        troupe::start(options).await.map(|server| server.with_process(process))
    })
}
