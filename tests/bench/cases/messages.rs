//! Loads of messages: publishers, counting readers.

use std::io;
use std::time::Duration;

use troupe_tests::certs::Certs;

use super::Setting;
use crate::flow::{Feed, Flow, Reader};
use crate::report::Measured;

/// Messages in a repeated feed.
const CHUNK: usize = 1000;

/// Appends one `PUB`.
pub(super) fn append_publish(bytes: &mut Vec<u8>, subject: &str, size: usize) {
    bytes.extend_from_slice(format!("PUB {subject} {size}\r\n").as_bytes());
    bytes.resize(bytes.len() + size, b'x');
    bytes.extend_from_slice(b"\r\n");
}

/// Bytes of one delivered message.
pub(super) fn message_len(subject: &str, sid: &str, size: usize) -> u64 {
    (format!("MSG {subject} {sid} {size}\r\n").len() + size + 2) as u64
}

fn reader(subscribe: impl Into<String>) -> Reader {
    Reader { subscribe: subscribe.into().into_bytes(), pause: None }
}

/// A feed of `count` messages whose subjects repeat after [`CHUNK`].
fn repeated(count: usize, size: usize, subject: impl Fn(usize) -> String) -> Feed {
    let mut bytes = Vec::new();
    (0..CHUNK).for_each(|number| append_publish(&mut bytes, &subject(number), size));
    Feed { bytes, times: count.div_ceil(CHUNK) }
}

/// One publisher, one subject, one subscriber.
pub(super) fn one_subject(count: usize, size: usize) -> Flow {
    let feed = repeated(count, size, |_| "bench.one".to_owned());
    let num_messages = (feed.times * CHUNK) as u64;
    let expected_bytes = num_messages * message_len("bench.one", "1", size);
    Flow { feeds: vec![feed], readers: vec![reader("SUB bench.one 1\r\n")], expected_bytes, num_messages }
}

pub(super) fn one_to_one(setting: &Setting<'_>) -> io::Result<Measured> {
    sized(setting, 2_000_000, 16)
}

/// The same in one of a hundred accounts that take a thousand streams and services of each other, on other subjects.
pub(super) fn one_to_one_among_accounts(setting: &Setting<'_>) -> io::Result<Measured> {
    const ACCOUNTS: usize = 100;
    const IMPORTS: usize = 5;

    let import = |exporter: usize| {
        format!(
            "{{stream: {{account: A{exporter}, subject: \"stream.{exporter}.>\"}}}}, \
             {{service: {{account: A{exporter}, subject: \"service.{exporter}\"}}}}"
        )
    };
    let account = |number: usize| {
        let imports: Vec<_> = (1..=IMPORTS).map(|step| import((number + step) % ACCOUNTS)).collect();
        format!(
            "A{number} {{ users: [{{user: u{number}, password: p}}]\n\
             exports: [{{stream: \"stream.{number}.>\"}}, {{service: \"service.{number}\"}}]\n\
             imports: [{}] }}\n",
            imports.join(", ")
        )
    };
    let accounts: String = (0..ACCOUNTS).map(account).collect();
    let (server, door) = setting.start(&format!("accounts {{\n{accounts}}}\nno_auth_user: u0\n"));
    one_subject(setting.count(2_000_000), 16).run(&server, &door)
}

/// One to one with payloads of `size` bytes.
pub(super) fn sized(setting: &Setting<'_>, count: usize, size: usize) -> io::Result<Measured> {
    let (server, door) = setting.start("");
    one_subject(setting.count(count), size).run(&server, &door)
}

/// Nobody listens, but for one message in a thousand, by which the end is known.
pub(super) fn publish_only(setting: &Setting<'_>) -> io::Result<Measured> {
    let (server, door) = setting.start("");
    let mut feed = repeated(setting.count(5_000_000), 16, |_| "bench.one".to_owned());
    append_publish(&mut feed.bytes, "bench.mark", 16);
    let times = feed.times as u64;
    let flow = Flow {
        feeds: vec![feed],
        readers: vec![reader("SUB bench.mark 1\r\n")],
        expected_bytes: times * message_len("bench.mark", "1", 16),
        num_messages: times * (CHUNK as u64 + 1),
    };
    flow.run(&server, &door)
}

