//! Launches of the real application's own launcher, and ours beside them.
//!
//! `golden.jsonl` holds what was captured: on its first line the environment that most launches have, then a
//! launch a line: `args`; the `settings` that were on; the `inherited` environment; what it `says`; `changed`, the
//! variables of all its children that differ from the first line (null for one that isn't there); `processes` with
//! their command and the variables that only they have. `becomes` says that the launcher replaced itself with the
//! web server, `refused` with which words or code it ended instead. `<root>` and `<node_modules>` are the checkout's.
//!
//! Ours must be the same but for the rows of `DIFFERENCES`. A row that explains nothing is an error too.

use std::collections::{BTreeMap, BTreeSet};

use devserver::plan::{CheckTest, Plan};
use serde::Deserialize;

use crate::support::{Devserver, FOLDER, Planned};

type Variables = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Base {
    base: Variables,
}

#[derive(Deserialize)]
struct Launch {
    case: u32,
    args: Vec<String>,
    #[serde(default)]
    settings: Vec<String>,
    #[serde(default)]
    inherited: Variables,
    #[serde(default)]
    says: Vec<String>,
    #[serde(default)]
    changed: BTreeMap<String, Option<String>>,
    #[serde(default)]
    processes: BTreeMap<String, Child>,
    becomes: Option<String>,
    refused: Option<String>,
}

#[derive(Deserialize)]
struct Child {
    command: String,
    #[serde(default)]
    env: Variables,
}

/// In what a launch differs from ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// What a process is called; `*` stands for every process of the launch.
    Name,
    /// A process that only they start.
    Process,
    /// A variable of a process of ours.
    Variable(&'static str, &'static str),
    /// They replace themselves with it; with us it is a process.
    Exec,
    /// They end with this code or message; we with this exit code and message.
    Refusal,
    /// They end with an error while planning; we plan, and this check keeps it from starting.
    Check,
}

struct Difference {
    cases: &'static [u32],
    what: What,
    golden: &'static str,
    ours: &'static str,
    reason: &'static str,
}

const REGIONS: &[u32] = &[61, 62, 65, 66, 67, 70, 72];
const CONTROLS: &[u32] = &[47, 51, 54, 55, 57, 58];
const NAMES_SAY_THE_SILO: &str = "both silos can run in one supervisor, so every name says which one it is of";
const INGEST_IS_ASKED_FOR: &str = "Relay and the consumers that it feeds need --ingest, as Sentry's own manual says";
const ONE_TABLE: &str = "exit codes are one table, and 2 is the command line's";
const KAFKA_IS_CHECKED: &str =
    "the planner asks no machine: Kafka is a check of the preflight, which starts nothing and exits with 4";

const DIFFERENCES: &[Difference] = &[
    Difference { cases: REGIONS, what: What::Name, golden: "*", ours: "region.*", reason: NAMES_SAY_THE_SILO },
    Difference {
        cases: CONTROLS,
        what: What::Name,
        golden: "webpack",
        ours: "control.webpack",
        reason: NAMES_SAY_THE_SILO,
    },
    without_ingest("relay"),
    without_ingest("ingest-attachments"),
    without_ingest("ingest-events"),
    without_ingest("ingest-monitors"),
    without_ingest("ingest-spans"),
    without_ingest("ingest-transactions"),
    Difference {
        cases: &[62],
        what: What::Variable("region.server", "SENTRY_CONTROL_SILO_PORT"),
        golden: "8001",
        ours: "8000",
        reason: "with --no-watchers control is at the first port, so that is where the region looks for it",
    },
    Difference {
        cases: &[22],
        what: What::Exec,
        golden: "sentry run web",
        ours: "server",
        reason: "nothing is ever run in place of the supervisor: Ctrl-C, restart and logs are the same for one process",
    },
    Difference {
        cases: &[33],
        what: What::Refusal,
        golden: "expected <host>:<port>, got 8000",
        ours: "2: ADDRESS: expected HOST:PORT, got `8000`",
        reason: ONE_TABLE,
    },
    Difference {
        cases: &[77],
        what: What::Refusal,
        golden: "2",
        ours: "2: there is no silo `bogus`",
        reason: ONE_TABLE,
    },
    Difference { cases: &[30, 73], what: What::Check, golden: "1", ours: "127.0.0.1:9092", reason: KAFKA_IS_CHECKED },
];

const fn without_ingest(golden: &'static str) -> Difference {
    Difference { cases: &[27], what: What::Process, golden, ours: "", reason: INGEST_IS_ASKED_FOR }
}

