//! What a server answered to a script, connection by connection.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::script::Conn;

/// The end of the line that stands for a wait that was not met.
pub const TIMED_OUT: &str = " did not come in time>";

/// The masked answers of one server to one script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// One line per frame (escaped) or event (in angle brackets), by connection.
    pub lines: BTreeMap<Conn, Vec<String>>,
}

impl Transcript {
    /// Renders a readable difference, or `None` when both are equal. `self` is what was wanted.
    pub fn difference(&self, actual: &Self) -> Option<String> {
        if self == actual {
            return None;
        }
        let mut text = String::new();
        let conns: std::collections::BTreeSet<_> = self.lines.keys().chain(actual.lines.keys()).collect();
        for conn in conns {
            let wanted = self.lines.get(conn).map_or(&[][..], Vec::as_slice);
            let got = actual.lines.get(conn).map_or(&[][..], Vec::as_slice);
            let state = if wanted == got { "equal" } else { "DIFFERENT" };
            let _ = writeln!(text, "  connection {} ({state}):", char::from(conn.0));
            render(&mut text, wanted, got);
        }
        Some(text)
    }

    /// Renders all lines.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (conn, lines) in &self.lines {
            for line in lines {
                let _ = writeln!(text, "    {} {}", char::from(conn.0), shortened(line));
            }
        }
        text
    }

    /// Tells whether a wait of the script was not met in time.
    pub fn timed_out(&self) -> bool {
        self.lines.values().flatten().any(|line| line.ends_with(TIMED_OUT))
    }
}

/// Prints common lines once, wanted lines with `-` and actual lines with `+`, along a longest common subsequence.
fn render(text: &mut String, wanted: &[String], got: &[String]) {
    let table = common_lengths(wanted, got);
    let (mut i, mut j) = (0, 0);
    while i < wanted.len() || j < got.len() {
        let (mark, line) = if i < wanted.len() && j < got.len() && wanted[i] == got[j] {
            (i, j) = (i + 1, j + 1);
            (' ', &wanted[i - 1])
        } else if j == got.len() || (i < wanted.len() && table[i + 1][j] >= table[i][j + 1]) {
            i += 1;
            ('-', &wanted[i - 1])
        } else {
            j += 1;
            ('+', &got[j - 1])
        };
        let _ = writeln!(text, "    {mark} {}", shortened(line));
    }
}

/// Fills `table[i][j]` with the length of the longest common subsequence of `wanted[i..]` and `got[j..]`.
fn common_lengths(wanted: &[String], got: &[String]) -> Vec<Vec<usize>> {
    let mut table = vec![vec![0; got.len() + 1]; wanted.len() + 1];
    for i in (0..wanted.len()).rev() {
        for j in (0..got.len()).rev() {
            table[i][j] =
                if wanted[i] == got[j] { table[i + 1][j + 1] + 1 } else { table[i + 1][j].max(table[i][j + 1]) };
        }
    }
    table
}

fn shortened(line: &str) -> String {
    const LONGEST: usize = 1_000;
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} ... ({} characters)", &line[..end], line.chars().count()),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transcript(lines: &[&str]) -> Transcript {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Transcript { lines: BTreeMap::from([(Conn(b'A'), lines)]) }
    }

    #[test]
    fn shows_what_is_missing_and_what_is_extra() {
        let difference = transcript(&["INFO", "+OK", "PONG"]).difference(&transcript(&["INFO", "PONG", "<closed>"]));
        let text = difference.unwrap();
        assert!(text.contains("      INFO\n    - +OK\n      PONG\n    + <closed>\n"), "{text}");
        assert_eq!(transcript(&["x"]).difference(&transcript(&["x"])), None);
    }
}