/// Who reads what several publishers send.
#[derive(Clone, Copy, Debug)]
pub(super) enum Audience {
    /// One reader for each publisher, on a subject of their own.
    OneEach,
    /// So many readers of everything, on one subject.
    All(usize),
}

/// `publishers` that send `count` messages of `size` bytes together.
pub(super) fn mesh(
    setting: &Setting<'_>,
    publishers: usize,
    audience: Audience,
    (count, size): (usize, usize),
) -> io::Result<Measured> {
    let (server, door) = setting.start("");
    let subject = |publisher: usize| match audience {
        Audience::OneEach => format!("bench.{publisher}"),
        Audience::All(_) => "bench.0".to_owned(),
    };
    let share = setting.count(count) / publishers;
    let feeds: Vec<Feed> = (0..publishers).map(|number| repeated(share, size, |_| subject(number))).collect();
    let num_published = (feeds.iter().map(|feed| feed.times).sum::<usize>() * CHUNK) as u64;
    let (num_readers, num_messages) = match audience {
        Audience::OneEach => (publishers, num_published),
        Audience::All(readers) => (readers, num_published * readers as u64),
    };
    let flow = Flow {
        feeds,
        readers: (0..num_readers).map(|number| reader(format!("SUB {} 1\r\n", subject(number)))).collect(),
        expected_bytes: num_messages * message_len("bench.0", "1", size),
        num_messages,
    };
    flow.run(&server, &door)
}

/// Every publish has a subject of its own; nothing can be remembered between messages.
pub(super) fn unique_subjects(setting: &Setting<'_>) -> io::Result<Measured> {
    let (server, door) = setting.start("");
    let count = setting.count(1_500_000);
    let mut bytes = Vec::new();
    (0..count).for_each(|number| append_publish(&mut bytes, &format!("unique.{number:09}"), 16));
    let flow = Flow {
        feeds: vec![Feed::once(bytes)],
        readers: vec![reader("SUB unique.* 1\r\n")],
        expected_bytes: count as u64 * message_len("unique.000000000", "1", 16),
        num_messages: count as u64,
    };
    flow.run(&server, &door)
}

/// A thousand patterns of ten connections; each message, of 100,000 subjects, matches one of them.
pub(super) fn thousand_patterns(setting: &Setting<'_>) -> io::Result<Measured> {
    let (server, door) = setting.start("");
    let count = setting.count(1_000_000);
    let subscribe = |connection: usize| {
        let patterns = (0..100).map(|number| {
            let number = connection * 100 + number;
            format!("SUB orders.{number:03}.*.state {}\r\n", 1000 + number)
        });
        reader(patterns.collect::<String>())
    };
    let mut bytes = Vec::new();
    for number in 0..count {
        // A multiplier without common factors walks over all subjects in no simple order.
        let place = number * 7919 % 100_000;
        append_publish(&mut bytes, &format!("orders.{:03}.{:02}.state", place % 1000, place / 1000), 32);
    }
    let flow = Flow {
        feeds: vec![Feed::once(bytes)],
        readers: (0..10).map(subscribe).collect(),
        expected_bytes: count as u64 * message_len("orders.000.00.state", "1000", 32),
        num_messages: count as u64,
    };
    flow.run(&server, &door)
}

/// One subscriber to `>`, a thousand subjects.
pub(super) fn everything(setting: &Setting<'_>) -> io::Result<Measured> {
    let (server, door) = setting.start("");
    let feed = repeated(setting.count(2_000_000), 16, |number| format!("bench.all.{number:04}"));
    let num_messages = (feed.times * CHUNK) as u64;
    let flow = Flow {
        feeds: vec![feed],
        readers: vec![reader("SUB > 1\r\n")],
        expected_bytes: num_messages * message_len("bench.all.0000", "1", 16),
        num_messages,
    };
    flow.run(&server, &door)
}

