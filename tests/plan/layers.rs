//! Layers: preset, file, local file, variables, arguments; how they merge, and who is named for what.

use devserver::plan::Plan;

use crate::support::{Devserver, Planned};

/// A project's file over the preset.
pub(super) const MINE: &str = r#"preset = "sentry"

[project]
name = "mine"

[ports]
region = "bind.port + 30"

[setting]
use_relay = true
kafka = "127.0.0.1:19092"

[service.worker]
when = "flag.workers and flag.celery_beat"

[service.mail]
command = ["mailer", "--to", "nobody"]
depends_on = { "control.server" = "started" }

[[env]]
set = { MAIL = "off", SENTRY_ENVIRONMENT = "mine" }

[[list.consumers]]
when = "flag.workers"
items = ["mine"]

[silo.region]
vars = { zone = "b" }
"#;

const LOCAL: &str = "[setting]\nkafka = \"127.0.0.1:29092\"\n\n[service.mail]\ncommand = \"mailer | tee mails\"\n";

fn mine() -> Planned {
    Planned::of(MINE).layer("devserver.local.toml", LOCAL)
}

#[track_caller]
fn process<'p>(plan: &'p Plan, name: &str) -> &'p devserver::plan::ProcessSpec {
    plan.processes.iter().find(|process| process.name.as_str() == name).expect("it is in the plan")
}

#[test]
fn tables_merge_and_everything_else_is_replaced() {
    let config = mine().config();
    let kafka = config.settings.get("kafka").expect("the preset has it");
    assert_eq!(kafka.value, "127.0.0.1:29092");
    assert_eq!(kafka.help.as_deref(), Some("where Kafka listens"), "the preset's help stays");
    let generation = config.settings.get("generation").expect("the preset has it");
    assert_eq!((generation.value.as_str(), generation.choices.len()), (Some("late-2023"), 2));

    let plan = mine().args(["--silo=region", "--workers", "--celery-beat"]).plan();
    assert_eq!(plan.project, "mine");
    assert_eq!((plan.ports.get("region"), plan.ports.get("control")), (Some(&8030), Some(&8001)));
    let worker = process(&plan, "region.worker");
    assert_eq!(worker.command.join(" "), "sentry run worker -c 1 --autoreload", "only its `when` is ours");
    let mail = process(&plan, "region.mail");
    assert_eq!(mail.command, ["/bin/sh", "-c", "mailer | tee mails"], "a list is replaced by a text, not joined");
    let without_beat = mine().args(["--silo=region", "--workers"]).plan();
    assert!(without_beat.processes.iter().all(|process| process.name.as_str() != "region.worker"));
}

#[test]
fn blocks_add_up_and_a_later_one_wins() {
    let plan = mine().args(["--workers"]).plan();
    let server = process(&plan, "server");
    let origin = |name: &str| server.env.get(name).map(|value| (value.value.as_str(), value.origin.as_str()));
    assert_eq!(origin("SENTRY_ENVIRONMENT"), Some(("mine", "devserver.toml:21")));
    assert_eq!(origin("MAIL"), Some(("off", "devserver.toml:21")));
    assert_eq!(origin("SENTRY_RUNNING_UWSGI").map(|(value, _)| value), Some("1"), "the preset's blocks are there too");
    assert!(plan.processes.iter().any(|process| process.name.as_str() == "mine"), "a part of a list is added");
}

#[test]
fn of_two_defaults_the_later_wins_and_what_is_exported_beats_both() {
    let toml = "preset = \"sentry\"\n[[env]]\ndefault = { UWSGI_THREADS = \"9\" }\n";
    let threads = |planned: Planned| {
        let plan = planned.plan();
        process(&plan, "server").env.get("UWSGI_THREADS").map(|value| value.value.clone())
    };
    assert_eq!(threads(Planned::of(toml)), Some("9".into()));
    assert_eq!(threads(Planned::of(toml).env("UWSGI_THREADS", "3")), None, "it is inherited as it is");
    let unset = format!("{toml}[[env]]\nunset = [\"UWSGI_THREADS\"]\n");
    assert_eq!(threads(Planned::of(&unset)), None);
    let anew = format!("{unset}[[env]]\ndefault = {{ UWSGI_THREADS = \"1\" }}\n");
    assert_eq!(threads(Planned::of(&anew).env("UWSGI_THREADS", "3")), Some("1".into()), "what was taken away is gone");
}

