//! Whether a settings file of the app sets a name that must be left to the silos: the line, without running it.
//!
//! Pure. It reads Python only as far as telling code from comments and long strings.

/// The first line (from 1) in which a name is set, or something in it.
pub fn set_in(text: &str, name: &str) -> Option<usize> {
    let mut inside: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        let mut rest = line;
        let mut code = String::new();
        while !rest.is_empty() {
            if let Some(quotes) = inside {
                match rest.split_once(quotes) {
                    Some((_, behind)) => (inside, rest) = (None, behind),
                    None => rest = "",
                }
                continue;
            }
            let at = ["\"\"\"", "'''"].into_iter().filter_map(|quotes| Some((rest.find(quotes)?, quotes))).min();
            let comment = rest.find('#');
            match at {
                Some((at, quotes)) if comment.is_none_or(|comment| at < comment) => {
                    code.push_str(&rest[..at]);
                    (inside, rest) = (Some(quotes), &rest[at + 3..]);
                }
                _ => {
                    code.push_str(&rest[..comment.unwrap_or(rest.len())]);
                    rest = "";
                }
            }
        }
        if sets(code.trim_start(), name) {
            return Some(index + 1);
        }
    }
    None
}

/// `NAME = …`, `NAME: dict = …`, `NAME["default"] = …`, `NAME.update(…)`, `NAME |= …`; not `NAME == …`.
fn sets(code: &str, name: &str) -> bool {
    let Some(rest) = code.strip_prefix(name) else { return false };
    if rest.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_') {
        return false;
    }
    let rest = rest.trim_start();
    match rest.chars().next() {
        Some('=') => !rest.starts_with("=="),
        Some(':') => rest.contains('='),
        Some('[') => rest.contains(']'),
        Some('.') => rest.starts_with(".update") || rest.starts_with(".setdefault") || rest.starts_with(".pop"),
        Some('|' | '+') => rest.get(1..2) == Some("="),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_set_is_found_with_its_line() {
        for line in [
            "DATABASES = {",
            "    DATABASES={}",
            "DATABASES: dict = {}",
            "DATABASES[\"default\"][\"NAME\"] = 'x'",
            "DATABASES.update(x)",
            "DATABASES |= x",
        ] {
            assert_eq!(set_in(&format!("# head\nX = 1\n{line}\n"), "DATABASES"), Some(3), "{line}");
        }
    }

    #[test]
    fn what_only_names_it_is_passed_over() {
        let text = "# DATABASES = {}\nX = 1  # DATABASES = {}\n\"\"\"\nDATABASES = {}\n\"\"\"\nif DATABASES == {}:\n    \
                    OLD_DATABASES = 1\nDATABASES_OLD = 2\nprint(DATABASES)\n'''DATABASES = {}'''\n";
        assert_eq!(set_in(text, "DATABASES"), None);
    }
}
