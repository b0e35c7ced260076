//! What isn't TOML, in words that say what to do: the parser's own say what it expected, which is seldom
//! what was meant.

use std::ops::Range;

use super::error::Problem;

/// The parser's complaints in our words: one for each line, since those after the first are its echoes.
pub(super) fn problems<'m>(
    text: &str,
    complaints: impl Iterator<Item = (Range<usize>, &'m str)>,
) -> Vec<(Range<usize>, Problem)> {
    let mut seen: Vec<usize> = Vec::new();
    let mut found = Vec::new();
    // A list without an end takes in every line that follows.
    let mut open_list = false;
    for (span, complaint) in complaints {
        let line = text.get(..span.start).unwrap_or(text).matches('\n').count();
        if seen.contains(&line) {
            continue;
        }
        seen.push(line);
        let is_list = complaint.contains(LIST);
        if !(is_list && open_list) {
            let (message, fix) = explain(text, &span, complaint);
            found.push((span, Problem::Syntax { message, fix }));
        }
        open_list |= is_list;
    }
    found
}

const LIST: &str = "missing comma between array elements";

fn explain(text: &str, span: &Range<usize>, message: &str) -> (String, Option<String>) {
    let inside = text.get(span.clone()).unwrap_or_default().trim();
    let before = text.get(..span.start).unwrap_or_default();
    let says = |what: &str| message.contains(what);
    if says("values must be quoted") {
        return match inside {
            "" => ("there is no value behind the `=`".to_owned(), None),
            word => (format!("`{word}` is no value"), Some(format!("a text stands in quotes: \"{word}\""))),
        };
    }
    if says("invalid boolean") {
        let fix = format!("write `{}`, or in quotes if it is a text", inside.to_lowercase());
        return (format!("`{inside}` is no value"), Some(fix));
    }
    if says("duplicate key") {
        return (format!("`{inside}` is there already"), Some("keep one of the two".to_owned()));
    }
    if says(LIST) {
        let fix = "part the items of a list by commas, and end it with `]`";
        return ("the list has neither a comma nor an end here".to_owned(), Some(fix.to_owned()));
    }
    if says("invalid basic string") || says("invalid literal string") {
        let quote = if says("literal") { '\'' } else { '"' };
        return ("this string has no end".to_owned(), Some(format!("end it with `{quote}`")));
    }
    if says("missing escaped value") || says("escape") {
        let fix = r"write a backslash as `\\`, or the whole string in single quotes";
        return ("this isn't one of the things that a backslash stands before".to_owned(), Some(fix.to_owned()));
    }
    if says("key with no value") {
        let key = before.rsplit('\n').next().unwrap_or_default().trim();
        return (format!("`{key}` has no value"), Some(format!("write {key} = …")));
    }
    // The rest is said well enough, but for what the parser expected when that is nothing.
    (message.trim_end_matches(", expected nothing").to_owned(), None)
}
