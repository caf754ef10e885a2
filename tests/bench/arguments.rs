//! What the bench is told.

use std::path::PathBuf;

/// How to call it.
pub(crate) const USAGE: &str =
    "usage: bench --candidate PATH --reference PATH [--only NAME,NAME] [--rounds N] [--scale FACTOR]";

/// The command line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arguments {
    /// Server under test.
    pub(crate) candidate: PathBuf,
    /// Server it is compared with.
    pub(crate) reference: PathBuf,
    /// Cases to run whose name contains one of these; all when empty.
    only: Vec<String>,
    /// Runs of each case on each server.
    pub(crate) rounds: usize,
    /// Factor on the number of messages.
    pub(crate) scale: f64,
}

impl Arguments {
    /// Reads the arguments behind the program's name.
    ///
    /// # Errors
    /// A sentence that names the argument.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut candidate, mut reference) = (None, None);
        let (mut only, mut rounds, mut scale) = (Vec::new(), 3, 1.0);
        while let Some(name) = args.next() {
            let value = args.next().ok_or_else(|| format!("{name} needs a value"))?;
            let bad = |_| format!("{name}: bad value {value}");
            match name.as_str() {
                "--candidate" => candidate = Some(PathBuf::from(value)),
                "--reference" => reference = Some(PathBuf::from(value)),
                "--only" => only = value.split(',').map(str::to_owned).collect(),
                "--rounds" => rounds = value.parse().map_err(|_| bad(()))?,
                "--scale" => scale = value.parse().map_err(|_| bad(()))?,
                _ => return Err(format!("unknown argument {name}")),
            }
        }
        let candidate = candidate.ok_or("--candidate is missing")?;
        let reference = reference.ok_or("--reference is missing")?;
        Ok(Self { candidate, reference, only, rounds: usize::max(rounds, 1), scale })
    }

    /// Whether the case of this name is to be run.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.contains(only.as_str()))
    }
}
