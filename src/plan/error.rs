//! Why there is no plan, and the fix for each.

use crate::config::{EvalError, Origin, Sources, listed};
use crate::model::{FlagName, ProcessName, SiloName};

use super::choices::AddressError;

/// Everything because of which there is no plan.
#[derive(Debug, Clone)]
pub struct PlanErrors {
    /// The configuration's texts, for excerpts.
    pub sources: Sources,
    /// At least one.
    pub errors: Vec<PlanError>,
}

impl PlanErrors {
    /// Sorts the errors by where they stand; one that many processes have is told once.
    pub(super) fn new(sources: &Sources, mut errors: Vec<PlanError>) -> Self {
        errors.sort_by_key(|error| error.at.as_ref().map(|at| (at.source, at.span.start)));
        let mut told: Vec<PlanError> = Vec::new();
        for error in errors {
            let at = error.at.clone();
            let same = told.iter_mut().filter(|other| other.at == at).find_map(|other| {
                match (&mut other.problem, &error.problem) {
                    (first, second) if first == second => Some(None),
                    (
                        PlanProblem::Evaluate { what, more, error: first },
                        PlanProblem::Evaluate { what: of, error: second, .. },
                    ) if first == second => Some((what != of).then_some(more)),
                    _ => None,
                }
            });
            match same {
                None => told.push(error),
                Some(None) => {}
                Some(Some(more)) => *more += 1,
            }
        }
        Self { sources: sources.clone(), errors: told }
    }
}

/// One reason, and where it stands in the configuration, if it does.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanError {
    /// What.
    pub problem: PlanProblem,
    /// Where.
    pub at: Option<Origin>,
    /// Other places that belong to it, each with a word on why.
    pub also: Vec<(Origin, String)>,
}

impl PlanError {
    /// A problem at a place of the configuration.
    pub fn at(origin: &Origin, problem: PlanProblem) -> Self {
        Self { problem, at: Some(origin.clone()), also: Vec::new() }
    }

    /// An expression or template that gave no value: the place is the name in it that is to blame.
    pub fn evaluate(sources: &Sources, origin: &Origin, what: impl Into<String>, error: EvalError) -> Self {
        let at = match &error {
            EvalError::Undefined { name: Some(name) } | EvalError::NoText { name: Some(name), .. } => {
                origin.of_word(sources, name)
            }
            _ => origin.clone(),
        };
        Self::at(&at, PlanProblem::Evaluate { what: what.into(), more: 0, error })
    }

    /// The same with one more place.
    #[must_use]
    pub fn and(mut self, origin: &Origin, label: impl Into<String>) -> Self {
        self.also.push((origin.clone(), label.into()));
        self
    }

    /// A problem of the command line or the environment.
    pub fn usage(problem: PlanProblem) -> Self {
        Self { problem, at: None, also: Vec::new() }
    }

    /// Whether the command line is to blame rather than the configuration.
    pub const fn is_usage(&self) -> bool {
        match &self.problem {
            PlanProblem::UnknownSilo { .. }
            | PlanProblem::EndOfUnknown { .. }
            | PlanProblem::EndOfAbsent { .. }
            | PlanProblem::ExclusiveSilo { .. }
            | PlanProblem::Address { .. }
            | PlanProblem::FlagValue { .. }
            | PlanProblem::Requires { .. }
            | PlanProblem::ImpliedOff { .. } => true,
            // Out of range because of an ADDRESS near the end of the ports.
            PlanProblem::PortRange { moved, .. } => *moved,
            PlanProblem::Evaluate { .. }
            | PlanProblem::SamePort { .. }
            | PlanProblem::SameName { .. }
            | PlanProblem::BadName { .. }
            | PlanProblem::BadProbe { .. }
            | PlanProblem::Cycle { .. }
            | PlanProblem::MissingTemplate { .. }
            | PlanProblem::BadItem { .. }
            | PlanProblem::EmptyCommand { .. } => false,
        }
    }
}

