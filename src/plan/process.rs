//! One service in one silo, for one item: everything about the process, filled in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value as Json;

use crate::config::{Command, Config, Scope, Service, Silo, Template};
use crate::model::{ProcessName, RestartPolicy, ServiceName, SiloName, StopCommand, StopLadder};

use super::environ::For;
use super::error::{PlanError, PlanProblem};
use super::facts::Facts;
use super::ports::{in_range, out_of_range};
use super::scope::Scopes;
use super::select::item_name;
use super::spec::{Oneshot, Probe, ProcessSpec, Readiness};

/// How long a service with probes may take to be ready, where nobody says otherwise.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
const READY_INTERVAL: Duration = Duration::from_millis(200);
/// Once it is ready: many servers log each request, and nobody wants to read of ours all the time.
const HEALTH_INTERVAL: Duration = Duration::from_secs(10);
const LIVENESS_FAILURES: u32 = 3;

/// What a process is made from.
pub(super) struct Recipe<'a> {
    pub(super) config: &'a Config,
    pub(super) scopes: &'a Scopes<'a>,
    pub(super) facts: &'a Facts,
    pub(super) root: &'a Path,
    pub(super) silo_name: &'a SiloName,
    pub(super) silo: &'a Silo,
    pub(super) name: &'a ServiceName,
    pub(super) service: &'a Service,
}

impl Recipe<'_> {
    /// The process, or nothing and the reasons in `errors`.
    pub(super) fn process(
        &self,
        scope: &Scope,
        item: Option<&Json>,
        errors: &mut Vec<PlanError>,
    ) -> Option<ProcessSpec> {
        let prefix = if self.service.shared { "" } else { self.silo.prefix.as_str() };
        let name = match item {
            None => self.name.as_str(),
            Some(item) => item_name(item).or_else(|| {
                let problem = PlanProblem::BadItem { service: self.name.to_string() };
                errors.push(PlanError::at(&self.service.origin, problem));
                None
            })?,
        };
        let name = ProcessName::join(prefix, name)
            .map_err(|error| {
                errors.push(PlanError::at(
                    &self.service.origin,
                    PlanProblem::BadName { service: self.name.to_string(), why: error.to_string() },
                ));
            })
            .ok()?;
        let mut scope = scope.clone();
        if let Some(item) = item {
            scope.set("each", item.clone());
        }
        Filling { recipe: self, process: name, scope: &scope, errors }.process(item)
    }
}

struct Filling<'a> {
    recipe: &'a Recipe<'a>,
    process: ProcessName,
    scope: &'a Scope,
    errors: &'a mut Vec<PlanError>,
}

