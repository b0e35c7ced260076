//! Other tools' files, in the style of each one's documentation: what they become is loaded, planned and compared
//! line by line; what could not be carried over is said.

use devserver::config::{Command, Engine, Layer, Scope, Template, Texts, load};
use devserver::import::{Kind, import};
use proptest::prelude::*;

use crate::support::Devserver;

/// What it becomes, and that the result plans without an error.
#[track_caller]
fn becomes(name: &str, file: &str, expected: &str, flags: &str) -> serde_json::Value {
    let folder = Devserver::new().file(name, file);
    let said = folder.args(&format!("import {name} --print")).run();
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(said.stdout, expected, "{name} has become\n{}", said.stdout);
    let lost = expected.lines().filter(|line| line.starts_with(&format!("#   {name}:"))).count();
    let told = said.stderr.lines().filter(|line| line.starts_with(&format!("  {name}:"))).count();
    assert_eq!(told, lost, "what is at the head of the file is told too\n{}", said.stderr);
    let plan = Devserver::of(expected).args(&format!("plan --json {flags}")).run();
    assert_eq!(plan.code, 0, "{}", plan.stdout);
    serde_json::from_str(&plan.stdout).expect("it is JSON")
}

fn names(plan: &serde_json::Value) -> Vec<&str> {
    let processes = plan["processes"].as_array().expect("a plan has processes");
    processes.iter().map(|process| process["name"].as_str().expect("each has a name")).collect()
}

#[test]
fn a_procfile_becomes_services_with_their_ports() {
    let plan = becomes("Procfile", include_str!("Procfile"), include_str!("Procfile.expected.toml"), "");
    assert_eq!(names(&plan), ["web", "worker", "assets-watch", "clock"]);
    assert_eq!(plan["ports"]["assets_watch"], 5200);
    assert_eq!(plan["processes"][0]["env"]["PORT"], "5000");
    let clock = plan["processes"][3]["command"].as_array().expect("it has a command");
    assert!(clock.iter().any(|word| word.as_str().is_some_and(|word| word.contains("{{ tick }}"))), "{clock:?}");
}

#[test]
fn a_process_compose_file_keeps_conditions_probes_and_policies() {
    let file = include_str!("process-compose.yaml");
    let plan = becomes("process-compose.yaml", file, include_str!("process-compose.yaml.expected.toml"), "--mail");
    assert_eq!(names(&plan), ["postgres", "migrate", "api", "worker-0", "worker-1", "mail", "tests"]);
    assert_eq!(plan["processes"][4]["env"]["PC_REPLICA_NUM"], "1");
}

#[test]
fn an_mprocs_file_keeps_stops_paths_and_what_is_not_started() {
    let plan = becomes("mprocs.yaml", include_str!("mprocs.yaml"), include_str!("mprocs.yaml.expected.toml"), "--docs");
    assert_eq!(names(&plan), ["api", "worker", "docs", "vim"]);
}

#[test]
fn a_pitchfork_file_keeps_readiness_and_retries() {
    let file = include_str!("pitchfork.toml");
    let plan = becomes("pitchfork.toml", file, include_str!("pitchfork.toml.expected.toml"), "--cleanup");
    assert_eq!(names(&plan), ["api", "worker", "cleanup"]);
}

#[test]
fn it_writes_devserver_toml_and_never_over_one() {
    let folder = Devserver::new().file("Procfile", "web: ./web\n").args("import Procfile");
    folder.prints("wrote devserver.toml\nnext: `devserver plan`, then `devserver`\n");
    folder.refuses(
        9,
        "error: there is a devserver.toml here already; it was left as it is\n  \
           help: edit it, or move it away first\n",
    );
}

#[test]
fn a_file_that_cannot_be_read_is_told_with_its_line_and_the_fix() {
    let mend = "  help: mend the file, or say with --as what it is\n";
    for (name, text, expected) in [
        ("mprocs.yaml", "procs:\n  a: [\n", "error: mprocs.yaml:3: ".to_owned()),
        ("mprocs.yaml", "procs: web\n", format!("error: mprocs.yaml:1: `procs` must be a table of processes\n{mend}")),
        (
            "process-compose.yml",
            "processes:\n  web: ./web\n",
            format!("error: process-compose.yml:2: `processes.web` must be a table of keys such as `command`\n{mend}"),
        ),
        ("Procfile", "# nothing\n", "error: Procfile: there is no process in it\n  help: is it the right file?\n".into()),
        (
            "Makefile",
            "all:\n",
            "error: `Makefile` isn't the name of a file that can be imported\n  help: a Procfile, process-compose.yaml, \
             mprocs.yaml and pitchfork.toml can be; --as=procfile (process-compose, mprocs, pitchfork) says what one by \
             another name is\n"
                .into(),
        ),
        ("pitchfork.toml", "[daemons\n", "error: pitchfork.toml:1: ".into()),
    ] {
        let said = Devserver::new().file(name, text).args(&format!("import {name}")).run();
        assert_eq!(said.code, 3, "{}", said.stderr);
        assert!(said.stderr.starts_with(&expected), "{}", said.stderr);
        assert_eq!(said.stdout, "");
    }
    let said = Devserver::new().args("import nowhere.yaml --as mprocs").run();
    assert_eq!(said.code, 3);
    assert!(
        said.stderr.starts_with("error: nowhere.yaml can't be read: no such file or directory\n"),
        "{}",
        said.stderr
    );
}