/// A way in which there can be no plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanProblem {
    /// `--silo` names one that isn't declared.
    #[error("there is no silo `{name}`")]
    UnknownSilo {
        /// As given.
        name: String,
        /// The nearest.
        suggestion: Option<String>,
        /// The declared ones.
        known: Vec<String>,
    },
    /// `--exit-code-from` names nobody.
    #[error("--exit-code-from={name}: no such process runs")]
    EndOfUnknown {
        /// As given.
        name: String,
        /// The nearest.
        suggestion: Option<String>,
        /// Who runs.
        known: Vec<String>,
    },
    /// `--exit-code-from` names a service that doesn't run.
    #[error("--exit-code-from={name}: `{name}` doesn't run here: {reason}")]
    EndOfAbsent {
        /// As given.
        name: String,
        /// Why it doesn't.
        reason: String,
    },
    /// A silo that runs instead of the others was chosen together with others.
    #[error("silo `{silo}` runs instead of the others, not together with {}", listed(others.iter().map(SiloName::as_str)))]
    ExclusiveSilo {
        /// Which.
        silo: SiloName,
        /// With whom.
        others: Vec<SiloName>,
    },
    /// A variable that gives ADDRESS gives none.
    #[error("{variable}: {error}")]
    Address {
        /// Its name.
        variable: String,
        /// What is wrong with it.
        error: AddressError,
    },
    /// A flag's value isn't among its choices, or doesn't match its pattern.
    #[error("{given_by} can't be {}", if value.is_empty() { "empty".to_owned() } else { format!("`{value}`") })]
    FlagValue {
        /// `--loglevel`, or the variable that gives it.
        given_by: String,
        /// As given.
        value: String,
        /// What it may be.
        hint: String,
    },
    /// A flag was given without another that it needs.
    #[error("--{flag} needs --{required}")]
    Requires {
        /// The flag.
        flag: FlagName,
        /// What it needs.
        required: FlagName,
    },
    /// A flag implies a switch that was turned off.
    #[error("--{flag} turns --{implied} on, and --no-{implied} was given too")]
    ImpliedOff {
        /// The flag.
        flag: FlagName,
        /// The switch.
        implied: FlagName,
    },
    /// An expression or template gave no value.
    #[error("{what}{}: {error}", match more { 0 => String::new(), more => format!(" and {more} more") })]
    Evaluate {
        /// For whom: `env.PORT of region.server`.
        what: String,
        /// For how many others too.
        more: usize,
        /// Why.
        error: EvalError,
    },
    /// A port that no machine has.
    #[error("{what} would be {port}; ports are 1 to 65535")]
    PortRange {
        /// `the port of silo region`.
        what: String,
        /// The number.
        port: i64,
        /// Whether an ADDRESS moved it there.
        moved: bool,
    },
    /// Two processes want one port.
    #[error("{first} and {second} both want port {port}")]
    SamePort {
        /// The one.
        first: ProcessName,
        /// The other.
        second: ProcessName,
        /// The port.
        port: u16,
    },
    /// Two processes have one name.
    #[error("two processes are called `{name}`")]
    SameName {
        /// The name.
        name: ProcessName,
    },
    /// A name that came out of a list isn't one.
    #[error("an item of service `{service}` can't be a process: {why}")]
    BadName {
        /// Whose item.
        service: String,
        /// The reader's words.
        why: String,
    },
    /// A probe's target isn't of its form.
    #[error("{process} can't be asked whether it is ready: {why}")]
    BadProbe {
        /// Whose.
        process: ProcessName,
        /// What is wrong.
        why: String,
        /// What to write.
        hint: String,
    },
    /// Processes that wait for each other.
    #[error("these processes wait for each other and could never start: {}", path.join(" → "))]
    Cycle {
        /// From one back to itself.
        path: Vec<String>,
    },
    /// A template's file isn't there.
    #[error("the template `{path}` of render.{name} isn't there")]
    MissingTemplate {
        /// Its name.
        name: String,
        /// The file.
        path: String,
    },
    /// An item of a list without a name.
    #[error("an item of service `{service}` has no name")]
    BadItem {
        /// Whose.
        service: String,
    },
    /// A command that came out empty.
    #[error("the command of {process} comes out empty")]
    EmptyCommand {
        /// Whose.
        process: ProcessName,
    },
}

impl PlanProblem {
    /// The fix.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownSilo { suggestion: Some(name), .. } => Some(format!("did you mean --silo={name}?")),
            Self::EndOfUnknown { suggestion: Some(name), .. } => Some(format!("did you mean --exit-code-from={name}?")),
            Self::EndOfUnknown { suggestion: None, known, .. } => {
                Some(format!("what runs is {}", listed(known.iter().map(String::as_str))))
            }
            Self::EndOfAbsent { .. } => None,
            Self::UnknownSilo { suggestion: None, known, .. } => Some(format!(
                "silos are {}; `all` means those that can run together",
                listed(known.iter().map(String::as_str))
            )),
            Self::ExclusiveSilo { silo, .. } => Some(format!("leave `{silo}` out, or start it alone")),
            Self::Address { error, .. } => Some(error.hint()),
            Self::FlagValue { hint, .. } | Self::BadProbe { hint, .. } => Some(hint.clone()),
            Self::Requires { required, .. } => Some(format!("add --{required}")),
            Self::ImpliedOff { flag, implied } => Some(format!("leave out --{flag} or --no-{implied}")),
            Self::Evaluate { error: EvalError::Undefined { name: Some(name) }, .. } => {
                match name.strip_prefix("env.") {
                    Some(variable) => Some(format!("export {variable}, or write {{{{ {name} | default('…') }}}}")),
                    None => Some("give every silo that uses it a value under `vars`".into()),
                }
            }
            Self::Evaluate { error: EvalError::NoText { name, kind }, .. } => {
                let name = name.as_deref().unwrap_or("x");
                Some(match *kind {
                    "true or false" => format!("say which text is meant: {{{{ 'yes' if {name} else '' }}}}"),
                    "a list" => format!("join its items: {{{{ {name} | join(' ') }}}}"),
                    _ => "name one value in it".to_owned(),
                })
            }
            Self::PortRange { moved: true, .. } => Some("choose an ADDRESS with a lower port".into()),
            Self::SamePort { first, second, .. } => {
                let service = |name: &ProcessName| name.as_str().rsplit('.').next().map(str::to_owned);
                Some(match service(first) == service(second) {
                    true => "give each silo a port of its own, and the service `port = \"silo.port\"`".into(),
                    false => "give one of them another port".into(),
                })
            }
            Self::SameName { .. } => Some("rename one of the services or items".into()),
            Self::Cycle { .. } => Some("remove one of these `depends_on`".into()),
            Self::MissingTemplate { path, .. } => Some(format!("write {path}, or take [render] out")),
            Self::BadItem { .. } => Some("write each item as \"name\" or { name = \"…\" }".into()),
            Self::Evaluate { .. } | Self::PortRange { .. } | Self::BadName { .. } | Self::EmptyCommand { .. } => None,
        }
    }
}
