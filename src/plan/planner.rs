//! The planner: the steps in order, each a call.

use std::path::{Component, Path, PathBuf};

use indexmap::IndexMap;

use crate::config::{Command, Config, Engine, Scope, Service, Silo, Template, preset};
use crate::model::{ServiceName, SiloName};

use super::choices::{Address, Choices};
use super::error::{PlanError, PlanErrors, PlanProblem};
use super::facts::Facts;
use super::flags::Flags;
use super::process::{Recipe, split};
use super::scope::{Scopes, environment, identifier, port_of};
use super::spec::{Absent, Check, CheckTest, Peer, Plan, PlannedSilo, ProcessSpec, RenderedFile};
use super::{graph, ports, select};

/// Works out what shall run.
///
/// # Errors
/// With everything because of which it can't be worked out.
pub fn plan(config: &Config, choices: &Choices, facts: &Facts) -> Result<Plan, PlanErrors> {
    let mut errors = Vec::new();
    let mut notices = Vec::new();
    let scopes = scopes(config, choices, facts, &mut notices, &mut errors);
    let root = normal(&facts.folder.join(&config.project.root));
    let ports = ports::ports(&scopes, &mut errors);
    if !errors.is_empty() {
        // Nothing below has a meaning without silos, flags and ports; its errors would be echoes of these.
        return Err(PlanErrors { sources: config.sources.clone(), errors });
    }
    let mut draft = Draft { notices, errors, ..Draft::new(&scopes, facts, &root, &ports) };
    draft.silos();
    draft.finish(choices.exit_code_from.as_deref(), &ports)
}

/// What every scope of a run has, worked out from what was asked for.
pub(super) fn scopes<'c>(
    config: &'c Config,
    choices: &Choices,
    facts: &Facts,
    notices: &mut Vec<String>,
    errors: &mut Vec<PlanError>,
) -> Scopes<'c> {
    let selected = select::chosen(config, &choices.silos).unwrap_or_else(|problems| {
        errors.extend(problems.into_iter().map(PlanError::usage));
        Vec::new()
    });
    let flags = Flags::resolve(config, choices, facts, notices, errors);
    let bind = bind(config, choices, facts, errors);
    let root = normal(&facts.folder.join(&config.project.root));
    let name = config
        .project
        .name
        .clone()
        .or_else(|| facts.folder.file_name().map(|name| name.to_string_lossy().into_owned()));
    Scopes {
        config,
        engine: Engine::new(),
        flags,
        bind,
        root: root.display().to_string(),
        project: name.unwrap_or_else(|| "project".into()),
        env: environment(facts),
        user: (facts.uid, facts.gid),
        selected,
    }
}

fn bind(config: &Config, choices: &Choices, facts: &Facts, errors: &mut Vec<PlanError>) -> Address {
    if let Some(address) = &choices.address {
        return address.clone();
    }
    let variables = ["DEVSERVER_BIND".to_owned()].into_iter().chain(config.bind.variables.iter().cloned());
    for variable in variables {
        let Some(text) = facts.env.get(&variable).filter(|text| !text.is_empty()) else { continue };
        match Address::parse(text) {
            Ok(address) => return address,
            Err(error) => errors.push(PlanError::usage(PlanProblem::Address { variable, error })),
        }
    }
    Address { host: config.bind.host.clone(), port: config.bind.port }
}

/// A plan in the making.
struct Draft<'a> {
    scopes: &'a Scopes<'a>,
    facts: &'a Facts,
    root: &'a Path,
    ports: &'a IndexMap<String, u16>,
    processes: Vec<ProcessSpec>,
    absent: Vec<Absent>,
    files: Vec<RenderedFile>,
    checks: Vec<Check>,
    notices: Vec<String>,
    errors: Vec<PlanError>,
}

impl<'a> Draft<'a> {
    fn new(scopes: &'a Scopes<'a>, facts: &'a Facts, root: &'a Path, ports: &'a IndexMap<String, u16>) -> Self {
        Self {
            scopes,
            facts,
            root,
            ports,
            processes: Vec::new(),
            absent: Vec::new(),
            files: Vec::new(),
            checks: Vec::new(),
            notices: Vec::new(),
            errors: Vec::new(),
        }
    }