#[test]
fn a_variable_beats_the_files_and_an_argument_beats_the_variable() {
    let of =
        |args: &str| Devserver::of(MINE).file("devserver.local.toml", LOCAL).args("config show --origin").args(args);
    let line = |devserver: Devserver| {
        let said = devserver.run();
        assert_eq!((said.code, said.stderr.as_str()), (0, ""));
        let (_, rest) = said.stdout.split_once("[setting.kafka]\n").expect("the setting is shown");
        rest.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(line(of("")), "default = \"127.0.0.1:29092\"  # devserver.local.toml:2");
    assert_eq!(line(of("").env("DEVSERVER_SET_KAFKA", "h:1")), "default = \"h:1\"  # DEVSERVER_SET_KAFKA=h:1");
    assert_eq!(line(of("--set kafka=h:2").env("DEVSERVER_SET_KAFKA", "h:1")), "default = \"h:2\"  # --set kafka=h:2");
    assert_eq!(
        line(of("--set kafka=h:2 --set kafka=h:3")),
        "default = \"h:3\"  # --set kafka=h:3",
        "of several the last one counts"
    );
}

#[test]
fn what_is_set_from_outside_is_read_as_its_default_is() {
    let toml = "[setting]\nswitch = false\nnumber = 3\nratio = 0.5\nwords = [\"a\"]\nnumbers = [1]\nnothing = []\ntext = \"\"\n";
    let args = "--set switch=on --set number=-4 --set ratio=2 --set words=x,,y --set numbers=1,2 --set nothing= --set text=a=b";
    let config = Planned::of(toml).args(args.split_whitespace()).config();
    let values: Vec<String> = config.settings.values().map(|setting| setting.value.to_string()).collect();
    assert_eq!(values, ["true", "-4", "2.0", "[\"x\",\"y\"]", "[1,2]", "[]", "\"a=b\""]);
}

#[test]
fn every_value_is_shown_with_its_layer() {
    let toml = "[project]\nname = \"shop\"\n\n[service.web]\ncommand = [\"serve\", \"it's\"]\nready = { tcp = \"h:1\" }\n\n\
                [[env]]\nset = { A = \"1\" }\npath = [\"bin\"]\n\n[flag.empty]\n";
    let local = "[service.web]\npty = false\ndepends_on = { \"monolith.web\" = \"started\" }\n\n[[env]]\nset = { A = \"\\\"2\\\"\" }\n";
    Devserver::of(toml).file("devserver.local.toml", local).args("config show --origin").prints(
        r#"[project]
name = "shop"  # devserver.toml:2

[service.web]
command = ["serve", "it's"]  # devserver.toml:5
pty = false  # devserver.local.toml:2

[service.web.ready]
tcp = "h:1"  # devserver.toml:6

[service.web.depends_on]
"monolith.web" = "started"  # devserver.local.toml:3

[[env]]
path = ["bin"]  # devserver.toml:10

[env.set]
A = "1"  # devserver.toml:9

[[env]]

[env.set]
A = '"2"'  # devserver.local.toml:6

[flag.empty]
"#,
    );
}

#[test]
fn what_is_shown_is_a_configuration_that_means_the_same() {
    let shown = Devserver::of(MINE).file("devserver.local.toml", LOCAL).args("config show").run();
    // The preset is in it, line by line; named again it would add its blocks twice.
    let alone = shown.stdout.replace("preset = \"sentry\"\n", "");
    let args = ["--silo=control,region", "--workers", "--celery-beat", "--ingest"];
    let (mut first, mut second) = (mine().args(args).plan(), Planned::of(&alone).args(args).plan());
    for plan in [&mut first, &mut second] {
        for process in &mut plan.processes {
            // Who set what is told by other names and lines.
            std::sync::Arc::make_mut(process).env.values_mut().for_each(|value| value.origin.clear());
        }
    }
    assert_eq!(first, second);
}

#[test]
fn the_same_arguments_give_the_same_plan() {
    let planned = || mine().args(["--silo=control,region", "--ingest"]).env("NODE_OPTIONS", "-x").env("PATH", "/bin");
    assert_eq!(planned().plan(), planned().plan());
}

#[test]
fn a_value_with_a_line_end_keeps_it() {
    let toml = "[service.web]\ncommand = [\"web\"]\nenv = { KEY = \"{{ project.name }}\\n\", PLAIN = \"a\\n\\n\" }\n";
    let plan = Planned::of(toml).plan();
    let env = &plan.processes[0].env;
    assert!(env["KEY"].value.ends_with('\n'), "{:?}", env["KEY"].value);
    assert_eq!(env["PLAIN"].value, "a\n\n");
}
