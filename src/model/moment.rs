//! Time as the pure rooms see it: `Moment`, and durations as people write and read them.

use std::fmt;
use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The time since the supervisor started; it stands still while the supervisor is suspended.
///
/// Made by `runner/clock.rs` alone, or by hand in a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(#[serde(with = "super::seconds")] Duration);

impl Moment {
    /// The moment at which the supervisor started.
    pub const START: Self = Self(Duration::ZERO);

    /// The moment this long after the start.
    pub const fn after_start(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// How long this moment is after `earlier`; zero when it isn't after it.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&brief(self.0))
    }
}

/// A duration that isn't written as one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// No unit, an unknown one, or no number.
    #[error("`{text}` isn't a duration")]
    Malformed {
        /// The text as given.
        text: String,
    },
    /// Below zero.
    #[error("`{text}` is negative")]
    Negative {
        /// The text as given.
        text: String,
    },
    /// Above a week, which is a slip of the pen.
    #[error("`{text}` is longer than a week")]
    Absurd {
        /// The text as given.
        text: String,
    },
}

/// Reads a duration as people write it: `500ms`, `10s`, `1.5s`, `2m`, `1h 30m`.
///
/// # Errors
/// When the text isn't a duration, is negative, or is longer than a week.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let malformed = || DurationError::Malformed { text: text.to_owned() };
    let span: jiff::SignedDuration = text.trim().parse().map_err(|_| malformed())?;
    let Ok(duration) = Duration::try_from(span) else {
        return Err(DurationError::Negative { text: text.to_owned() });
    };
    if duration > Duration::from_secs(7 * 24 * 3600) {
        return Err(DurationError::Absurd { text: text.to_owned() });
    }
    Ok(duration)
}

/// Writes a duration the way a person says it: `0.3s`, `4s`, `1m 05s`, `2h 10m`.
pub fn brief(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if duration.is_zero() => "0s".into(),
        0 if duration.as_millis() < 100 => format!("{}ms", duration.as_millis().max(1)),
        0..=9 => {
            let tenths = (duration.as_millis() + 50) / 100;
            match tenths % 10 {
                0 => format!("{}s", tenths / 10),
                rest => format!("{}.{rest}s", tenths / 10),
            }
        }
        10..=59 => format!("{seconds}s"),
        60..=3599 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_people_write_them() {
        let table =
            [("500ms", 500), ("10s", 10_000), ("1.5s", 1_500), ("2m", 120_000), ("1h 30m", 5_400_000), ("0s", 0)];
        for (text, millis) in table {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "5x", "10", "ten seconds", "s"] {
            assert_eq!(parse_duration(text), Err(DurationError::Malformed { text: text.into() }), "{text}");
        }
        assert_eq!(parse_duration("-3s"), Err(DurationError::Negative { text: "-3s".into() }));
        assert_eq!(parse_duration("900h"), Err(DurationError::Absurd { text: "900h".into() }));
    }

    #[test]
    fn durations_read_like_speech() {
        let table = [
            (0, "0s"),
            (12, "12ms"),
            (340, "0.3s"),
            (4_000, "4s"),
            (9_960, "10s"),
            (65_000, "1m 05s"),
            (7_800_000, "2h 10m"),
        ];
        for (millis, text) in table {
            assert_eq!(brief(Duration::from_millis(millis)), text);
        }
    }
}