/// What they say, and what we say in its place: the meaning is kept, the wording is ours.
const SAYINGS: &[(&str, &str)] = &[
    (
        "WARNING: You had a client_hostname of `localhost` but are using silo modes. Switching to dev.getsentry.net as the client hostname",
        "dev.getsentry.net is the client hostname, since cookies can't span silos on localhost; --client-hostname=HOST sets another",
    ),
    (
        "WARNING: You have silo=region and webpack enabled. Disabling webpack.",
        "webpack is off: it runs with the control silo only (--no-watchers says the same)",
    ),
    ("--ingest was provided, implicitly enabling --workers", "--ingest was given, so --workers is on"),
    (
        "If you want to run periodic tasks from celery (celerybeat), you need to also pass --celery-beat.",
        "periodic tasks won't run; add --celery-beat to run them",
    ),
];

/// Which rows were needed for which case.
#[derive(Default)]
struct Used(BTreeSet<(usize, u32)>);

impl Used {
    fn find(&mut self, case: u32, what: What, golden: &str) -> Option<&'static Difference> {
        let fits = |row: &Difference| {
            row.what == what && row.cases.contains(&case) && (row.golden == golden || row.golden == "*")
        };
        let index = DIFFERENCES.iter().position(fits)?;
        self.0.insert((index, case));
        DIFFERENCES.get(index)
    }

    fn unused(&self) -> Vec<String> {
        let rows = DIFFERENCES.iter().enumerate();
        let all = rows.flat_map(|(index, row)| row.cases.iter().map(move |case| (index, *case, row)));
        all.filter(|(index, case, _)| !self.0.contains(&(*index, *case)))
            .map(|(_, case, row)| {
                format!("case {case}: a row explains a difference that isn't there: {:?} {}", row.what, row.golden)
            })
            .collect()
    }
}

fn cases() -> (Variables, Vec<Launch>) {
    let mut lines = include_str!("golden.jsonl").lines();
    let base: Base = serde_json::from_str(lines.next().expect("the first line is the common environment"))
        .expect("the first line is the common environment");
    (base.base, lines.map(|line| serde_json::from_str(line).expect("each further line is a launch")).collect())
}

fn asked(launch: &Launch) -> Planned {
    let sets = launch.settings.iter().map(|setting| format!("--set={setting}"));
    let planned = Planned::of("preset = \"sentry\"\n").args(sets).args(launch.args.clone());
    launch.inherited.iter().fold(planned, |planned, (name, value)| planned.env(name, value))
}

/// The processes of a launch by the names that ours have: command and environment of each.
fn expected(base: &Variables, launch: &Launch, used: &mut Used) -> BTreeMap<String, (String, Variables)> {
    let mut common = base.clone();
    for (name, value) in &launch.changed {
        match value {
            Some(value) => common.insert(name.clone(), value.clone()),
            None => common.remove(name),
        };
    }
    let mut processes = BTreeMap::new();
    if let Some(command) = &launch.becomes {
        let row = used.find(launch.case, What::Exec, command).expect("that it replaces itself is a row");
        processes.insert(row.ours.to_owned(), (command.clone(), common.clone()));
    }
    for (name, child) in &launch.processes {
        if used.find(launch.case, What::Process, name).is_some() {
            continue;
        }
        let ours = match used.find(launch.case, What::Name, name) {
            Some(row) => row.ours.replace('*', name),
            None => name.clone(),
        };
        let command = child.command.replace("<node_modules>", "node_modules").replace("<root>", FOLDER);
        let env = common.iter().chain(&child.env).map(|(name, value)| (name.clone(), value.clone()));
        processes.insert(ours, (command, env.collect()));
    }
    processes
}

fn compare(base: &Variables, launch: &Launch, plan: &Plan, used: &mut Used) -> Vec<String> {
    let case = launch.case;
    let mut found = Vec::new();
    let mut expected = expected(base, launch, used);
    for process in &plan.processes {
        let name = process.name.as_str();
        let Some((command, env)) = expected.remove(name) else {
            found.push(format!("case {case}: {name} is ours alone"));
            continue;
        };
        if process.command.join(" ") != command {
            found.push(format!("case {case}: {name} runs {:?}, not `{command}`", process.command));
        }
        if !process.cwd.starts_with(FOLDER) || process.cwd.components().count() != 3 {
            found.push(format!("case {case}: {name} runs in {}, not in the checkout", process.cwd.display()));
        }
        let names: BTreeSet<&String> = env.keys().chain(process.env.keys()).collect();
        for variable in names {
            let ours = process.env.get(variable).map(|value| value.value.as_str());
            let theirs = env.get(variable).map(String::as_str);
            let is_listed = DIFFERENCES.iter().enumerate().any(|(index, row)| {
                let fits = matches!(row.what, What::Variable(of, called) if of == name && called == variable)
                    && row.cases.contains(&case)
                    && (Some(row.golden), Some(row.ours)) == (theirs, ours);
                if fits {
                    used.0.insert((index, case));
                }
                fits
            });
            if ours != theirs && !is_listed {
                found.push(format!("case {case}: {name} has {variable} {ours:?}, and theirs is {theirs:?}"));
            }
        }
    }
    found.extend(expected.keys().map(|name| format!("case {case}: {name} is missing")));
    found
}