impl Filling<'_> {
    fn process(mut self, item: Option<&Json>) -> Option<ProcessSpec> {
        let (recipe, service) = (self.recipe, self.recipe.service);
        let command = self.command("command", &service.command);
        let cwd = match &service.cwd {
            Some(cwd) => self.fill("cwd", cwd).map(|cwd| recipe.root.join(cwd)),
            None => Some(recipe.root.to_path_buf()),
        };
        let environ = For {
            engine: &recipe.scopes.engine,
            sources: &recipe.config.sources,
            facts: recipe.facts,
            root: recipe.root,
            process: &self.process,
            service: recipe.name,
            silo: recipe.silo,
            scope: self.scope,
        }
        .environ(&recipe.config.env, service, self.errors);
        let port = self.port();
        let ready = self.readiness();
        let url = match &service.url {
            Some(url) => self.fill("url", url),
            None => ready.probes.iter().find_map(base_url),
        };
        let stop = StopLadder {
            command: service.stop.command.as_ref().and_then(|(command, timeout)| {
                Some(StopCommand { command: self.command("stop.command", command)?, timeout: *timeout })
            }),
            rungs: service.stop.rungs.clone(),
        };
        let oneshot = service.oneshot.then(|| Oneshot {
            stale: true,
            creates: self.paths("creates", &service.creates),
            inputs: self.texts("inputs", &service.inputs),
            variables: service.input_variables.clone(),
            digest: None,
        });
        Some(ProcessSpec {
            silo: (!service.shared).then(|| recipe.silo_name.clone()),
            service: recipe.name.clone(),
            item: item.and_then(item_name).map(str::to_owned),
            oneshot,
            // Not before here: everything that is wrong is found first.
            command: command?,
            cwd: cwd?,
            env: environ.set,
            env_removed: environ.removed,
            port,
            url,
            depends_on: Vec::new(),
            ready,
            stop,
            restart: RestartPolicy {
                when: service.restart,
                min: service.backoff.min,
                max: service.backoff.max,
                reset_after: service.backoff.reset_after,
                give_up_after: service.backoff.give_up_after,
            },
            pty: service.pty,
            exit_on_end: service.exit_on_end,
            name: self.process,
        })
    }

    fn command(&mut self, key: &str, command: &Command) -> Option<Vec<String>> {
        let words = match command {
            Command::Words(words) => {
                // All of them before the first that is missing counts, so that each is told.
                let filled: Vec<Option<String>> = words.iter().map(|word| self.fill(key, word)).collect();
                filled.into_iter().collect::<Option<Vec<_>>>()?
            }
            Command::Line(line) => split(&self.fill(key, line)?),
        };
        if words.first().is_none_or(|program| program.trim().is_empty()) {
            let problem = PlanProblem::EmptyCommand { process: self.process.clone() };
            self.errors.push(PlanError::at(&self.recipe.service.origin, problem));
            return None;
        }
        Some(words)
    }

    fn port(&mut self) -> Option<u16> {
        let expr = self.recipe.service.port.as_ref()?;
        match self.recipe.scopes.engine.number(expr, self.scope) {
            Ok(number) => in_range(number).or_else(|| {
                let problem = out_of_range(format!("the port of {}", self.process), number, self.recipe.scopes);
                self.errors.push(PlanError::at(&expr.origin, problem));
                None
            }),
            Err(error) => {
                let what = format!("port of {}", self.process);
                self.errors.push(PlanError::evaluate(&self.recipe.config.sources, &expr.origin, what, error));
                None
            }
        }
    }

    fn readiness(&mut self) -> Readiness {
        let ready = &self.recipe.service.ready;
        let mut probes = Vec::new();
        if let Some(tcp) = &ready.tcp {
            probes.extend(self.target("ready.tcp", tcp, |text| {
                let (host, port) = host_and_port(text, None)?;
                Some(Probe::Tcp { host, port })
            }));
        }
        if let Some(http) = &ready.http {
            let status = ready.status;
            probes.extend(self.target("ready.http", http, |text| http_probe(text, status)));
        }
        if let Some(exec) = &ready.exec {
            probes.extend(self.command("ready.exec", exec).map(|command| Probe::Exec { command }));
        }
        probes.extend(ready.log.clone().map(|pattern| Probe::Log { pattern }));
        probes.extend(ready.notify.then_some(Probe::Notify));
        probes.extend(ready.delay.map(|delay| Probe::Delay { delay }));
        if ready.status.is_some() && ready.http.is_none() {
            let problem = PlanProblem::BadProbe {
                process: self.process.clone(),
                why: "ready.status is given, but no ready.http that could answer with it".to_owned(),
                hint: "give it ready.http, or leave ready.status out".to_owned(),
            };
            self.errors.push(PlanError::at(&self.recipe.service.origin, problem));
        }
        if ready.liveness && !probes.iter().any(Probe::repeats) {
            let problem = PlanProblem::BadProbe {
                process: self.process.clone(),
                why: "ready.liveness is true, but no probe of it can be asked again".to_owned(),
                hint: "give it ready.tcp, ready.http or ready.exec, or leave ready.liveness out".to_owned(),
            };
            self.errors.push(PlanError::at(&self.recipe.service.origin, problem));
        }
        Readiness {
            health_interval: ready.health_interval.unwrap_or(HEALTH_INTERVAL).max(Duration::from_millis(10)),
            liveness: ready.liveness.then_some(ready.failures.unwrap_or(LIVENESS_FAILURES)),
            timeout: ready.timeout.or((!probes.is_empty()).then_some(READY_TIMEOUT)),
            interval: ready.interval.unwrap_or(READY_INTERVAL).max(Duration::from_millis(10)),
            owner: ready.owner,
            probes,
        }
    }

    fn target(&mut self, key: &str, template: &Template, read: impl Fn(&str) -> Option<Probe>) -> Option<Probe> {
        let text = self.fill(key, template)?;
        let probe = read(&text);
        if probe.is_none() {
            let form = if key.ends_with("http") { "http://HOST:PORT/PATH" } else { "HOST:PORT" };
            let problem = PlanProblem::BadProbe {
                process: self.process.clone(),
                why: format!("{key} is `{text}`, which isn't {form}"),
                hint: format!("write it as {form}, with a port from 1 to 65535"),
            };
            self.errors.push(PlanError::at(&template.origin, problem));
        }
        probe
    }

    fn fill(&mut self, key: &str, template: &Template) -> Option<String> {
        let filled = self.recipe.scopes.engine.fill(template, self.scope);
        filled
            .map_err(|error| {
                let what = format!("{key} of {}", self.process);
                self.errors.push(PlanError::evaluate(&self.recipe.config.sources, &template.origin, what, error));
            })
            .ok()
    }

    fn texts(&mut self, key: &str, templates: &[Template]) -> Vec<String> {
        templates.iter().filter_map(|template| self.fill(key, template)).collect()
    }

    fn paths(&mut self, key: &str, templates: &[Template]) -> Vec<PathBuf> {
        self.texts(key, templates).into_iter().map(|path| self.recipe.root.join(path)).collect()
    }
}

