//! Where a value stands: span → file, line and column.

use std::ops::Range;
use std::sync::Arc;

/// One text that configuration was read from: a file, the preset, a variable, an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What a person calls it: `devserver.toml`, `preset NAME`, `--set`.
    pub name: String,
    /// Its text.
    pub text: String,
    /// Whether it isn't a file: a variable or an argument, which its name shows in full.
    pub given: bool,
}

/// All texts of one load, lowest layer first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources(Vec<Arc<Source>>);

impl Sources {
    /// Takes in one more text.
    pub fn add(&mut self, name: &str, text: &str) -> SourceId {
        self.push(Source { name: name.to_owned(), text: text.to_owned(), given: false })
    }

    /// Takes in what a variable or an argument says: `--set use_relay=true`.
    pub fn add_given(&mut self, name: &str, text: &str) -> SourceId {
        self.push(Source { name: name.to_owned(), text: text.to_owned(), given: true })
    }

    fn push(&mut self, source: Source) -> SourceId {
        self.0.push(Arc::new(source));
        SourceId(self.0.len() - 1)
    }

    /// The text of this id.
    pub fn get(&self, id: SourceId) -> &Arc<Source> {
        &self.0[id.0]
    }

    /// `devserver.toml:14`, as messages and `--origin` show it; just the name of what is no file.
    pub fn place(&self, origin: &Origin) -> String {
        let source = self.get(origin.source);
        if source.given {
            return source.name.clone();
        }
        format!("{}:{}", source.name, line_of(&source.text, origin.span.start))
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    before.matches('\n').count() + 1
}

/// Tells one text of a load from another. Lower layers have lower ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(usize);

/// The place of a key or value: a text and the bytes in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Which text.
    pub source: SourceId,
    /// Which bytes of it.
    pub span: Range<usize>,
}

impl Origin {
    /// The place of a word within this value, where the text has it; else the whole value.
    pub fn of_word(&self, sources: &Sources, word: &str) -> Self {
        let text = &sources.get(self.source).text;
        let inside = text.get(self.span.clone()).unwrap_or_default();
        let found = inside.match_indices(word).find(|(at, _)| {
            let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
            let before = inside[..*at].chars().next_back();
            let after = inside[at + word.len()..].chars().next();
            !before.is_some_and(is_part) && !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
        });
        match found {
            Some((at, _)) => {
                let start = self.span.start + at;
                Self { source: self.source, span: start..start + word.len() }
            }
            None => self.clone(),
        }
    }
}
