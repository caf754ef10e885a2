//! From events to lines.

use std::cell::RefCell;
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use troupe_engine::options::LogFormat;

use super::handle::Shared;
use super::scratch::Scratch;
use super::severity::Severity;

thread_local! {
    static SCRATCH: RefCell<(Scratch, Vec<u8>)> = RefCell::default();
}

/// Turns the events that are wanted into lines and queues them.
pub struct LogLayer {
    shared: Arc<Shared>,
}

impl LogLayer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn write(&self, event: &Event<'_>, scratch: &mut Scratch, line: &mut Vec<u8>) {
        let style = self.shared.style();
        scratch.start(style.format == LogFormat::Json);
        event.record(scratch);
        let severity = Severity::of(*event.metadata().level(), scratch.is_fatal);
        line.clear();
        style.push_line(line, severity, scratch);
        self.shared.queue.push(severity, line);
    }
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.shared.switches.wants(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.shared.switches.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.shared.switches.max_level())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
            Ok(mut scratch) => {
                let (scratch, line) = &mut *scratch;
                self.write(event, scratch, line);
            }
            // The value of a field logs while it is being printed.
            Err(_) => self.write(event, &mut Scratch::default(), &mut Vec::new()),
        });
    }
}
