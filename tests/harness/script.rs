//! A raw session as data: what is sent on which connection, and what is waited for.

use nix::sys::signal::Signal;

/// One connection of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conn(pub u8);

/// The first connection.
pub const A: Conn = Conn(b'A');
/// The second connection.
pub const B: Conn = Conn(b'B');
/// The third connection.
pub const C: Conn = Conn(b'C');
/// The fourth connection.
pub const D: Conn = Conn(b'D');

/// The CONNECT options of [`Script::quiet`].
const QUIET: &str = r#""verbose":false,"pedantic":false"#;
/// The CONNECT options of [`Script::modern`].
const MODERN: &str =
    r#""verbose":false,"pedantic":false,"headers":true,"no_responders":true,"protocol":1,"lang":"raw","version":"1""#;

/// One step of a script.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends bytes and goes on at once.
    Send(Conn, Vec<u8>),
    /// Sends bytes and a PING in one write, and reads up to its PONG or the close.
    Flush(Conn, Vec<u8>),
    /// Reads until the server closes the connection.
    UntilClosed(Conn),
    /// Reads until a frame contains the text.
    Until(Conn, String),
    /// Closes the connection from the client's side; what it has read stays in the transcript.
    Close(Conn),
    /// Signals the server process.
    Signal(Signal),
    /// Waits for a log line of the server that contains the text.
    Log(String),
}

/// One exchange: a name and its steps. Connections open at their first use. At the end each open connection is flushed
/// once more, so the transcript is complete.
///
/// In sent bytes `<sig:SEED>` becomes the signature of the connection's nonce with that nkey seed, `<nonce>` the nonce, and
/// `<reply>` the reply subject of the last message with one.
#[derive(Clone, Debug)]
pub struct Script {
    /// What the exchange shows.
    pub name: String,
    /// What happens, in order.
    pub steps: Vec<Step>,
    /// Whether PINGs of the server belong to the transcript.
    pub keeps_pings: bool,
}

/// Starts a script.
pub fn script(name: impl Into<String>) -> Script {
    Script { name: name.into(), steps: Vec::new(), keeps_pings: false }
}

impl Script {
    /// Sends bytes and goes on at once.
    pub fn send(self, conn: Conn, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Send(conn, bytes.as_ref().to_vec()))
    }

    /// Sends bytes and a PING in one write, and reads up to its PONG or the close.
    pub fn flush(self, conn: Conn, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Flush(conn, bytes.as_ref().to_vec()))
    }

    /// Sends a CONNECT with these options (the inside of the JSON object) and flushes.
    pub fn connect(self, conn: Conn, options: &str) -> Self {
        self.flush(conn, format!("CONNECT {{{options}}}\r\n"))
    }

    /// Connects with verbose and pedantic off, and flushes.
    pub fn quiet(self, conn: Conn) -> Self {
        self.connect(conn, QUIET)
    }

    /// Connects as [`Script::quiet`] with further options.
    pub fn quiet_with(self, conn: Conn, options: &str) -> Self {
        self.connect(conn, &format!("{QUIET},{options}"))
    }

    /// Connects as today's clients do (headers, no responders, protocol 1) and flushes twice, so that the second INFO has arrived.
    pub fn modern(self, conn: Conn) -> Self {
        self.connect(conn, MODERN).flush(conn, "")
    }

    /// Connects as [`Script::modern`] with further options.
    pub fn modern_with(self, conn: Conn, options: &str) -> Self {
        self.connect(conn, &format!("{MODERN},{options}")).flush(conn, "")
    }

    /// Reads until the server closes the connection.
    pub fn until_closed(self, conn: Conn) -> Self {
        self.step(Step::UntilClosed(conn))
    }

    /// Reads until a frame contains the text.
    pub fn until(self, conn: Conn, text: &str) -> Self {
        self.step(Step::Until(conn, text.to_owned()))
    }

    /// Closes the connection from the client's side.
    pub fn close(self, conn: Conn) -> Self {
        self.step(Step::Close(conn))
    }

    /// Signals the server process.
    pub fn signal(self, signal: Signal) -> Self {
        self.step(Step::Signal(signal))
    }

    /// Waits for a log line of the server that contains the text.
    pub fn log(self, text: &str) -> Self {
        self.step(Step::Log(text.to_owned()))
    }

    /// Keeps the server's own PINGs in the transcript; they are dropped otherwise because they come by the clock.
    pub fn keep_pings(mut self) -> Self {
        self.keeps_pings = true;
        self
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}
