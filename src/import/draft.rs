//! What all formats have in common: a first configuration, before it is text.

/// A configuration to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// The project's name, where the file gives one.
    pub name: Option<String>,
    /// Where the first port is.
    pub bind_port: Option<u16>,
    /// Named ports: expressions.
    pub ports: Vec<(String, String)>,
    /// Switches for what isn't started unless asked for.
    pub flags: Vec<(String, String)>,
    /// What services do after an end, where they don't say otherwise.
    pub restart: Option<&'static str>,
    /// Environment variables of everything; values are templates.
    pub env: Vec<(String, String)>,
    /// Folders that come first on PATH, for everything.
    pub path: Vec<String>,
    /// The services, in the order of the file.
    pub services: Vec<DraftService>,
    /// What could not be carried over.
    pub lost: Vec<Lost>,
}

/// Something that isn't in the result, or means something else there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The line of the file it came from, from 1.
    pub line: usize,
    /// What it was: `processes.api.schedule`.
    pub what: String,
    /// Why, and what to do instead.
    pub why: String,
}

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DraftCommand {
    /// As a shell reads it.
    Line(String),
    /// A program and its arguments.
    Words(Vec<String>),
}

/// One service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftService {
    /// Its name here.
    pub name: String,
    /// What it is.
    pub help: Option<String>,
    /// What is run; templates.
    pub command: DraftCommand,
    /// Its working directory.
    pub cwd: Option<String>,
    /// The flag that it hangs on.
    pub when: Option<String>,
    /// How many of it run, numbered from 0.
    pub replicas: u64,
    /// Its variables; values are templates.
    pub env: Vec<(String, String)>,
    /// Variables that are taken away.
    pub unset: Vec<String>,
    /// Folders that come first on PATH.
    pub path: Vec<String>,
    /// The port on which it listens: an expression.
    pub port: Option<String>,
    /// Whom it waits for, and for what.
    pub depends_on: Vec<(String, &'static str)>,
    /// `key = value` of its readiness, in TOML.
    pub ready: Vec<(&'static str, String)>,
    /// `key = value` of its one rung, in TOML.
    pub stop: Vec<(&'static str, String)>,
    /// `key = value` of its backoff, in TOML.
    pub backoff: Vec<(&'static str, String)>,
    /// After which ends it is started again.
    pub restart: Option<&'static str>,
    /// Whether it ends and is waited for.
    pub oneshot: bool,
    /// What a oneshot leaves behind.
    pub creates: Vec<String>,
    /// What a oneshot is made from.
    pub inputs: Vec<String>,
    /// Whether its end is the end of the run.
    pub exit_on_end: bool,
    /// Whether it gets a terminal.
    pub pty: Option<bool>,
}

impl DraftCommand {
    /// Itself, unless it runs nothing.
    pub(super) fn or_nothing(self) -> Option<Self> {
        let first = match &self {
            Self::Line(line) => Some(line),
            Self::Words(words) => words.first(),
        };
        let is_something = first.is_some_and(|first| !first.trim().is_empty());
        is_something.then_some(self)
    }
}

impl DraftService {
    pub(super) fn new(name: String, command: DraftCommand) -> Self {
        Self {
            name,
            help: None,
            command,
            cwd: None,
            when: None,
            replicas: 1,
            env: Vec::new(),
            unset: Vec::new(),
            path: Vec::new(),
            port: None,
            depends_on: Vec::new(),
            ready: Vec::new(),
            stop: Vec::new(),
            backoff: Vec::new(),
            restart: None,
            oneshot: false,
            creates: Vec::new(),
            inputs: Vec::new(),
            exit_on_end: false,
            pty: None,
        }
    }
}

impl Draft {
    pub(super) fn lose(&mut self, line: usize, what: impl Into<String>, why: impl Into<String>) {
        self.lost.push(Lost { line, what: what.into(), why: why.into() });
    }
}

/// Text as a template that prints it: what stands in `{{ }}` elsewhere is no expression of ours.
pub(super) fn literal(text: &str) -> String {
    ["{{", "{%", "{#"].iter().fold(text.to_owned(), |text, mark| text.replace(mark, &format!("{{{{ '{mark}' }}}}")))
}

/// A value in which `$NAME` and `${NAME}` are the inherited environment's, as a template; `$$` is a dollar.
pub(super) fn with_variables(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&literal(&rest[..at]));
        let after = &rest[at + 1..];
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let (name, after_name) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, after)) => (name, after),
            None => after.split_at(after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len())),
        };
        let (name, default) = name.split_once(":-").unwrap_or((name, ""));
        match is_variable(name) && !default.contains(['\'', '\\', '$']) {
            true => {
                out.push_str(&format!("{{{{ env.{name} | default('{default}') }}}}"));
                rest = after_name;
            }
            false => {
                out.push('$');
                rest = after;
            }
        }
    }
    out + &literal(rest)
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::{literal, with_variables};

    #[test]
    fn braces_of_others_are_printed_as_they_stand() {
        assert_eq!(literal("docker ps --format '{{.ID}}'"), "docker ps --format '{{ '{{' }}.ID}}'");
        assert_eq!(literal("plain"), "plain");
    }

    #[test]
    fn a_dollar_name_is_the_inherited_variable() {
        for (given, expected) in [
            ("$HOME/bin", "{{ env.HOME | default('') }}/bin"),
            ("${PORT:-80}", "{{ env.PORT | default('80') }}"),
            ("a$$b", "a$b"),
            ("5$", "5$"),
            ("$1", "$1"),
            ("${x y}", "${x y}"),
            ("é$A", "é{{ env.A | default('') }}"),
        ] {
            assert_eq!(with_variables(given), expected, "{given}");
        }
    }
}
