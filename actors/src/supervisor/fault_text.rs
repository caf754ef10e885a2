//! Faults written as text, for a server that is a process of its own.

use std::time::Duration;

use thiserror::Error;

use super::fault_registry::{Fault, FaultRegistry, Injection};

/// A text that names no fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not an injected fault: {0:?}; it is TARGET=panic|stop|end-arbiter|stall:MILLISECONDS[*TIMES][@NTH]")]
pub struct FaultTextError(String);

impl FaultRegistry {
    /// Arms faults written as `TARGET=FAULT[*TIMES][@NTH]`, separated by commas: `router:mid-apply=panic*9,client=stop@3`.
    /// Returns how many. Targets are those of [`Injection::new`].
    ///
    /// # Errors
    /// The first text that is none; nothing is armed then.
    pub fn inject_text(&self, text: &str) -> Result<usize, FaultTextError> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let parsed: Result<Vec<_>, _> =
            parts.map(|part| parse(part).ok_or_else(|| FaultTextError(part.to_owned()))).collect();
        let injections = parsed?;
        let count = injections.len();
        injections.into_iter().for_each(|injection| drop(self.inject(injection)));
        Ok(count)
    }
}

fn parse(text: &str) -> Option<Injection> {
    let (target, rest) = text.split_once('=')?;
    let (rest, nth) = number_behind('@', rest)?;
    let (fault, times) = number_behind('*', rest)?;
    let fault = match fault.split_once(':') {
        None if fault == "panic" => Fault::Panic,
        None if fault == "stop" => Fault::Stop,
        None if fault == "end-arbiter" => Fault::EndArbiter,
        Some(("stall", milliseconds)) => Fault::Stall(Duration::from_millis(milliseconds.parse().ok()?)),
        _ => return None,
    };
    (!target.is_empty()).then(|| Injection::new(target, fault).at_checkpoint(nth).times(times))
}

/// Cuts `mark` and a number off the end; 1 where they are absent.
fn number_behind(mark: char, text: &str) -> Option<(&str, u32)> {
    match text.rsplit_once(mark) {
        Some((before, number)) => Some((before, number.parse().ok()?)),
        None => Some((text, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_faults() {
        let registry = FaultRegistry::default();
        assert_eq!(registry.inject_text("router:mid-apply=stop*2@3, client=stall:5"), Ok(2));
        let seen: Vec<bool> = (0..6).map(|_| registry.pass("router", "", "mid-apply").must_stop()).collect();
        assert_eq!(seen, [false, false, true, true, false, false]);
        assert!(!registry.is_idle());
        assert!(!registry.pass("client", "7", "op").must_stop());
        assert!(registry.is_idle());
    }

    #[test]
    fn other_texts_are_refused_whole() {
        for text in ["router", "router=", "=panic", "router=nap", "router=panic*x", "router=stall", "a=panic,b"] {
            let registry = FaultRegistry::default();
            assert!(registry.inject_text(text).is_err(), "{text}");
            assert!(registry.is_idle(), "{text}");
        }
    }
}