/// A launch that they refused, and what we do.
fn refused(launch: &Launch, words: &str, used: &mut Used) -> Vec<String> {
    let case = launch.case;
    if let Some(row) = used.find(case, What::Refusal, words) {
        let said = Devserver::of("preset = \"sentry\"\n").arg("plan").args(&launch.args.join(" ")).run();
        let first = said.stderr.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let ours = format!("{}: {first}", said.code);
        return if ours == row.ours { Vec::new() } else { vec![format!("case {case}: we say `{ours}`")] };
    }
    let Some(row) = used.find(case, What::Check, words) else {
        return vec![format!("case {case}: they refuse it with `{words}`")];
    };
    let plan = asked(launch).plan();
    let asks_kafka = |check: &&devserver::plan::Check| check.test == CheckTest::Tcp(row.ours.to_owned());
    let Some(check) = plan.checks.iter().find(asks_kafka) else {
        return vec![format!("case {case}: nothing checks {}", row.ours)];
    };
    let consumers: Vec<_> = plan.processes.iter().filter_map(|process| process.item.clone()).collect();
    let unnamed = consumers.iter().filter(|consumer| !check.message.contains(consumer.as_str()));
    let unnamed = unnamed.map(|consumer| format!("case {case}: the check doesn't name {consumer}"));
    unnamed.chain((consumers.len() != 8).then(|| format!("case {case}: {consumers:?} are the consumers"))).collect()
}

fn sayings(launch: &Launch, plan: &Plan) -> Vec<String> {
    let said = launch.says.iter().filter(|said| !said.starts_with("Error: "));
    said.filter_map(|said| {
        let ours = SAYINGS.iter().find(|(theirs, _)| theirs == said).map(|(_, ours)| *ours);
        let is_said = ours.is_some_and(|ours| plan.notices.iter().any(|notice| notice == ours));
        (!is_said).then(|| format!("case {}: they say `{said}`, and we only {:#?}", launch.case, plan.notices))
    })
    .collect()
}

#[test]
fn every_launch_of_the_original_has_the_same_processes_commands_and_environment_here() {
    let (base, launches) = cases();
    let mut used = Used::default();
    let mut found = Vec::new();
    for launch in &launches {
        match &launch.refused {
            Some(words) => found.extend(refused(launch, words, &mut used)),
            None => {
                let plan = asked(launch).plan();
                found.extend(compare(&base, launch, &plan, &mut used));
                found.extend(sayings(launch, &plan));
            }
        }
    }
    found.extend(used.unused());
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
    assert_eq!(launches.len(), 28, "each launch that was captured is walked");
}

#[test]
fn each_difference_from_the_original_has_a_reason() {
    for row in DIFFERENCES {
        assert!(row.reason.split_whitespace().count() > 5, "{:?} {} has no reason", row.what, row.golden);
    }
}

#[test]
fn the_binary_prints_the_plan_that_the_library_makes() {
    let (base, launches) = cases();
    let launch = launches.iter().find(|launch| launch.case == 51).expect("the seed's first command is case 51");
    let said = Devserver::of("preset = \"sentry\"\n").args("plan --json").args(&launch.args.join(" ")).run();
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let printed: serde_json::Value = serde_json::from_str(&said.stdout).expect("--json prints JSON");
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned).expect("it is text");
    let list = |value: &serde_json::Value| value.as_array().cloned().expect("it is a list");
    let mut processes = BTreeMap::new();
    for process in list(&printed["processes"]) {
        let words: Vec<String> = list(&process["command"]).iter().map(text).collect();
        let env = process["env"].as_object().expect("it is an object");
        let env: Variables = env.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        // Whoever runs this isn't who captured it: root gets neither.
        let env = env.into_iter().filter(|(name, _)| !matches!(name.as_str(), "UWSGI_UID" | "UWSGI_GID")).collect();
        processes.insert(text(&process["name"]), (words.join(" ").replace("<folder>", FOLDER), env));
    }
    assert_eq!(processes, expected(&base, launch, &mut Used::default()));
    assert_eq!(printed["errors"], serde_json::json!([]));
}
