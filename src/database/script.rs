//! What pg_dump writes → statements, and in which order and by whom they can be run at once.
//!
//! Pure. It knows of SQL where a statement ends and which table it is about; everything else is the server's.

/// Takes out what isn't SQL: the two lines by which newer versions of pg_dump fence psql in, and a setting that
/// older servers don't have.
pub fn without_meta(text: &str) -> String {
    let is_meta = |line: &str| {
        let rest = line.strip_prefix("\\restrict ").or_else(|| line.strip_prefix("\\unrestrict "));
        rest.is_some_and(|key| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    // Each comes once: the one before the first statement, the other behind the last.
    let first = text.lines().position(is_meta);
    let last = text.lines().count() - text.lines().rev().position(is_meta).unwrap_or_default();
    let keep = |(index, line): &(usize, &str)| {
        !(is_meta(line) && (Some(*index) == first || index + 1 == last)) && *line != "SET transaction_timeout = 0;"
    };
    let lines: Vec<&str> = text.lines().enumerate().filter(keep).map(|(_, line)| line).collect();
    lines.join("\n") + "\n"
}

/// Cuts a script into its statements: at each `;` that is neither in quotes nor in brackets nor in a comment.
/// Comments between statements are left out.
pub fn statements(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let (mut found, mut at, mut depth) = (Vec::new(), 0, 0_usize);
    let mut start = None;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'-' if bytes[at..].starts_with(b"--") => {
                at = find(bytes, at, b"\n");
                continue;
            }
            b'/' if bytes[at..].starts_with(b"/*") => {
                at = comment(bytes, at);
                continue;
            }
            b'\'' => quoted(bytes, at, start.is_some() && is_escape(bytes, at)),
            b'"' => quoted(bytes, at, false),
            b'$' => dollar(bytes, at),
            _ => at + 1,
        };
        let letter = bytes[at];
        if start.is_none() && !letter.is_ascii_whitespace() && letter != b';' {
            start = Some(at);
        }
        match letter {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b';' if depth == 0 => found.extend(start.take().map(|start| text[start..at].trim_end())),
            _ => {}
        }
        at = end;
    }
    found.extend(start.map(|start| text[start..].trim_end()).filter(|rest| !rest.is_empty()));
    found
}

/// Behind the next occurrence, or the end.
fn find(bytes: &[u8], from: usize, what: &[u8]) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    rest.windows(what.len()).position(|window| window == what).map_or(bytes.len(), |at| from + at + what.len())
}

/// Behind a comment, and those within it.
fn comment(bytes: &[u8], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0_usize);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if bytes[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += 1;
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Whether the quote at this place begins an `E'…'`.
fn is_escape(bytes: &[u8], at: usize) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
    at > 0 && bytes[at - 1].eq_ignore_ascii_case(&b'e') && (at < 2 || !is_word(bytes[at - 2]))
}

/// Behind a quoted text; a doubled quote reads as its end and a new beginning, which comes to the same.
fn quoted(bytes: &[u8], from: usize, escapes: bool) -> usize {
    let quote = bytes[from];
    let mut at = from + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escapes => at += 2,
            byte if byte == quote => match bytes.get(at + 1) {
                Some(next) if *next == quote => at += 2,
                _ => return at + 1,
            },
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Behind a `$tag$ … $tag$`; behind the `$` alone where none begins.
fn dollar(bytes: &[u8], from: usize) -> usize {
    // `a$b$c` is one name.
    if from > 0 && (bytes[from - 1].is_ascii_alphanumeric() || bytes[from - 1] == b'_' || bytes[from - 1] >= 0x80) {
        return from + 1;
    }
    let tag =
        bytes[from + 1..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_' || **byte >= 0x80);
    let end = from + 1 + tag.count();
    if bytes.get(end) != Some(&b'$') || bytes.get(from + 1).is_some_and(u8::is_ascii_digit) {
        return from + 1;
    }
    find(bytes, end + 1, &bytes[from..=end])
}

/// When a statement behind the rows can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Settings of the session: for every connection.
    Session,
    /// An index, or a constraint that is one: a table's own business.
    Index,
    /// Anything else, in the order of the script.
    Rest,
    /// A foreign key: two tables' business.
    ForeignKey,
}

/// A statement behind the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<'s> {
    /// When.
    pub stage: Stage,
    /// The table that it is about, as the script has it.
    pub table: Option<&'s str>,
    /// Itself.
    pub sql: &'s str,
}

/// Sorts a statement by when it can be run.
pub fn step(sql: &str) -> Step<'_> {
    let word = |prefix: &str| sql.strip_prefix(prefix).map(str::trim_start);
    let alter = word("ALTER TABLE ONLY ").or_else(|| word("ALTER TABLE ")).map(name);
    if word("SET ").is_some() || word("SELECT pg_catalog.set_config(").is_some() {
        return Step { stage: Stage::Session, table: None, sql };
    }
    if let Some((table, rest)) = alter {
        let rest = rest.trim_start();
        let constraint = rest.strip_prefix("ADD CONSTRAINT ").map(|rest| name(rest).1.trim_start());
        let stage = match constraint {
            Some(what) if what.starts_with("FOREIGN KEY") => Stage::ForeignKey,
            // A constraint of a partitioned table is joined to those of its partitions: the order counts.
            Some(what) if what.starts_with("PRIMARY KEY") || what.starts_with("UNIQUE") => Stage::Index,
            _ => Stage::Rest,
        };
        return Step { stage, table: Some(table), sql };
    }
    let index = word("CREATE INDEX ").or_else(|| word("CREATE UNIQUE INDEX "));
    if let Some(rest) = index {
        let rest = name(rest).1.trim_start();
        if let Some(rest) = rest.strip_prefix("ON ") {
            let is_only = rest.starts_with("ONLY ");
            let table = name(rest.strip_prefix("ONLY ").unwrap_or(rest)).0;
            let stage = if is_only { Stage::Rest } else { Stage::Index };
            return Step { stage, table: Some(table), sql };
        }
    }
    Step { stage: Stage::Rest, table: None, sql }
}

