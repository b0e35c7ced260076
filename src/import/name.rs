//! Their names as ours: lowercase letters, digits, `-` and `_`, each once.

use crate::model::ServiceName;

/// Gives each of their names one of ours.
#[derive(Debug, Default)]
pub(super) struct Names {
    given: Vec<(String, String)>,
}

impl Names {
    /// Takes them in the order of the file. What is fine stays as it is; so no other one can take its place.
    pub(super) fn new<'a>(theirs: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names = Self::default();
        let theirs: Vec<&str> = theirs.into_iter().collect();
        let fine = |name: &&str| ServiceName::new(name).is_ok();
        for name in theirs.iter().copied().filter(fine) {
            names.given.push((name.to_owned(), name.to_owned()));
        }
        for name in theirs.into_iter().filter(|name| !fine(name)) {
            let ours = names.free(&plain(name));
            names.given.push((name.to_owned(), ours));
        }
        names
    }

    /// Our name for theirs.
    pub(super) fn of(&self, theirs: &str) -> Option<&str> {
        self.given.iter().find(|(name, _)| name == theirs).map(|(_, ours)| ours.as_str())
    }

    fn free(&self, name: &str) -> String {
        let taken = |name: &str| self.given.iter().any(|(_, ours)| ours == name);
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken(name)).expect("numbers don't end")
    }
}

/// The nearest name in our alphabet.
pub(super) fn plain(name: &str) -> String {
    let mut plain = String::new();
    for character in name.chars().flat_map(char::to_lowercase) {
        match character {
            'a'..='z' | '0'..='9' => plain.push(character),
            '_' if !plain.is_empty() => plain.push('_'),
            _ if plain.is_empty() || plain.ends_with('-') => {}
            _ => plain.push('-'),
        }
    }
    // Room for a number behind it.
    plain.truncate(59);
    let plain = plain.trim_end_matches('-');
    if plain.is_empty() { "service".into() } else { plain.into() }
}

/// A name as expressions can write it.
pub(super) fn identifier(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn what_is_fine_stays_and_the_rest_gives_way() {
        let names = Names::new(["Web", "web", "My App.2", "日本", "--", "a_b"]);
        for (theirs, ours) in [
            ("web", "web"),
            ("Web", "web-2"),
            ("My App.2", "my-app-2"),
            ("日本", "service"),
            ("--", "service-2"),
            ("a_b", "a_b"),
        ] {
            assert_eq!(names.of(theirs), Some(ours));
        }
    }

    #[test]
    fn every_name_is_one_of_ours_and_its_own() {
        let long = "X".repeat(200);
        let theirs = [long.as_str(), "é", "A", "a", "A!", "__", "-x-"];
        let names = Names::new(theirs);
        let ours: std::collections::BTreeSet<_> = theirs.iter().map(|name| names.of(name).expect("named")).collect();
        assert_eq!(ours.len(), theirs.len());
        assert!(ours.iter().all(|name| crate::model::ServiceName::new(name).is_ok()), "{ours:?}");
    }
}