    fn silos(&mut self) {
        let config = self.scopes.config;
        for (index, (name, silo)) in self.selected().into_iter().enumerate() {
            let mut scope = self.scopes.for_silo(name, silo, self.ports, &mut self.errors);
            scope.set("render", self.render_paths(&scope));
            if index == 0 {
                self.renders(&scope);
                // What all silos share is worked out as the first of them sees it.
                self.services(name, silo, &scope, |service| service.shared);
            }
            self.services(name, silo, &scope, |service| !service.shared);
            self.checks_of(name, silo, &scope);
            for notice in config.notices.iter().filter(|notice| silo.is_among(&notice.silos)) {
                if self.holds(notice.when.as_ref(), &scope, "`when` of a notice") {
                    let text = self.fill(&notice.text, &scope, "text of a notice");
                    self.notices.extend(text);
                }
            }
        }
    }

    fn selected(&self) -> Vec<(&'a SiloName, &'a Silo)> {
        let config = self.scopes.config;
        config.silos.iter().filter(|(name, _)| self.scopes.selected.contains(name)).collect()
    }

    fn services(&mut self, silo_name: &SiloName, silo: &Silo, scope: &Scope, which: impl Fn(&Service) -> bool) {
        let config = self.scopes.config;
        for (name, service) in config.services.iter().filter(|(_, service)| which(service)) {
            let engine = &self.scopes.engine;
            match select::absence(config, engine, service, silo, scope) {
                Err((when, error)) => {
                    let what = format!("`when` of service `{name}` in {silo_name}");
                    self.errors.push(PlanError::evaluate(&self.scopes.config.sources, &when.origin, what, error));
                }
                Ok(Some(reason)) => {
                    let silo = (!service.shared).then(|| silo_name.clone());
                    self.absent.push(Absent { silo, service: name.clone(), reason });
                }
                Ok(None) => self.processes_of(name, service, silo_name, silo, scope),
            }
        }
    }

    fn processes_of(
        &mut self,
        name: &ServiceName,
        service: &Service,
        silo_name: &SiloName,
        silo: &Silo,
        scope: &Scope,
    ) {
        let recipe = Recipe {
            config: self.scopes.config,
            scopes: self.scopes,
            facts: self.facts,
            root: self.root,
            silo_name,
            silo,
            name,
            service,
        };
        let items = select::items(service, scope);
        let each: Vec<Option<&serde_json::Value>> = match service.each {
            Some(_) => items.iter().map(Some).collect(),
            None => vec![None],
        };
        for item in each {
            let Some(process) = recipe.process(scope, item, &mut self.errors) else { continue };
            if self.processes.iter().any(|other| other.name == process.name) {
                let problem = PlanProblem::SameName { name: process.name };
                self.errors.push(PlanError::at(&service.origin, problem));
            } else {
                self.processes.push(process);
            }
        }
    }

    fn render_paths(&mut self, scope: &Scope) -> serde_json::Value {
        let mut paths = serde_json::Map::new();
        for (name, render) in &self.scopes.config.renders {
            let path = match &render.path {
                Some(path) => self.fill(path, scope, &format!("render.{name}.path")).map(PathBuf::from),
                None => {
                    Path::new(&render.template.name).file_name().map(|file| Path::new(".devserver/render").join(file))
                }
            };
            if let Some(path) = path {
                paths.insert(name.clone(), self.root.join(path).display().to_string().into());
            }
        }
        paths.into()
    }

