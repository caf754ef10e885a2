use std::sync::mpsc;

use super::*;
use crate::logging::MemorySink;

const LIMIT: Duration = Duration::from_secs(10);

/// Writes into memory, one batch per permit.
struct GatedSink {
    permits: mpsc::Receiver<()>,
    lines: MemorySink,
}

impl Sink for GatedSink {
    fn write(&mut self, batch: &Batch) -> io::Result<()> {
        self.permits.recv().map_err(io::Error::other)?;
        self.lines.write(batch)
    }
}

fn gated() -> (Arc<LogQueue>, mpsc::Sender<()>, MemorySink) {
    let (permit, permits) = mpsc::channel();
    let lines = MemorySink::default();
    let sink = GatedSink { permits, lines: lines.clone() };
    let queue = LogQueue::start(Box::new(sink), LineStyle::default()).expect("thread");
    (queue, permit, lines)
}

#[test]
fn lines_keep_their_order_and_none_is_lost_at_close() {
    let lines = MemorySink::default();
    let queue = LogQueue::start(Box::new(lines.clone()), LineStyle::default()).expect("thread");
    let expected: String = (0..10_000).map(|number| format!("line {number}\n")).collect();
    for line in expected.split_inclusive('\n') {
        queue.push(Severity::Info, line.as_bytes());
    }
    assert!(queue.close(LIMIT));
    assert_eq!(lines.text(), expected);
}

#[test]
fn a_stuck_destination_costs_a_bounded_wait_then_lines_are_dropped_and_counted() {
    let (queue, permit, lines) = gated();
    let line = [vec![b'x'; CAPACITY / 4 - 1], vec![b'\n']].concat();
    let started = Instant::now();
    // One batch is in the writer, four lines fill the queue, three are too many.
    queue.push(Severity::Info, b"first\n");
    while !queue.state.lock().writer_is_busy {
        std::thread::yield_now();
    }
    for _ in 0..7 {
        queue.push(Severity::Info, &line);
    }
    assert!(started.elapsed() >= STALL_LIMIT);
    assert!(started.elapsed() < WAIT_LIMIT + STALL_LIMIT * 4);
    for _ in 0..3 {
        permit.send(()).expect("writer lives");
    }
    assert!(queue.flush(LIMIT));
    let text = lines.text();
    assert_eq!(text.matches("xxx\n").count(), 4);
    assert!(text.contains("[WRN] 3 log lines dropped"), "{}", &text[text.len().saturating_sub(200)..]);
}

#[test]
fn a_slow_destination_slows_the_writer_of_lines_down() {
    let (queue, permit, lines) = gated();
    let line = [vec![b'y'; CAPACITY / 2 - 1], vec![b'\n']].concat();
    let feeder = std::thread::spawn(move || {
        for _ in 0..20 {
            std::thread::sleep(Duration::from_millis(20));
            if permit.send(()).is_err() {
                return;
            }
        }
    });
    for _ in 0..10 {
        queue.push(Severity::Info, &line);
    }
    assert!(queue.flush(LIMIT));
    assert_eq!(lines.text().matches("yyy\n").count(), 10);
    drop(queue);
    feeder.join().expect("feeder ends");
}

#[test]
fn a_replaced_destination_gets_only_later_lines() {
    let (old, new) = (MemorySink::default(), MemorySink::default());
    let queue = LogQueue::start(Box::new(old.clone()), LineStyle::default()).expect("thread");
    queue.push(Severity::Info, b"before\n");
    assert!(queue.replace(Box::new(new.clone()), LineStyle::default(), LIMIT));
    queue.push(Severity::Info, b"after\n");
    assert!(queue.flush(LIMIT));
    assert_eq!((old.text().as_str(), new.text().as_str()), ("before\n", "after\n"));
}
