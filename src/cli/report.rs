//! An error → text: what is wrong, where, and the fix. Every error of every room is printed by this file.

use std::fmt::Write as _;
use std::io::Write as _;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value as Json, json};

use crate::config::{ConfigError, ConfigErrors, Origin, Sources};
use crate::plan::{PlanError, PlanErrors};

use super::exit_code::Exit;

/// What is wrong, ready to be told.
#[derive(Debug, Clone, Default)]
pub struct Report {
    sources: Sources,
    troubles: Vec<Trouble>,
}

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// A fragment: what, on what, why.
    pub message: String,
    /// Where it stands in a text of the configuration.
    pub at: Option<Origin>,
    /// Other places, each with a word on why.
    pub also: Vec<(Origin, String)>,
    /// Further lines: facts, not fixes.
    pub notes: Vec<String>,
    /// The fix.
    pub hint: Option<String>,
}

impl Trouble {
    /// Something that stands nowhere.
    pub fn new(message: impl Into<String>, hint: Option<String>) -> Self {
        Self { message: message.into(), at: None, also: Vec::new(), notes: Vec::new(), hint }
    }

    /// The same with a further line.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// Why a command ends early: what is said, and the exit code.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What is said.
    pub report: Report,
    /// The exit code.
    pub exit: Exit,
}

impl Failure {
    /// One trouble and its exit code.
    pub fn new(exit: Exit, message: impl Into<String>, hint: impl Into<Option<String>>) -> Self {
        Self { report: Report::from(vec![Trouble::new(message, hint.into())]), exit }
    }

    /// Several troubles and their exit code.
    pub fn all(exit: Exit, troubles: Vec<Trouble>) -> Self {
        Self { report: Report::from(troubles), exit }
    }
}

impl Failure {
    /// What is wrong, one by one.
    pub fn troubles(self) -> Vec<Trouble> {
        self.report.troubles
    }
}

impl From<Vec<Trouble>> for Report {
    fn from(troubles: Vec<Trouble>) -> Self {
        Self { sources: Sources::default(), troubles }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        let trouble = |error: ConfigError| Trouble {
            message: error.problem.to_string(),
            hint: error.problem.hint(),
            notes: Vec::new(),
            at: error.at,
            also: error.also,
        };
        // What `--set` says is the command line's; what a variable or a file says is configuration.
        let is_argument = |error: &ConfigError| {
            error.at.as_ref().is_some_and(|at| errors.sources.get(at.source).name.starts_with("--"))
        };
        let exit = if errors.errors.iter().all(is_argument) { Exit::Usage } else { Exit::Config };
        let troubles = errors.errors.into_iter().map(trouble).collect();
        Self { report: Report { sources: errors.sources, troubles }, exit }
    }
}

impl From<PlanErrors> for Failure {
    fn from(errors: PlanErrors) -> Self {
        let exit = if errors.errors.iter().all(PlanError::is_usage) { Exit::Usage } else { Exit::Config };
        let trouble = |error: PlanError| Trouble {
            message: error.problem.to_string(),
            hint: error.problem.hint(),
            notes: Vec::new(),
            at: error.at,
            also: error.also,
        };
        let troubles = errors.errors.into_iter().map(trouble).collect();
        Self { report: Report { sources: errors.sources, troubles }, exit }
    }
}

impl Report {
    /// What is wrong, first of all, in one sentence.
    pub fn first(&self) -> Option<String> {
        self.troubles.first().map(|trouble| trouble.message.clone())
    }

    /// What is wrong, as text for a person.
    pub fn text(&self, colour: bool) -> String {
        self.troubles.iter().map(|trouble| self.one(trouble, colour)).collect::<Vec<_>>().join("\n")
    }

    fn one(&self, trouble: &Trouble, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.decor_style(DecorStyle::Ascii);
        let Some(at) = &trouble.at else { return plain(trouble, "", colour) };
        let source = self.sources.get(at.source);
        if source.given {
            return plain(trouble, &format!("{}: ", source.name), colour);
        }
        let mut snippet = Snippet::source(source.text.as_str())
            .path(source.name.as_str())
            .annotation(AnnotationKind::Primary.span(first_line(&source.text, at)));
        for (origin, label) in trouble.also.iter().filter(|(origin, _)| origin.source == at.source) {
            let span = first_line(&source.text, origin);
            snippet = snippet.annotation(AnnotationKind::Context.span(span).label(label.as_str()));
        }
        let mut group = Group::with_title(Level::ERROR.primary_title(trouble.message.as_str())).element(snippet);
        for note in &trouble.notes {
            group = group.element(Level::NOTE.message(note.as_str()));
        }
        if let Some(hint) = &trouble.hint {
            group = group.element(Level::HELP.message(hint.as_str()));
        }
        renderer.render(&[group]) + "\n"
    }

    /// The same as data, for `--json`.
    pub fn json(&self) -> Json {
        let place = |at: &Origin| {
            let source = self.sources.get(at.source);
            let before = source.text.get(..at.span.start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            json!({ "file": source.name, "line": line, "column": column })
        };
        let one = |trouble: &Trouble| {
            let given = trouble.at.as_ref().map(|at| self.sources.get(at.source)).filter(|source| source.given);
            let message = match given {
                Some(source) => format!("{}: {}", source.name, trouble.message),
                None => trouble.message.clone(),
            };
            let at = trouble.at.as_ref().filter(|_| given.is_none()).map(place);
            json!({ "message": message, "at": at, "notes": trouble.notes, "help": trouble.hint })
        };
        self.troubles.iter().map(one).collect()
    }
}

/// A span over several lines is cut to the first: a whole table underlined says less than its head.
fn first_line(text: &str, at: &Origin) -> std::ops::Range<usize> {
    let (start, end) = (at.span.start.min(text.len()), at.span.end.min(text.len()));
    let inside = text.get(start..end).unwrap_or_default();
    let cut = inside.find('\n').map_or(end, |newline| start + newline);
    start..cut.max(start)
}

fn plain(trouble: &Trouble, head: &str, colour: bool) -> String {
    let style = |style: console::Style, text: &str| match colour {
        true => style.force_styling(true).apply_to(text).to_string(),
        false => text.to_owned(),
    };
    let mut text = format!("{}: {head}{}\n", style(console::Style::new().red().bold(), "error"), trouble.message);
    for note in &trouble.notes {
        for (index, line) in note.lines().enumerate() {
            let _ = writeln!(text, "  {} {line}", if index == 0 { "=" } else { " " });
        }
    }
    if let Some(hint) = &trouble.hint {
        let _ = writeln!(text, "  {}: {hint}", style(console::Style::new().cyan().bold(), "help"));
    }
    text
}

/// Says on standard error why a command ends early, and that nothing was started.
pub fn tell(failure: &Failure, colour: bool, nothing_started: bool) {
    let mut text = failure.report.text(colour);
    if nothing_started {
        text.push_str("\nNothing was started.\n");
    }
    // Nobody is left to tell when standard error is closed too.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