/// A shell line: exec'ed as it is when it is a plain one, so that the pid is the program's; else by a shell.
pub(super) fn split(line: &str) -> Vec<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " \t_-./:=@,+%".contains(c);
    let words: Vec<&str> = line.split_whitespace().collect();
    // `NAME=value program` sets a variable, which only a shell does.
    let assigns = words.first().is_some_and(|word| word.contains('='));
    match line.chars().all(is_plain) && !assigns {
        true => words.into_iter().map(str::to_owned).collect(),
        false => vec!["/bin/sh".into(), "-c".into(), replacing_the_shell(line)],
    }
}

/// The line with `exec` before its program, where there is just one: the shell would otherwise stay as its parent, and
/// be in the way of signals. As it is where it has more than one command, or one that is the shell's own.
fn replacing_the_shell(line: &str) -> String {
    const OWN: [&str; 27] = [
        "!", ".", ":", "[[", "alias", "case", "cd", "command", "eval", "exec", "exit", "export", "for", "if", "local",
        "read", "readonly", "return", "set", "shift", "source", "trap", "ulimit", "umask", "unset", "until", "while",
    ];
    let is_name = |name: &str| {
        !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let mut rest = line.trim_start();
    let mut word = rest.split_whitespace().next().unwrap_or_default();
    // `NAME=value` before it; a value with quotes may have blanks.
    while word.split_once('=').is_some_and(|(name, value)| is_name(name) && !value.contains(['\'', '"', '\\', '$'])) {
        rest = rest[word.len()..].trim_start();
        word = rest.split_whitespace().next().unwrap_or_default();
    }
    let one = !line.contains(['|', ';', '&', '(', ')', '{', '}', '`', '\n', '#']);
    let program = word.starts_with(|c: char| c.is_ascii_alphanumeric() || "./~_".contains(c)) && !word.contains('=');
    if !one || !program || OWN.contains(&word) {
        return line.to_owned();
    }
    format!("{}exec {rest}", &line[..line.len() - rest.len()])
}

/// `HOST:PORT`, IPv6 in brackets; the port may be left out where there is a usual one.
pub(super) fn host_and_port(text: &str, usual: Option<u16>) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':'))
        }
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
        None => usual?,
    };
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

fn http_probe(url: &str, status: Option<u16>) -> Option<Probe> {
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, "/"),
    };
    let (host, port) = host_and_port(authority, Some(80))?;
    Some(Probe::Http { url: url.to_owned(), host, port, path: path.to_owned(), status })
}

/// `http://127.0.0.1:8001` of a probe that asks `http://127.0.0.1:8001/_health/`.
fn base_url(probe: &Probe) -> Option<String> {
    match probe {
        Probe::Http { url, path, .. } => Some(url.strip_suffix(path.as_str()).unwrap_or(url).to_owned()),
        Probe::Tcp { .. } | Probe::Exec { .. } | Probe::Log { .. } | Probe::Notify | Probe::Delay { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_line_is_its_own_program_and_any_other_goes_to_a_shell() {
        assert_eq!(split("celery -A  acme worker"), ["celery", "-A", "acme", "worker"]);
        for line in ["a | b", "a; b", "cd $X", "FOO='a b' run", "$RUN", "(a b)", "! a", "A=1", "a & b"] {
            assert_eq!(split(line), ["/bin/sh", "-c", line]);
        }
    }

    #[test]
    fn a_shell_is_replaced_by_its_only_program() {
        for (line, said) in [
            ("echo $HOME", "exec echo $HOME"),
            ("FOO=1 BAR=2 run 'a b'", "FOO=1 BAR=2 exec run 'a b'"),
            ("./run *.py > log", "exec ./run *.py > log"),
        ] {
            assert_eq!(split(line), ["/bin/sh", "-c", said]);
        }
    }

    #[test]
    fn probes_name_a_host_and_a_port() {
        assert_eq!(host_and_port("127.0.0.1:80", None), Some(("127.0.0.1".into(), 80)));
        assert_eq!(host_and_port("[::1]:80", None), Some(("::1".into(), 80)));
        assert_eq!(host_and_port("[::1]", Some(80)), Some(("::1".into(), 80)));
        for bad in ["localhost", ":80", "h:0", "h:99999", "h:x"] {
            assert_eq!(host_and_port(bad, None), None, "{bad}");
        }
    }
}
