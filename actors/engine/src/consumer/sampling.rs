//! Which acknowledgements are measured.

/// Picks a share of acknowledgements by chance. The chance is a small generator, seeded by the owner.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sampler {
    percent: u32,
    state: u64,
}

impl Sampler {
    /// Picks so many of a hundred.
    #[must_use]
    pub fn new(percent: u32, seed: u64) -> Self {
        Self { percent, state: seed | 1 }
    }

    /// The number in a configuration: `30` or `30%`.
    ///
    /// # Errors
    ///
    /// What Go's reader of numbers says of anything else, which is nothing for negative numbers.
    pub fn parse(text: &str) -> Result<u32, String> {
        let digits = text.strip_suffix('%').unwrap_or(text);
        let fault =
            |why: &str| format!("strconv.Atoi: parsing {}: {why}", troupe_codecs::quote::quote(digits.as_bytes()));
        let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
        if unsigned.is_empty() || !unsigned.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(fault("invalid syntax"));
        }
        match digits.parse::<i64>() {
            Ok(number) if number < 0 => Err("<nil>".to_owned()),
            Ok(number) => Ok(u32::try_from(number).unwrap_or(u32::MAX)),
            Err(_) => Err(fault("value out of range")),
        }
    }

    /// Whether to measure the next one.
    pub fn pick(&mut self) -> bool {
        match self.percent {
            0 => false,
            100.. => true,
            percent => {
                // Xorshift: even enough to choose samples.
                self.state ^= self.state << 13;
                self.state ^= self.state >> 7;
                self.state ^= self.state << 17;
                self.state % 100 < u64::from(percent)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_shares() {
        for (text, expected) in
            [("30", Some(30)), ("30%", Some(30)), ("+5", Some(5)), ("1000%", Some(1000)), ("0", Some(0))]
        {
            assert_eq!(Sampler::parse(text).ok(), expected, "{text}");
        }
        assert_eq!(Sampler::parse("x%").unwrap_err(), "strconv.Atoi: parsing \"x\": invalid syntax");
        assert_eq!(Sampler::parse("%").unwrap_err(), "strconv.Atoi: parsing \"\": invalid syntax");
        assert!(Sampler::parse("-1").is_err());
    }

    #[test]
    fn picks_about_the_share() {
        for (percent, low, high) in [(0, 0, 0), (30, 2_700, 3_300), (100, 10_000, 10_000), (250, 10_000, 10_000)] {
            let mut sampler = Sampler::new(percent, 42);
            let picked = (0..10_000).filter(|_| sampler.pick()).count();
            assert!((low..=high).contains(&picked), "{percent}: {picked}");
        }
    }
}
