//! A plan by way of the library, as `devserver plan` makes it, with a machine that the test writes out.

use std::collections::BTreeMap;

use devserver::cli::args::{self, Invocation};
use devserver::config::{Assignment, Config, Layer, Texts, load};
use devserver::plan::{Facts, LiveStack, Plan, PlanErrors};

/// The folder of the configuration.
pub(crate) const FOLDER: &str = "/src/app";

/// A configuration, a command line and a machine.
#[derive(Default)]
pub(crate) struct Planned {
    layers: Vec<Layer>,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    uid: u32,
    live: Vec<LiveStack>,
}

/// The plan that `devserver plan ARGS` makes of a devserver.toml; panics where there is none.
#[track_caller]
pub(crate) fn plan(toml: &str, args: &str) -> Plan {
    Planned::of(toml).args(args.split_whitespace()).plan()
}

impl Planned {
    pub(crate) fn of(toml: &str) -> Self {
        Self::default().layer("devserver.toml", toml)
    }

    pub(crate) fn layer(mut self, name: &str, text: &str) -> Self {
        self.layers.push(Layer { name: name.into(), text: text.into() });
        self
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    pub(crate) fn uid(mut self, uid: u32) -> Self {
        self.uid = uid;
        self
    }

    pub(crate) fn live(mut self, stack: LiveStack) -> Self {
        self.live.push(stack);
        self
    }

    /// The configuration; panics with what is wrong with it.
    #[track_caller]
    pub(crate) fn config(&self) -> Config {
        let set = |(name, value): (String, String)| Assignment { name, value, given_by: "--set".into() };
        let assignments = args::early(&self.args).sets.into_iter().map(set).collect();
        load(&Texts { preset: None, layers: self.layers.clone(), assignments }).unwrap_or_else(|errors| {
            let all: Vec<String> = errors.errors.iter().map(|error| error.problem.to_string()).collect();
            panic!("the configuration is wrong: {all:#?}")
        })
    }

    /// The plan, or why there is none.
    #[track_caller]
    pub(crate) fn try_plan(&self) -> Result<Plan, PlanErrors> {
        let config = self.config();
        let words = ["plan".to_owned()].into_iter().chain(self.args.iter().cloned()).collect::<Vec<_>>();
        let choices = match args::parse(&words, &config) {
            Ok(Invocation::Plan(choices, _)) => choices,
            Ok(other) => panic!("{words:?} is read as {other:?}"),
            Err(failure) => panic!("{words:?} is refused:\n{}", failure.report.text(false)),
        };
        let facts = Facts {
            env: self.env.clone(),
            folder: FOLDER.into(),
            uid: self.uid,
            gid: self.uid,
            live: self.live.clone(),
            ..Facts::default()
        };
        devserver::plan::plan(&config, &choices, &facts)
    }

    #[track_caller]
    pub(crate) fn plan(&self) -> Plan {
        self.try_plan().unwrap_or_else(|errors| {
            let all: Vec<String> = errors.errors.iter().map(|error| error.problem.to_string()).collect();
            panic!("there is no plan for {:?}: {all:#?}", self.args)
        })
    }
}
