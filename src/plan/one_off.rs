//! A command that is run once in the environment of a silo, as if it were a service of it.

use crate::config::{Command, Config, Service, Template};
use crate::model::ServiceName;

use super::choices::Choices;
use super::error::PlanErrors;
use super::facts::Facts;
use super::planner::plan;
use super::spec::ProcessSpec;

/// What the command would be in each silo of a run, in the order in which they are declared: its environment is what
/// every service of the silo has, with nothing that is for some services only. Empty where nothing is declared at all.
///
/// # Errors
/// With everything because of which its environment can't be worked out.
pub fn one_off(
    config: &Config,
    choices: &Choices,
    facts: &Facts,
    command: &[String],
) -> Result<Vec<ProcessSpec>, PlanErrors> {
    let Some(some) = config.services.values().next() else { return Ok(Vec::new()) };
    // No service of the project goes by that name, so that no block can mean it.
    let mut names = (0..).map(|n| if n == 0 { "run".to_owned() } else { format!("run-{n}") });
    let name = names.find_map(|name| ServiceName::new(&name).ok().filter(|name| !config.services.contains_key(name)));
    let Some(name) = name else { return Ok(Vec::new()) };
    let service = Service {
        help: None,
        // Put in the end: what one types isn't a template.
        command: Command::Words(vec![Template { text: "run".into(), origin: some.origin.clone() }]),
        silos: None,
        when: None,
        shared: false,
        each: None,
        cwd: None,
        env: Default::default(),
        port: None,
        url: None,
        depends_on: Vec::new(),
        ready: Default::default(),
        oneshot: false,
        creates: Vec::new(),
        inputs: Vec::new(),
        input_variables: Vec::new(),
        exit_on_end: false,
        ..some.clone()
    };
    let alone = Config {
        services: [(name, service)].into_iter().collect(),
        renders: config.renders.clone(),
        checks: Vec::new(),
        notices: Vec::new(),
        ..config.clone()
    };
    let choices = Choices { exit_code_from: None, ..choices.clone() };
    let plan = plan(&alone, &choices, facts)?;
    let specs = plan.processes.iter().map(|spec| ProcessSpec { command: command.to_vec(), ..(**spec).clone() });
    Ok(specs.collect())
}
