//! Colours: one for each name, the same in every run, and a few for what is said.

/// Readable on dark and on light, and none that looks like a warning or an error (256-colour table).
const NAMES: [u8; 24] =
    [33, 37, 70, 99, 136, 139, 172, 31, 65, 97, 103, 108, 132, 35, 62, 71, 74, 94, 133, 142, 173, 25, 67, 104];

/// The colour of a name: by a hash of its bytes (FNV-1a), so that it stays when others come and go.
pub(super) fn colour_of(name: &str) -> u8 {
    let hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    // The low bits of FNV mix badly for short names that differ in one letter.
    NAMES[usize::try_from((hash >> 32) % NAMES.len() as u64).unwrap_or(0)]
}

/// How something of our own is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// By the way.
    Dim,
    /// It went well.
    Good,
    /// Somebody may want to look.
    Warn,
    /// Somebody has to look.
    Bad,
    /// An address.
    Link,
    /// A heading.
    Strong,
}

impl Tone {
    const fn sgr(self) -> &'static str {
        match self {
            Self::Dim => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Warn => "\x1b[33m",
            Self::Bad => "\x1b[31m",
            Self::Link => "\x1b[36m",
            Self::Strong => "\x1b[1m",
        }
    }

    /// The text in this tone.
    pub(super) fn paint(self, text: &str, colour: bool) -> String {
        if colour && !text.is_empty() { format!("{}{text}\x1b[0m", self.sgr()) } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_colour_in_every_run() {
        let names = ["region.server", "region.worker", "control.server", "webpack"];
        assert_eq!(names.map(colour_of), [139, 70, 94, 62]);
    }

    #[test]
    fn names_of_one_stack_rarely_share_a_colour() {
        let services = ["server", "worker", "cron", "relay", "webpack", "ingest-events", "ingest-attachments"];
        let mut colours: Vec<u8> = services.iter().map(|name| colour_of(&format!("region.{name}"))).collect();
        colours.sort_unstable();
        colours.dedup();
        assert!(colours.len() >= 5, "{colours:?}");
    }
}