    fn renders(&mut self, scope: &Scope) {
        let config = self.scopes.config;
        for (name, render) in &config.renders {
            if !self.holds(render.when.as_ref(), scope, &format!("`when` of render `{name}`")) {
                continue;
            }
            let file = &render.template.name;
            let built_in = config.preset.as_deref().and_then(preset).and_then(|preset| preset.template(file));
            let Some(text) = self.facts.templates.get(file).cloned().or_else(|| built_in.map(str::to_owned)) else {
                let problem = PlanProblem::MissingTemplate { name: name.clone(), path: file.clone() };
                self.errors.push(PlanError::at(&render.template.origin, problem));
                continue;
            };
            let template = Template { text, origin: render.template.origin.clone() };
            let Some(text) = self.fill(&template, scope, &format!("template {file}")) else { continue };
            let path = scope.get("render").and_then(|paths| paths.get(name)?.as_str()).unwrap_or_default();
            self.files.push(RenderedFile { name: name.clone(), path: path.into(), text });
        }
    }

    fn checks_of(&mut self, silo_name: &SiloName, silo: &Silo, scope: &Scope) {
        let config = self.scopes.config;
        for check in config.checks.iter().filter(|check| silo.is_among(&check.silos)) {
            if !self.holds(check.when.as_ref(), scope, "`when` of a check") {
                continue;
            }
            let mut tests = Vec::new();
            if let Some(tcp) = &check.tcp {
                tests.extend(self.fill(tcp, scope, "tcp of a check").map(CheckTest::Tcp));
            }
            if let Some(command) = &check.command {
                let words = match command {
                    Command::Words(words) => {
                        words.iter().map(|word| self.fill(word, scope, "command of a check")).collect()
                    }
                    Command::Line(line) => self.fill(line, scope, "command of a check").map(|line| split(&line)),
                };
                tests.extend(words.map(CheckTest::Command));
            }
            if let Some(exists) = &check.exists {
                let path = self.fill(exists, scope, "exists of a check");
                tests.extend(path.map(|path| CheckTest::Exists(self.root.join(path))));
            }
            if tests.is_empty() && check.tcp.is_none() && check.command.is_none() && check.exists.is_none() {
                tests.push(CheckTest::Refused);
            }
            let message = self.fill(&check.message, scope, "message of a check").unwrap_or_default();
            let hint = check.hint.as_ref().and_then(|hint| self.fill(hint, scope, "hint of a check"));
            for test in tests {
                let same = |other: &Check| other.test == test && other.message == message;
                if !self.checks.iter().any(same) {
                    let silo = Some(silo_name.clone());
                    self.checks.push(Check { silo, test, message: message.clone(), hint: hint.clone() });
                }
            }
        }
    }

    fn holds(&mut self, when: Option<&crate::config::Expr>, scope: &Scope, what: &str) -> bool {
        let Some(when) = when else { return true };
        self.scopes.engine.holds(when, scope).unwrap_or_else(|error| {
            self.errors.push(PlanError::evaluate(&self.scopes.config.sources, &when.origin, what, error));
            false
        })
    }

    fn fill(&mut self, template: &Template, scope: &Scope, what: &str) -> Option<String> {
        let filled = self.scopes.engine.fill(template, scope);
        filled
            .map_err(|error| {
                self.errors.push(PlanError::evaluate(&self.scopes.config.sources, &template.origin, what, error));
            })
            .ok()
    }