/// A name, perhaps with its schema, and what is behind it.
fn name(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = quoted(bytes, at, false),
            byte if byte.is_ascii_whitespace() || byte == b'(' => break,
            _ => at += 1,
        }
    }
    text.split_at(at)
}

/// The table to which a foreign key points, as the script has it.
pub fn points_to(sql: &str) -> Option<&str> {
    let bytes = sql.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'"' {
            at = quoted(bytes, at, false);
        } else if sql[at..].starts_with(" REFERENCES ") {
            return Some(name(&sql[at + " REFERENCES ".len()..]).0);
        } else {
            at += 1;
            while !sql.is_char_boundary(at) {
                at += 1;
            }
        }
    }
    None
}

/// A name as a script has it, read: pg_dump quotes only where it must.
pub fn read_name(text: &str) -> Option<(String, String)> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '.' => parts.push(String::new()),
            '"' => {
                let part = parts.last_mut()?;
                loop {
                    match letters.next()? {
                        '"' if letters.peek() == Some(&'"') => part.extend(letters.next()),
                        '"' => break,
                        letter => part.push(letter),
                    }
                }
            }
            letter => parts.last_mut()?.push(letter),
        }
    }
    match <[String; 2]>::try_from(parts) {
        Ok([schema, name]) => Some((schema, name)),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::quote::{identifier, literal, qualified};
    use super::*;

    #[test]
    fn a_statement_ends_at_a_semicolon_that_is_neither_quoted_nor_bracketed_nor_commented() {
        let text = "-- a; comment\nSET x = 1;\n/* ; /* ; */ ; */ CREATE RULE r AS ON INSERT TO a DO (SELECT 1; SELECT 2);\n\
                    CREATE FUNCTION f() AS $body$ BEGIN; '$' END $body$ LANGUAGE sql;\nSELECT 'it''s;', E'\\';', \"a;\"\"b\", a$b$c;\nLAST";
        let expected = [
            "SET x = 1",
            "CREATE RULE r AS ON INSERT TO a DO (SELECT 1; SELECT 2)",
            "CREATE FUNCTION f() AS $body$ BEGIN; '$' END $body$ LANGUAGE sql",
            "SELECT 'it''s;', E'\\';', \"a;\"\"b\", a$b$c",
            "LAST",
        ];
        assert_eq!(statements(text), expected);
    }

    #[test]
    fn what_fences_psql_in_is_taken_out_and_nothing_that_looks_like_it() {
        let text = "--\n\\restrict Ab1\n\nSET transaction_timeout = 0;\nSELECT '\n\\restrict x\n';\n\\unrestrict Ab1\n";
        assert_eq!(without_meta(text), "--\n\nSELECT '\n\\restrict x\n';\n");
        assert_eq!(without_meta("SELECT 1;\n"), "SELECT 1;\n");
    }

    #[test]
    fn indexes_are_a_tables_own_business_and_foreign_keys_are_two_tables() {
        let of = |sql: &'static str| {
            let step = step(sql);
            (step.stage, step.table)
        };
        assert_eq!(
            of("ALTER TABLE ONLY public.a\n    ADD CONSTRAINT a_pkey PRIMARY KEY (id)"),
            (Stage::Index, Some("public.a"))
        );
        assert_eq!(
            of("ALTER TABLE ONLY public.\"A b\"\n    ADD CONSTRAINT \"x y\" FOREIGN KEY (c) REFERENCES public.b(id)"),
            (Stage::ForeignKey, Some("public.\"A b\""))
        );
        assert_eq!(of("CREATE UNIQUE INDEX i ON public.a USING btree (b)"), (Stage::Index, Some("public.a")));
        assert_eq!(of("CREATE INDEX \"i ON x\" ON ONLY public.p USING btree (b)"), (Stage::Rest, Some("public.p")));
        assert_eq!(of("ALTER INDEX public.i ATTACH PARTITION public.j"), (Stage::Rest, None));
        assert_eq!(of("SET statement_timeout = 0"), (Stage::Session, None));
        assert_eq!(of("ALTER TABLE public.a ENABLE ROW LEVEL SECURITY"), (Stage::Rest, Some("public.a")));
    }

    proptest! {
        #[test]
        fn whatever_is_quoted_ends_no_statement(name in "[^\0]{0,30}", text in "[^\0]{0,30}", tag in "[a-z]{0,3}", body in "[^$\0]{0,30}") {
            let one = format!("SELECT {} AS {}, ${tag}${body}${tag}$", literal(&text), identifier(&name));
            let two = format!("ALTER TABLE ONLY {} ADD COLUMN x", qualified(&name, &text));
            let script = format!("{one};\n{two};\n");
            prop_assert_eq!(statements(&script), vec![one.as_str(), two.as_str()]);
        }

        #[test]
        fn a_table_and_what_it_points_to_are_read_back(a in "[^\0]{1,20}", b in "[^\0]{1,20}", c in "[^\0]{1,20}") {
            let sql = format!(
                "ALTER TABLE ONLY {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {}(id)",
                qualified(&a, &b), identifier(&c), identifier(&b), qualified(&b, &c)
            );
            let step = step(&sql);
            prop_assert_eq!(step.stage, Stage::ForeignKey);
            prop_assert_eq!(step.table.and_then(read_name), Some((a, b.clone())));
            prop_assert_eq!(points_to(&sql).and_then(read_name), Some((b, c)));
        }
    }
}
