//! "Did you mean": the nearest of the known names.

/// The known name nearest to what was written, if one is near: two slips at most, and less than half of it.
pub fn nearest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let length = written.chars().count();
    let limit = if length <= 3 { 1 } else { 2 };
    let fold = |text: &str| text.to_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&fold(written), &fold(name)), name))
        .filter(|(distance, _)| *distance <= limit && distance * 2 <= length)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name.to_owned())
}

/// `a`, `b` and `c`, each in backticks.
pub fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let ticked: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match ticked.split_last() {
        None => "none".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["server", "worker", "celery-beat", "relay"];
        for (written, expected) in [
            ("serve", Some("server")),
            ("wroker", Some("worker")),
            ("celery_beat", Some("celery-beat")),
            ("Relay", Some("relay")),
            ("webpack", None),
            ("x", None),
        ] {
            assert_eq!(nearest(written, known).as_deref(), expected, "{written}");
        }
    }

    #[test]
    fn lists_read_like_prose() {
        assert_eq!(listed(["a"]), "`a`");
        assert_eq!(listed(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
