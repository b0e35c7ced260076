//! Names and texts as SQL and libpq have them, and the names that we make. The only place that quotes.
//!
//! Pure. Nothing else in this room puts a name between quotation marks.

/// What PostgreSQL keeps of a name, in bytes.
pub const LONGEST_NAME: usize = 63;

/// Between the name of a database that will be and the id of the split that builds it.
pub const TEMPORARY: &str = "__devserver_new_";
/// Between the name of an empty database that is replaced and the id of the split that does.
pub const REPLACED: &str = "__devserver_old_";
/// Between the name of a database that was and the time until which it was.
pub const BEFORE: &str = "__before_";

/// A name as an identifier: `"a""b"`.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table of a schema.
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", identifier(schema), identifier(name))
}

/// A text as a literal, whatever `standard_conforming_strings` says: `'it''s'`, ` E'a\\b'`.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    match text.contains('\\') {
        true => format!(" E'{}'", quoted.replace('\\', "\\\\")),
        false => format!("'{quoted}'"),
    }
}

/// A pattern for `pg_dump -t` that means this one table.
pub fn pattern(schema: &str, name: &str) -> String {
    qualified(schema, name)
}

/// What `pg_dump -d` takes: every value quoted, so that a name is never read as a connection string.
pub fn conninfo<'v>(values: impl IntoIterator<Item = (&'static str, &'v str)>) -> String {
    let one = |(key, value): (&str, &str)| format!("{key}='{}'", value.replace('\\', "\\\\").replace('\'', "\\'"));
    values.into_iter().map(one).collect::<Vec<_>>().join(" ")
}

/// The name under which a database is built.
pub fn temporary_name(name: &str, id: &str) -> String {
    joined(name, TEMPORARY, id)
}

/// The name under which an empty database waits to be dropped.
pub fn replaced_name(name: &str, id: &str) -> String {
    joined(name, REPLACED, id)
}

/// The name under which a database is kept that was replaced.
pub fn backup_name(name: &str, time: &str) -> String {
    joined(name, BEFORE, time)
}

/// Cut at the end of the name, never at the mark: it is what tells ours from others.
pub(super) fn joined(name: &str, mark: &str, end: &str) -> String {
    let room = LONGEST_NAME.saturating_sub(mark.len() + end.len());
    let cut = name.char_indices().map(|(at, letter)| at + letter.len_utf8()).take_while(|end| *end <= room).last();
    format!("{}{mark}{end}", &name[..cut.unwrap_or(0)])
}

/// Why a database can't have this name; none if it can.
pub fn refused(name: &str) -> Option<String> {
    match name {
        "" => Some("it is empty".into()),
        name if name.len() > LONGEST_NAME => {
            Some(format!("it is {} bytes long, and PostgreSQL keeps {LONGEST_NAME}", name.len()))
        }
        name if name.contains('\0') => Some("there is a zero byte in it".into()),
        name if name.contains(['\n', '\r']) => Some("there is a line break in it".into()),
        "postgres" | "template0" | "template1" => Some("it is one of the server's own".into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads one quoted identifier as PostgreSQL's scanner does; the rest is behind it.
    fn read(text: &str) -> Option<(String, &str)> {
        let mut name = String::new();
        let mut rest = text.strip_prefix('"')?;
        loop {
            let end = rest.find('"')?;
            name.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            match rest.strip_prefix('"') {
                Some(more) => {
                    name.push('"');
                    rest = more;
                }
                None => return Some((name, rest)),
            }
        }
    }

    /// Reads a conninfo string as libpq does.
    fn read_conninfo(text: &str) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut letters = text.chars().peekable();
        while letters.peek().is_some() {
            let key: String = letters.by_ref().take_while(|letter| *letter != '=').collect();
            assert_eq!(letters.next(), Some('\''));
            let mut value = String::new();
            loop {
                match letters.next().expect("the value ends") {
                    '\'' => break,
                    '\\' => value.push(letters.next().expect("something is escaped")),
                    letter => value.push(letter),
                }
            }
            found.push((key.trim().to_owned(), value));
        }
        found
    }

    proptest! {
        #[test]
        fn an_identifier_is_read_back_as_the_name_and_nothing_is_behind_it(name in "[^\0]{0,80}") {
            let quoted = identifier(&name);
            prop_assert_eq!(read(&quoted), Some((name, "")));
        }

        #[test]
        fn a_name_is_never_read_as_a_connection_string(name in "[^\0]{0,80}", user in "['\\\\ =a-z]{0,20}") {
            let text = conninfo([("dbname", name.as_str()), ("user", user.as_str())]);
            prop_assert_eq!(read_conninfo(&text), [("dbname".to_owned(), name), ("user".to_owned(), user)]);
        }

        #[test]
        fn a_name_that_we_make_fits_and_keeps_its_mark(name in "[^\0]{1,80}", id in "[0-9a-f]{8}") {
            let made = temporary_name(&name, &id);
            let end = format!("{TEMPORARY}{id}");
            prop_assert!(made.len() <= LONGEST_NAME && made.ends_with(&end), "{}", made);
            prop_assert!(name.starts_with(made.trim_end_matches(&end)));
        }
    }

    #[test]
    fn a_literal_doubles_quotes_and_backslashes() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), " E'a\\\\''b'");
    }
}
