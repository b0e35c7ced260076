//! Environments: blocks in order, then the silo's variables, then the service's; each value with its origin.

use std::path::Path;

use indexmap::IndexMap;

use crate::config::{Engine, EnvBlock, Scope, Service, Silo, Sources, Template};
use crate::model::{ProcessName, ServiceName};

use super::error::PlanError;
use super::facts::Facts;
use super::spec::EnvValue;

/// What is added to, changed in and taken from the inherited environment of one process.
#[derive(Debug, Default)]
pub(super) struct Environ {
    pub(super) set: IndexMap<String, EnvValue>,
    pub(super) removed: Vec<String>,
}

/// Where an environment is worked out.
pub(super) struct For<'a> {
    pub(super) engine: &'a Engine,
    pub(super) sources: &'a Sources,
    pub(super) facts: &'a Facts,
    pub(super) root: &'a Path,
    pub(super) process: &'a ProcessName,
    pub(super) service: &'a ServiceName,
    pub(super) silo: &'a Silo,
    pub(super) scope: &'a Scope,
}

impl For<'_> {
    /// Works out the environment.
    pub(super) fn environ(&self, blocks: &[EnvBlock], service: &Service, errors: &mut Vec<PlanError>) -> Environ {
        let mut environ = Environ::default();
        let mut folders: Vec<(String, String)> = Vec::new();
        for block in blocks {
            if !self.applies(block, errors) {
                continue;
            }
            for (name, template) in &block.set {
                self.put(&mut environ, name, template, errors);
            }
            for (name, template) in &block.default {
                if !self.facts.env.contains_key(name) || environ.removed.contains(name) {
                    self.put(&mut environ, name, template, errors);
                }
            }
            for name in &block.unset {
                environ.set.shift_remove(name);
                environ.removed.push(name.clone());
            }
            for template in &block.path {
                if let Some(folder) = self.fill("path", template, errors) {
                    let folder = self.root.join(folder).display().to_string();
                    folders.push((folder, self.sources.place(&template.origin)));
                }
            }
        }
        for (name, template) in self.silo.env.iter().chain(&service.env) {
            self.put(&mut environ, name, template, errors);
        }
        self.put_path(&mut environ, &folders);
        environ.removed.retain(|name| !environ.set.contains_key(name));
        environ.removed.sort();
        environ.removed.dedup();
        environ
    }

    fn applies(&self, block: &EnvBlock, errors: &mut Vec<PlanError>) -> bool {
        let named = block.services.is_empty() || block.services.iter().any(|service| service.name == *self.service);
        let excepted = block.except.iter().any(|service| service.name == *self.service);
        if !self.silo.is_among(&block.silos) || !named || excepted {
            return false;
        }
        let Some(when) = &block.when else { return true };
        self.engine.holds(when, self.scope).unwrap_or_else(|error| {
            let what = format!("`when` of an environment block, for {}", self.process);
            errors.push(PlanError::evaluate(self.sources, &when.origin, what, error));
            false
        })
    }

    fn put(&self, environ: &mut Environ, name: &str, template: &Template, errors: &mut Vec<PlanError>) {
        if let Some(value) = self.fill(&format!("env.{name}"), template, errors) {
            let origin = self.sources.place(&template.origin);
            environ.set.insert(name.to_owned(), EnvValue { value, origin });
        }
    }

    fn fill(&self, key: &str, template: &Template, errors: &mut Vec<PlanError>) -> Option<String> {
        self.engine
            .fill(template, self.scope)
            .map_err(|error| {
                let what = format!("{key} of {}", self.process);
                errors.push(PlanError::evaluate(self.sources, &template.origin, what, error));
            })
            .ok()
    }

    /// The folders come first, in the order in which they are written; then what PATH was.
    fn put_path(&self, environ: &mut Environ, folders: &[(String, String)]) {
        let Some((_, origin)) = folders.first() else { return };
        let was = environ.set.get("PATH").map(|was| was.value.clone()).or_else(|| self.facts.env.get("PATH").cloned());
        let all = folders.iter().map(|(folder, _)| folder.clone()).chain(was.filter(|was| !was.is_empty()));
        let value = all.collect::<Vec<_>>().join(":");
        environ.set.insert("PATH".into(), EnvValue { value, origin: origin.clone() });
    }
}
