//! YAML as a tree with lines: scalars as they are written, anchors and merge keys (`<<`) resolved.
//!
//! The only file that names the parser.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::error::ImportError;

/// How deep a file may be nested. Ours read to a depth of seven.
const DEEPEST: usize = 64;
/// How many nodes aliases may copy, so that a few lines can't become a billion.
const COPIES: usize = 100_000;

/// One value and its line, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) data: Data,
}

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Data {
    /// Nothing, `~` or `null`.
    Null,
    /// A scalar as it is written; with quotes it is text, whatever it looks like.
    Scalar { text: String, quoted: bool },
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(String, Node)>),
}

impl Node {
    /// A scalar's text.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// `true` or `false`, as YAML 1.2 and, with `yes` and `on`, YAML 1.1 have them.
    pub(super) fn truth(&self) -> Option<bool> {
        match &self.data {
            Data::Scalar { text, quoted: false } => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" => Some(true),
                "false" | "no" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// A whole number.
    pub(super) fn number(&self) -> Option<u64> {
        self.text()?.parse().ok()
    }

    /// A mapping's entries.
    pub(super) fn entries(&self) -> Option<&[(String, Self)]> {
        match &self.data {
            Data::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// A sequence's items.
    pub(super) fn items(&self) -> Option<&[Self]> {
        match &self.data {
            Data::List(items) => Some(items),
            _ => None,
        }
    }

    /// An entry of a mapping.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries()?.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }
}

/// Reads the first document.
///
/// # Errors
/// When it isn't YAML, or there is none.
pub(super) fn read(text: &str) -> Result<Node, ImportError> {
    let mut reader = Reader { events: Parser::new_from_str(text), anchors: BTreeMap::new(), copies: 0 };
    loop {
        match reader.next()? {
            (Event::DocumentStart(_), _) => {
                let first = reader.next()?;
                return reader.node(first, 0);
            }
            (Event::StreamEnd, _) => return Err(ImportError::Empty),
            _ => {}
        }
    }
}

struct Reader<I> {
    events: I,
    anchors: BTreeMap<usize, Node>,
    copies: usize,
}

impl<'t, I: Iterator<Item = Result<(Event<'t>, Span), ScanError>>> Reader<I> {
    fn next(&mut self) -> Result<(Event<'t>, Span), ImportError> {
        match self.events.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(syntax(error.marker().line(), error.info())),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, (event, span): (Event<'t>, Span), depth: usize) -> Result<Node, ImportError> {
        let line = span.start.line().max(1);
        if depth > DEEPEST {
            return Err(syntax(line, "it is nested too deeply"));
        }
        let (anchor, data) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let quoted = style != ScalarStyle::Plain;
                let is_null = !quoted && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                (anchor, if is_null { Data::Null } else { Data::Scalar { text: text.into_owned(), quoted } })
            }
            Event::SequenceStart(anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        first => items.push(self.node(first, depth + 1)?),
                    }
                }
                (anchor, Data::List(items))
            }
            Event::MappingStart(anchor, _) => (anchor, Data::Map(self.mapping(depth)?)),
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned();
                let node = node.ok_or_else(|| syntax(line, "an alias stands before its anchor, or in it"))?;
                self.copies += size(&node);
                return if self.copies > COPIES {
                    Err(syntax(line, "its aliases multiply too much"))
                } else {
                    Ok(node)
                };
            }
            _ => (0, Data::Null),
        };
        let node = Node { line, data };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn mapping(&mut self, depth: usize) -> Result<Vec<(String, Node)>, ImportError> {
        let mut entries: Vec<(String, Node)> = Vec::new();
        let mut merged: Vec<Node> = Vec::new();
        loop {
            let first = match self.next()? {
                (Event::MappingEnd, _) => break,
                first => first,
            };
            let key = self.node(first, depth + 1)?;
            let first = self.next()?;
            let value = self.node(first, depth + 1)?;
            match key.text() {
                Some("<<") => match value.data {
                    Data::List(items) => merged.extend(items),
                    _ => merged.push(value),
                },
                Some(name) if entries.iter().any(|(known, _)| known == name) => {
                    return Err(syntax(key.line, &format!("`{name}` stands twice in one mapping")));
                }
                Some(name) => entries.push((name.to_owned(), value)),
                None if key.data == Data::Null => entries.push(("null".into(), value)),
                None => return Err(syntax(key.line, "a key must be text")),
            }
        }
        // What is written wins over what is merged in, and what is merged first over the rest.
        for node in &merged {
            for (name, value) in node.entries().unwrap_or_default() {
                if !entries.iter().any(|(known, _)| known == name) {
                    entries.push((name.clone(), value.clone()));
                }
            }
        }
        Ok(entries)
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.data {
        Data::List(items) => items.iter().map(size).sum::<usize>(),
        Data::Map(entries) => entries.iter().map(|(_, node)| size(node)).sum(),
        Data::Null | Data::Scalar { .. } => 0,
    }
}

fn syntax(line: usize, why: &str) -> ImportError {
    ImportError::Syntax { line: line.max(1), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{Data, read};
    use crate::import::ImportError;

    #[test]
    fn scalars_stay_as_they_are_written() {
        let node = read("a: 1.10\nb: \"true\"\nc: yes\nd:\ne: 0755\n").expect("is YAML");
        assert_eq!(node.get("a").and_then(|node| node.text()), Some("1.10"));
        assert_eq!(node.get("b").and_then(super::Node::truth), None);
        assert_eq!(node.get("c").and_then(super::Node::truth), Some(true));
        assert_eq!(node.get("d").map(|node| &node.data), Some(&Data::Null));
        assert_eq!(node.get("e").and_then(|node| node.text()), Some("0755"));
        assert_eq!(node.get("e").map(|node| node.line), Some(5));
    }

    #[test]
    fn anchors_and_merge_keys_are_resolved_and_what_is_written_wins() {
        let node = read("base: &b {x: 1, y: 2}\nmore:\n  <<: *b\n  y: 3\n").expect("is YAML");
        let more = node.get("more").expect("it is there");
        assert_eq!(more.get("x").and_then(|node| node.text()), Some("1"));
        assert_eq!(more.get("y").and_then(|node| node.text()), Some("3"));
    }

    #[test]
    fn what_is_no_yaml_is_told_with_its_line() {
        for (text, line) in [("a: b\n c: [", 2), ("a: 1\na: 2\n", 2), ("? [x]\n: y\n", 1)] {
            match read(text) {
                Err(ImportError::Syntax { line: found, .. }) => assert_eq!(found, line, "{text:?}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
        assert_eq!(read("# nothing\n"), Err(ImportError::Empty));
    }

    #[test]
    fn a_few_lines_never_become_a_billion_nodes_nor_a_deep_stack() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let last = format!("*a{}", level - 1);
            bomb += &format!("a{level}: &a{level} [{}]\n", [last.as_str(); 10].join(", "));
        }
        assert!(matches!(read(&bomb), Err(ImportError::Syntax { .. })));
        let deep = "[".repeat(100_000);
        assert!(matches!(read(&deep), Err(ImportError::Syntax { .. })));
    }
}