    fn finish(mut self, exit_code_from: Option<&str>, ports: &IndexMap<String, u16>) -> Result<Plan, PlanErrors> {
        let config = self.scopes.config;
        let mut processes = std::mem::take(&mut self.processes);
        if let Some(name) = exit_code_from {
            let problem = select::end_with(name, &mut processes, &self.absent);
            self.errors.extend(problem.map(PlanError::usage));
        }
        graph::connect(config, &mut processes);
        let processes = graph::order(processes).unwrap_or_else(|(first, problem)| {
            let edges = config.services.get(&first).map(|service| service.depends_on.as_slice());
            let at = edges.and_then(|edges| edges.first()).map(|(target, _)| target.origin.clone());
            self.errors.push(PlanError { problem, at, also: Vec::new() });
            Vec::new()
        });
        for (first, second, problem) in ports::clashes(&processes) {
            let place = |spec: &ProcessSpec| Some(&config.services.get(&spec.service)?.port.as_ref()?.origin);
            let error = PlanError { problem, at: place(second).cloned(), also: Vec::new() };
            self.errors.push(match place(first).filter(|_| first.service != second.service) {
                Some(at) => error.and(at, "the other one"),
                None => error,
            });
        }
        if !self.errors.is_empty() {
            return Err(PlanErrors::new(&config.sources, self.errors));
        }
        let peers = self.peers();
        self.elsewhere(&peers);
        let mut notices: Vec<String> = Vec::new();
        for notice in self.notices {
            if !notices.contains(&notice) {
                notices.push(notice);
            }
        }
        let silos = config.silos.iter().map(|(name, silo)| {
            let port = port_of(name, ports);
            let at_port = processes.iter().find(|process| process.silo.as_ref() == Some(name) && process.port == port);
            PlannedSilo {
                name: name.clone(),
                kind: silo.kind.clone(),
                port,
                url: at_port.and_then(|process| process.url.clone()),
                selected: self.scopes.selected.contains(name),
            }
        });
        let moved_by = port_flags(self.scopes);
        Ok(Plan {
            project: self.scopes.project.clone(),
            root: self.root.to_path_buf(),
            address: self.scopes.bind.to_string(),
            port_flags: moved_by,
            silos: silos.collect(),
            ports: ports.clone(),
            absent: self.absent,
            files: self.files,
            checks: self.checks,
            notices,
            peers,
            processes,
        })
    }

    /// The silos that this run talks to but doesn't start. A silo that runs alone talks to none.
    fn peers(&self) -> Vec<Peer> {
        let config = self.scopes.config;
        let bind = &self.scopes.bind;
        let usual = (bind.host.as_str(), bind.port) == (config.bind.host.as_str(), config.bind.port);
        let address = if usual { String::new() } else { format!("{bind} ") };
        let flags: String = port_flags(self.scopes).iter().map(|flag| format!("{flag} ")).collect();
        let alone = self.selected().iter().any(|(_, silo)| silo.exclusive);
        let host = match self.scopes.bind.host.as_str() {
            "0.0.0.0" | "::" => "127.0.0.1".to_owned(),
            host => host.to_owned(),
        };
        let others = config
            .silos
            .iter()
            .filter(|(name, silo)| !alone && !silo.exclusive && silo.autostart && !self.scopes.selected.contains(name));
        others
            .filter_map(|(name, _)| {
                let port = port_of(name, self.ports)?;
                let start = format!("devserver {address}{flags}--silo={name}");
                Some(Peer { silo: name.clone(), host: host.clone(), port, start })
            })
            .collect()
    }

    /// A live stack of this checkout that has a silo where this run doesn't look for it.
    fn elsewhere(&mut self, peers: &[Peer]) {
        for stack in &self.facts.live {
            for (silo, port) in &stack.silos {
                let Some(peer) = peers.iter().find(|peer| peer.silo.as_str() == silo && peer.port != *port) else {
                    continue;
                };
                let bind = self.scopes.bind.to_string();
                let add = match stack.address != bind {
                    true => [&[stack.address.clone()][..], &stack.port_flags].concat(),
                    false => stack.port_flags.clone(),
                };
                let fix = match add.as_slice() {
                    [] => "start both with the same flags".to_owned(),
                    add => format!("add {} here", add.join(" ")),
                };
                let pid = stack.pid;
                let text = format!(
                    "{silo} is up on port {port} (pid {pid}), and this run looks for it on {}; {fix}",
                    peer.port
                );
                self.notices.push(text);
            }
        }
    }
}

/// The flags that were given and on which a port depends, as one writes them.
fn port_flags(scopes: &Scopes<'_>) -> Vec<String> {
    let names = |expr: &crate::config::Expr| scopes.engine.names_in_expression(&expr.text).unwrap_or_default();
    let used: Vec<String> = scopes.config.ports.values().flat_map(names).collect();
    let moves = |name: &str| used.iter().any(|used| used == &format!("flag.{}", identifier(name)));
    scopes.flags.written().into_iter().filter(|(name, _)| moves(name.as_str())).map(|(_, written)| written).collect()
}

/// The path without `.` and `..`, as far as that can be told without looking.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}
