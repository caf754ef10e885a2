//! What a panic said and where, for the supervisor's log line.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::{Arc, Once};

/// The text of one panic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanicNote {
    /// What the panic said.
    pub message: Arc<str>,
    /// `file:line:column`, empty when unknown.
    pub location: Arc<str>,
    /// The stack, when `RUST_BACKTRACE` asks for it and nobody has printed it yet.
    pub backtrace_opt: Option<Arc<str>>,
    /// True when the former panic hook has already written it to standard error.
    pub printed: bool,
}

impl fmt::Display for PanicNote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.location.is_empty() {
            return write!(formatter, "panic: {}", self.message);
        }
        write!(formatter, "panic: {} at {}", self.message, self.location)
    }
}

thread_local! {
    /// Depth of `contain` on this thread: panics inside are reported by whoever contains them.
    static CONTAINED: Cell<u32> = const { Cell::new(0) };
    /// The last panic of this thread that nobody has taken yet.
    static NOTE: RefCell<Option<PanicNote>> = const { RefCell::new(None) };
}

/// Installs the process-wide panic hook, once; later calls do nothing.
///
/// The hook keeps each panic's text for its own thread. Inside a contained section it stays silent, because the supervisor
/// logs the panic; everywhere else, and for a second panic that follows an unreported first one, it calls the former hook.
pub fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let former = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !keep_note(info) {
                former(info);
            }
        }));
    });
}

/// Takes the text of the panic that is unwinding this thread, or that last did.
pub fn take_panic_note() -> Option<PanicNote> {
    NOTE.try_with(|note| note.try_borrow_mut().ok().and_then(|mut note| note.take())).ok().flatten()
}

/// Runs `section` and turns a panic inside it into its text.
///
/// After an `Err` the values that `section` touched may be half changed; the caller drops them.
pub(super) fn contain<R>(section: impl FnOnce() -> R) -> Result<R, PanicNote> {
    let depth = ContainedSection::enter();
    let outcome = catch_unwind(AssertUnwindSafe(section));
    drop(depth);
    outcome.map_err(|payload| take_panic_note().unwrap_or_else(|| note_from_payload(payload.as_ref())))
}

struct ContainedSection;

impl ContainedSection {
    fn enter() -> Self {
        let _ = CONTAINED.try_with(|depth| depth.set(depth.get() + 1));
        Self
    }
}

impl Drop for ContainedSection {
    fn drop(&mut self) {
        let _ = CONTAINED.try_with(|depth| depth.set(depth.get().saturating_sub(1)));
    }
}

/// Stores the panic for its thread; returns true when somebody else will report it.
fn keep_note(info: &PanicHookInfo<'_>) -> bool {
    let contained = CONTAINED.try_with(|depth| depth.get() > 0).unwrap_or(false);
    let stored = NOTE.try_with(|slot| {
        let Ok(mut slot) = slot.try_borrow_mut() else { return false };
        // A second panic before the first was taken is about to abort the process: it must be seen.
        let silent = contained && slot.is_none();
        *slot = Some(PanicNote {
            message: message_of(info.payload()).into(),
            location: info.location().map(ToString::to_string).unwrap_or_default().into(),
            backtrace_opt: if silent { captured_backtrace() } else { None },
            printed: !silent,
        });
        silent
    });
    stored.unwrap_or(false)
}

fn captured_backtrace() -> Option<Arc<str>> {
    let backtrace = Backtrace::capture();
    (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string().into())
}

fn note_from_payload(payload: &(dyn Any + Send)) -> PanicNote {
    PanicNote { message: message_of(payload).into(), location: "".into(), backtrace_opt: None, printed: true }
}

fn message_of(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        return text;
    }
    payload.downcast_ref::<String>().map_or("a panic without a text", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contained_panic_keeps_message_and_place() {
        install_panic_hook();
        let note = contain(|| panic!("no luck {}", 7)).expect_err("the section panics");
        assert_eq!(&*note.message, "no luck 7");
        assert!(note.location.contains("panics.rs:"), "{}", note.location);
        assert!(!note.printed);
        assert_eq!(take_panic_note(), None);
    }

    #[test]
    fn uncontained_panic_is_left_to_the_former_hook() {
        install_panic_hook();
        let outcome = std::panic::catch_unwind(|| std::panic::panic_any(5_u8));
        assert!(outcome.is_err());
        let note = take_panic_note().expect("the hook kept it");
        assert!(note.printed);
        assert_eq!(&*note.message, "a panic without a text");
    }
}