/// Every message goes to one member of a group.
pub(super) fn queue_group(setting: &Setting<'_>, members: usize) -> io::Result<Measured> {
    let (server, door) = setting.start("");
    let mut flow = one_subject(setting.count(1_500_000), 16);
    flow.readers = vec![reader("SUB bench.one group 1\r\n"); members];
    flow.run(&server, &door)
}

/// Sixteen publishers, one subscriber.
pub(super) fn many_to_one(setting: &Setting<'_>) -> io::Result<Measured> {
    let (server, door) = setting.start("");
    let mut flow = one_subject(setting.count(100_000), 64);
    flow.feeds = vec![flow.feeds[0].clone(); 16];
    flow.num_messages *= 16;
    flow.expected_bytes *= 16;
    flow.run(&server, &door)
}

/// One to one for a user whose every subject is looked up in allow and deny lists.
pub(super) fn permissions(setting: &Setting<'_>) -> io::Result<Measured> {
    let allowed: String = (0..20).map(|number| format!("\"area{number}.*.>\", ")).collect();
    let allow =
        format!("allow: [{allowed}\"bench.*\", \"bench.all.*\", \"probe.>\"], deny: [\"secret.>\", \"bench.secret\"]");
    let user =
        format!("{{user: \"u\", password: \"p\", permissions: {{publish: {{{allow}}}, subscribe: {{{allow}}}}}}}");
    let (server, door) = setting.start(&format!("authorization {{ users: [{user}] }}"));
    let feed = repeated(setting.count(1_500_000), 16, |number| format!("bench.all.{number:04}"));
    let num_messages = (feed.times * CHUNK) as u64;
    let flow = Flow {
        feeds: vec![feed],
        readers: vec![reader("SUB bench.all.* 1\r\n")],
        expected_bytes: num_messages * message_len("bench.all.0000", "1", 16),
        num_messages,
    };
    flow.run(&server, &door.login("u", "p"))
}

/// Payloads of 16 B to 256 KB, mostly small ones.
pub(super) fn mixed_sizes(setting: &Setting<'_>) -> io::Result<Measured> {
    const MIX: [(usize, usize); 6] = [(16, 64), (128, 32), (1024, 16), (8192, 4), (65_536, 2), (262_144, 1)];
    let (server, door) = setting.start("");
    let (mut bytes, mut mix_bytes, mut mix_messages) = (Vec::new(), 0, 0);
    for (size, count) in MIX {
        (0..count).for_each(|_| append_publish(&mut bytes, "bench.mix", size));
        mix_messages += count as u64;
        mix_bytes += count as u64 * message_len("bench.mix", "1", size);
    }
    let times = setting.count(2000);
    let flow = Flow {
        feeds: vec![Feed { bytes, times }],
        readers: vec![reader("SUB bench.mix 1\r\n")],
        expected_bytes: mix_bytes * times as u64,
        num_messages: mix_messages * times as u64,
    };
    flow.run(&server, &door)
}

/// Four readers as fast as they can, a fifth that takes little more than a megabyte a second. The four are measured.
pub(super) fn slow_reader(setting: &Setting<'_>) -> io::Result<Measured> {
    let (server, door) = setting.start("max_pending: 16MB\n");
    let mut flow = one_subject(setting.count(150_000), 1024);
    let fast = flow.readers[0].clone();
    let slow = Reader { pause: Some(Duration::from_millis(50)), ..fast.clone() };
    flow.readers = vec![fast; 4];
    flow.readers.push(slow);
    flow.num_messages *= 4;
    flow.expected_bytes *= 4;
    flow.run(&server, &door)
}

/// One to one under TLS.
pub(super) fn tls(setting: &Setting<'_>, size: usize) -> io::Result<Measured> {
    let certs = Certs::generate();
    let (server, door) = setting.start(&certs.tls_block(""));
    let base = if size < 1000 { 1_500_000 } else { 200_000 };
    one_subject(setting.count(base), size).run(&server, &door.tls(&certs.ca())?)
}