#[test]
fn another_name_is_fine_where_the_kind_is_given() {
    let folder = Devserver::new().file("dev.txt", "web: ./web\n").args("import dev.txt --as procfile");
    folder.prints("wrote devserver.toml\nnext: `devserver plan`, then `devserver`\n");
}

#[test]
fn init_proposes_services_for_what_it_finds() {
    for (files, wrote, services) in [
        (vec![("mprocs.yaml", "procs: { a: ./a }\n"), ("manage.py", "")], "from mprocs.yaml", vec!["a"]),
        (
            vec![
                ("manage.py", ""),
                ("package.json", r#"{ "scripts": { "start": "x", "dev": "vite" } }"#),
                ("docker-compose.yml", "services: {}\n"),
            ],
            "from manage.py and package.json and docker-compose.yml",
            vec!["migrate", "server", "packages", "frontend", "compose"],
        ),
        (vec![("Procfile", "web: ./web\n")], "from Procfile", vec!["web"]),
    ] {
        let folder = files.iter().fold(Devserver::new(), |folder, (name, text)| folder.file(name, text));
        let folder = folder.args("init");
        let said = folder.run();
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert!(said.stdout.starts_with(&format!("wrote devserver.toml, {wrote}\n")), "{}", said.stdout);
        let folder = Devserver::of(&folder.text("devserver.toml"));
        let flags = if services.contains(&"compose") { "plan --json --compose" } else { "plan --json" };
        let plan = folder.args(flags).run();
        assert_eq!(plan.code, 0, "{}", plan.stdout);
        let plan: serde_json::Value = serde_json::from_str(&plan.stdout).expect("it is JSON");
        assert_eq!(names(&plan), services);
    }
}

#[test]
fn init_keeps_what_git_must_not_see_out_of_it_once() {
    let folder = Devserver::new().folder(".git").file(".gitignore", "target\n/.devserver/").args("init");
    let said = folder.run();
    assert!(said.stdout.contains("added devserver.local.toml to .gitignore\n"), "{}", said.stdout);
    assert_eq!(folder.text(".gitignore"), "target\n/.devserver/\ndevserver.local.toml\n");
    let schema: serde_json::Value = serde_json::from_str(&folder.text(".devserver/schema.json")).expect("it is JSON");
    assert!(schema["properties"]["service"].is_object());
    assert!(folder.text("devserver.toml").starts_with("#:schema ./.devserver/schema.json\n"));
}

#[test]
fn init_takes_a_preset_by_name_and_knows_a_checkout_by_its_files() {
    let asked = Devserver::new().args("init --preset sentry");
    asked.run().ends_with_code(0);
    let text = asked.text("devserver.toml");
    assert!(text.contains("preset = \"sentry\"") && text.contains("# use_relay = false  # "), "{text}");
    let plan = Devserver::of(&text).args("plan --silo=region --json").run();
    assert_eq!(plan.code, 0, "{}", plan.stdout);
    let found = Devserver::new().file("src/sentry/conf/server.py", "").folder("src/sentry/silo").args("init");
    found.run().ends_with_code(0);
    assert_eq!(found.text("devserver.toml"), text);
    Devserver::new()
        .args("init --preset sentri")
        .refuses(2, "error: there is no preset `sentri`\n  help: did you mean `sentry`?\n");
    Devserver::new().args("init --preset django").refuses(
        3,
        "error: there is no manage.py here\n  help: go to its folder, or leave --preset out: devserver init\n",
    );
}

/// Text with what TOML, templates and shells give a meaning to.
fn awkward() -> impl Strategy<Value = String> {
    proptest::string::string_regex(
        "([a-zA-Z0-9 .:/=_-]|[{}$%#'\"\\\\\\n\\t\u{1}\u{7f}é\u{2028}]|\\$\\{A\\}|\\{\\{ x \\}\\}){1,24}",
    )
    .expect("it is a regular expression")
}

proptest! {
    #[test]
    fn whatever_stands_in_a_file_its_result_loads_and_means_the_same_text(
        processes in proptest::collection::btree_map(awkward(), (awkward(), awkward(), awkward()), 1..4),
    ) {
        prop_assume!(processes.values().all(|(word, ..)| !word.trim().is_empty()));
        let entries = processes.iter().map(|(name, (word, value, folder))| {
            let entrypoint = serde_json::json!([word.replace('$', "$$")]);
            let process = serde_json::json!({
                "entrypoint": entrypoint, "description": folder, "environment": { "A": value.replace('$', "$$") },
            });
            (name.clone(), process)
        });
        let file = serde_json::json!({ "processes": entries.collect::<serde_json::Map<_, _>>() }).to_string();
        let (toml, _) = import(Kind::ProcessCompose, "process-compose.yaml", &file).expect("JSON is YAML");
        let layer = Layer { name: "devserver.toml".into(), text: toml.clone() };
        let config = load(&Texts { layers: vec![layer], ..Texts::default() });
        let config = config.map_err(|error| TestCaseError::fail(format!("{error:?}\n{toml}")))?;
        let engine = Engine::new();
        let print = |template: &Template| engine.fill(template, &Scope::default()).expect("it has no names");
        for ((_, (word, value, _)), service) in processes.iter().zip(config.services.values()) {
            prop_assert_eq!(&print(&service.env["A"]), value);
            match &service.command {
                Command::Words(words) => prop_assert_eq!(&words.iter().map(print).collect::<Vec<_>>(), &vec![word.clone()]),
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
