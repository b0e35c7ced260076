//! Flags: what was asked for, and how they stand in each silo.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

use crate::config::{Config, Flag, FlagValue, Silo, listed, nearest};
use crate::model::FlagName;

use super::choices::Choices;
use super::error::{PlanError, PlanProblem};
use super::facts::Facts;

/// The flags of one run.
pub(super) struct Flags<'c> {
    config: &'c Config,
    asked: IndexMap<FlagName, FlagValue>,
    given: BTreeSet<FlagName>,
}

impl<'c> Flags<'c> {
    /// Takes what was given, then what variables say, then the defaults, then what these imply.
    pub(super) fn resolve(
        config: &'c Config,
        choices: &Choices,
        facts: &Facts,
        notices: &mut Vec<String>,
        errors: &mut Vec<PlanError>,
    ) -> Self {
        let mut flags = Self { config, asked: IndexMap::new(), given: BTreeSet::new() };
        for (name, flag) in &config.flags {
            let (given_by, value) = match choices.flags.get(name) {
                Some(value) => (Some(format!("--{name}")), value.clone()),
                None => from_variables(flag, facts).unwrap_or_else(|| (None, flag.default.clone())),
            };
            if let Some(given_by) = given_by {
                flags.given.insert(name.clone());
                errors.extend(verify(flag, &value, &given_by));
            }
            flags.asked.insert(name.clone(), canonical(flag, value));
        }
        flags.imply(notices, errors);
        flags.require(errors);
        flags
    }

    fn imply(&mut self, notices: &mut Vec<String>, errors: &mut Vec<PlanError>) {
        // In declaration order and again until nothing changes: one implied switch may imply another.
        loop {
            let mut changed = false;
            for (name, flag) in &self.config.flags {
                if !self.is_on(name) {
                    continue;
                }
                for implied in flag.implies.iter().map(|reference| &reference.name) {
                    if self.is_on(implied) || !self.config.flags.contains_key(implied) {
                        continue;
                    }
                    if self.given.contains(implied) {
                        let problem = PlanProblem::ImpliedOff { flag: name.clone(), implied: implied.clone() };
                        errors.push(PlanError::usage(problem));
                        return;
                    }
                    notices.push(format!("--{name} was given, so --{implied} is on"));
                    self.asked.insert(implied.clone(), FlagValue::Switch(true));
                    changed = true;
                }
            }
            if !changed {
                return;
            }
        }
    }

    fn require(&self, errors: &mut Vec<PlanError>) {
        for (name, flag) in self.config.flags.iter().filter(|(name, _)| self.is_on(name)) {
            let missing = flag.requires.iter().filter(|required| !self.is_on(&required.name));
            errors.extend(missing.map(|required| {
                PlanError::usage(PlanProblem::Requires { flag: name.clone(), required: required.name.clone() })
            }));
        }
    }

    fn is_on(&self, name: &FlagName) -> bool {
        match self.asked.get(name) {
            Some(FlagValue::Switch(on)) => *on,
            Some(FlagValue::Text(text)) => !text.is_empty(),
            None => false,
        }
    }

    /// Flags as the user gave them, with defaults and what is implied: `asked.*`.
    pub(super) fn asked(&self) -> Json {
        to_json(&self.asked)
    }

    /// Which flags the user gave, or a variable: `given.*`.
    pub(super) fn given(&self) -> Json {
        let given = |name: &FlagName| (name.in_expressions(), self.given.contains(name).into());
        self.config.flags.keys().map(given).collect::<Map<_, _>>().into()
    }

    /// Flags as they stand in this silo: `flag.*`.
    pub(super) fn in_silo(&self, silo: &Silo) -> Json {
        let mut flags = self.asked.clone();
        for (name, value) in flags.iter_mut() {
            let given = self.given.contains(name);
            let own_default = silo.defaults.get(name.as_str()).filter(|_| !given && !self.was_implied(name));
            if let Some((own, _)) = silo.force.get(name.as_str()).or(own_default) {
                *value = match own {
                    Json::Bool(on) => FlagValue::Switch(*on),
                    Json::String(text) => FlagValue::Text(text.clone()),
                    other => FlagValue::Text(other.to_string()),
                };
            }
        }
        to_json(&flags)
    }

    fn was_implied(&self, name: &FlagName) -> bool {
        let default = self.config.flags.get(name).map(|flag| &flag.default);
        default == Some(&FlagValue::Switch(false)) && self.asked.get(name) == Some(&FlagValue::Switch(true))
    }

    /// Each flag that was given, as one writes it: `--no-watchers`, `--ngrok=acme.ngrok.dev`.
    pub(super) fn written(&self) -> Vec<(FlagName, String)> {
        let written = |name: &FlagName| match self.asked.get(name) {
            Some(FlagValue::Switch(true)) => format!("--{name}"),
            Some(FlagValue::Switch(false)) | None => format!("--no-{name}"),
            Some(FlagValue::Text(text)) => format!("--{name}={text}"),
        };
        self.given.iter().map(|name| (name.clone(), written(name))).collect()
    }
}

fn to_json(flags: &IndexMap<FlagName, FlagValue>) -> Json {
    flags.iter().map(|(name, value)| (name.in_expressions(), value.to_json())).collect::<Map<_, _>>().into()
}

fn from_variables(flag: &Flag, facts: &Facts) -> Option<(Option<String>, FlagValue)> {
    flag.variables.iter().find_map(|variable| {
        let text = facts.env.get(variable).filter(|text| !text.is_empty())?;
        let value = match flag.placeholder {
            Some(_) => FlagValue::Text(text.clone()),
            None => FlagValue::Switch(!matches!(text.to_ascii_lowercase().as_str(), "0" | "false" | "no" | "off")),
        };
        Some((Some(variable.clone()), value))
    })
}

/// A choice is taken in any case of letters and kept as it is declared.
fn canonical(flag: &Flag, value: FlagValue) -> FlagValue {
    match value {
        FlagValue::Text(text) => {
            let choice = flag.choices.iter().find(|choice| choice.eq_ignore_ascii_case(&text));
            FlagValue::Text(choice.cloned().unwrap_or(text))
        }
        switch => switch,
    }
}

fn verify(flag: &Flag, value: &FlagValue, given_by: &str) -> Option<PlanError> {
    let FlagValue::Text(text) = value else { return None };
    let bad = |hint: String| {
        let problem = PlanProblem::FlagValue { given_by: given_by.to_owned(), value: text.clone(), hint };
        Some(PlanError::usage(problem))
    };
    if text.is_empty() && flag.pattern.is_none() && flag.choices.is_empty() {
        return bad(match &flag.example {
            Some(example) => format!("write it as in `{given_by}={example}`"),
            None => "give it a value, or leave it out".to_owned(),
        });
    }
    if !flag.choices.is_empty() && !flag.choices.iter().any(|choice| choice.eq_ignore_ascii_case(text)) {
        let choices = || flag.choices.iter().map(String::as_str);
        return match nearest(text, choices()) {
            Some(near) => bad(format!("did you mean `{near}`?")),
            None => bad(format!("possible values are {}", listed(choices()))),
        };
    }
    let pattern = flag.pattern.as_ref().and_then(|pattern| regex::Regex::new(pattern).ok())?;
    if pattern.is_match(text) {
        return None;
    }
    match &flag.example {
        Some(example) => bad(format!("write it as in `{given_by}={example}`")),
        None => bad(format!("it must match `{}`", flag.pattern.as_deref().unwrap_or_default())),
    }
}
