//! Compression modes and how two servers agree on one.

use std::fmt;
use std::time::Duration;

use troupe_codecs::s2::S2Level;

/// What a server wants, as INFO spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionMode {
    /// It does not say: a server older than compression.
    NotSupported,
    /// Never.
    Off,
    /// When the other server asks for it.
    Accept,
    /// The level follows the round trip time.
    S2Auto,
    /// The stream format without compression.
    S2Uncompressed,
    /// Fast.
    S2Fast,
    /// Smaller, slower.
    S2Better,
    /// Smallest, slowest.
    S2Best,
}

impl fmt::Display for CompressionMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl CompressionMode {
    /// The word in INFO and in reports.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::NotSupported => "not supported",
            Self::Off => "off",
            Self::Accept => "accept",
            Self::S2Auto => "s2_auto",
            Self::S2Uncompressed => "s2_uncompressed",
            Self::S2Fast => "s2_fast",
            Self::S2Better => "s2_better",
            Self::S2Best => "s2_best",
        }
    }

    /// Whether the first INFO has to be followed by a decision about compression.
    #[must_use]
    pub fn needs_negotiation(self) -> bool {
        !matches!(self, Self::NotSupported | Self::Off)
    }

    /// Level of the writer; `None` without a stream of chunks.
    #[must_use]
    pub fn level(self) -> Option<S2Level> {
        match self {
            Self::NotSupported | Self::Off | Self::Accept => None,
            Self::S2Uncompressed => Some(S2Level::Uncompressed),
            Self::S2Auto | Self::S2Fast => Some(S2Level::Fast),
            Self::S2Better => Some(S2Level::Better),
            Self::S2Best => Some(S2Level::Best),
        }
    }

    /// Reads the word of INFO.
    fn of_info(text: &str) -> Option<Self> {
        const ALL: [CompressionMode; 8] = [
            CompressionMode::NotSupported,
            CompressionMode::Off,
            CompressionMode::Accept,
            CompressionMode::S2Auto,
            CompressionMode::S2Uncompressed,
            CompressionMode::S2Fast,
            CompressionMode::S2Better,
            CompressionMode::S2Best,
        ];
        if text.is_empty() { Some(Self::NotSupported) } else { ALL.into_iter().find(|mode| mode.text() == text) }
    }

    /// Reads the word of a configuration; `on` is what stands for "on" where it is written.
    #[must_use]
    pub fn of_config(text: &str, on: Self) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "on" | "enabled" | "true" => on,
            "not supported" | "not_supported" => Self::NotSupported,
            "disabled" | "off" | "false" => Self::Off,
            "accept" => Self::Accept,
            "auto" | "s2_auto" => Self::S2Auto,
            "fast" | "s2_fast" => Self::S2Fast,
            "better" | "s2_better" => Self::S2Better,
            "best" | "s2_best" => Self::S2Best,
            _ => return None,
        })
    }
}

/// The mode of a connection on whose other end stands `remote`, the word of its INFO.
///
/// # Errors
/// The text for the other server, when its word is not known.
pub fn select(own: CompressionMode, remote: &str) -> Result<CompressionMode, String> {
    use CompressionMode::{Accept, NotSupported, Off, S2Auto, S2Fast};
    let Some(remote_mode) = CompressionMode::of_info(remote) else {
        return Err(format!("unsupported route compression mode {remote:?}"));
    };
    Ok(match (own, remote_mode) {
        (_, NotSupported) => NotSupported,
        (_, Off) | (Accept, Accept) => Off,
        (Accept, S2Auto) => S2Fast,
        (Accept, theirs) => theirs,
        (own, _) => own,
    })
}

/// The mode that [`CompressionMode::S2Auto`] stands for at this round trip time.
#[must_use]
pub fn of_rtt(rtt: Duration, thresholds: &[Duration]) -> CompressionMode {
    let beyond = if thresholds.len() >= 3 { 3 } else { thresholds.len().saturating_sub(1) };
    match thresholds.iter().position(|threshold| rtt <= *threshold).unwrap_or(beyond) {
        0 => CompressionMode::S2Uncompressed,
        1 => CompressionMode::S2Fast,
        2 => CompressionMode::S2Better,
        _ => CompressionMode::S2Best,
    }
}

#[cfg(test)]
mod tests {
    use super::CompressionMode::*;
    use super::*;

    #[test]
    fn two_servers_agree() {
        for (own, remote, expected) in [
            (Accept, "", NotSupported),
            (S2Fast, "not supported", NotSupported),
            (S2Fast, "off", Off),
            (Accept, "accept", Off),
            (S2Better, "accept", S2Better),
            (S2Auto, "accept", S2Auto),
            (Accept, "s2_auto", S2Fast),
            (Accept, "s2_best", S2Best),
            (S2Fast, "s2_best", S2Fast),
        ] {
            assert_eq!(select(own, remote), Ok(expected), "{own} {remote}");
        }
        assert_eq!(select(Accept, "gzip"), Err("unsupported route compression mode \"gzip\"".to_owned()));
    }

    #[test]
    fn the_round_trip_time_chooses_the_level() {
        let ms = Duration::from_millis;
        let thresholds = [ms(10), ms(50), ms(100)];
        for (rtt, expected) in [(1, S2Uncompressed), (10, S2Uncompressed), (11, S2Fast), (100, S2Better), (101, S2Best)]
        {
            assert_eq!(of_rtt(ms(rtt), &thresholds), expected, "{rtt}");
        }
        assert_eq!(of_rtt(ms(5), &[ms(0), ms(0), ms(20)]), S2Better);
        assert_eq!(of_rtt(ms(50), &[ms(10), ms(20)]), S2Fast);
        assert_eq!(of_rtt(ms(50), &[ms(10)]), S2Uncompressed);
    }

    #[test]
    fn words_of_a_configuration_are_read() {
        for (text, expected) in [("on", Some(S2Fast)), ("Best", Some(S2Best)), ("off", Some(Off)), ("zip", None)] {
            assert_eq!(CompressionMode::of_config(text, S2Fast), expected, "{text}");
        }
    }
}
