//! What is wrong with a command line, each with the whole message. All but the last exit with 2.

use crate::support::Devserver;

/// Beside the preset each of these says this and exits with 2.
#[track_caller]
fn refused(table: &[(&str, &str)]) {
    for (args, says) in table {
        Devserver::of("preset = \"sentry\"\n").args(args).refuses(2, says);
    }
}

#[test]
fn a_mistyped_command_is_no_address() {
    refused(&[
        (
            "stauts",
            "error: there is no command `stauts`
  help: did you mean `devserver status`?

Nothing was started.
",
        ),
        (
            "confg show",
            "error: there is no command `confg`
  help: did you mean `devserver config`?

Nothing was started.
",
        ),
        (
            "inti",
            "error: there is no command `inti`
  help: did you mean `devserver init`?

Nothing was started.
",
        ),
        (
            "--workers stauts",
            "error: there is no command `stauts`
  help: did you mean `devserver status`?

Nothing was started.
",
        ),
        (
            "frobnicate",
            "error: there is no command `frobnicate`
  help: commands are `plan`, `env`, `run`, `open`, `ps`, `status`, `logs`, `start`, `stop`, `restart`, `signal`, `wait`, `why`, `events`, `timeline`, `down`, `db`, `config`, `init` and `import`; an ADDRESS is HOST:PORT

Nothing was started.
",
        ),
    ]);
}

#[test]
fn a_command_comes_first() {
    refused(&[
        (
            "--workers plan",
            "error: `plan` is a command, and a command comes first
  help: write devserver plan --workers
",
        ),
        (
            "127.0.0.1:8000 plan",
            "error: `plan` is a command, and a command comes first
  help: write devserver plan 127.0.0.1:8000

Nothing was started.
",
        ),
        (
            "--ingest --no-workers config check",
            "error: `config` is a command, and a command comes first
  help: write devserver config check
",
        ),
    ]);
}

#[test]
fn the_commands_of_config_are_told() {
    refused(&[
        (
            "config",
            "error: `devserver config` needs to know what to do
  help: its commands are `check`, `show` and `schema`
",
        ),
        (
            "config shw",
            "error: `devserver config` has no command `shw`
  help: did you mean `devserver config show`?
",
        ),
        (
            "config everything",
            "error: `devserver config` has no command `everything`
  help: its commands are `check`, `show` and `schema`
",
        ),
        (
            "config show --orign",
            "error: there is no flag `--orign`
  help: did you mean `--origin`?
",
        ),
        (
            "config schema --origin",
            "error: there is no flag `--origin`
  help: `devserver --help` lists every flag
",
        ),
    ]);
}

#[test]
fn an_address_is_host_and_port() {
    refused(&[
        (
            "8000",
            "error: ADDRESS: expected HOST:PORT, got `8000`
  help: write 127.0.0.1:8000

Nothing was started.
",
        ),
        (
            "localhost",
            "error: there is no command `localhost`
  help: commands are `plan`, `env`, `run`, `open`, `ps`, `status`, `logs`, `start`, `stop`, `restart`, `signal`, `wait`, `why`, `events`, `timeline`, `down`, `db`, `config`, `init` and `import`; an ADDRESS is HOST:PORT

Nothing was started.
",
        ),
        (
            "127.0.0.1:0",
            "error: ADDRESS: `0` in `127.0.0.1:0` isn't a port; ports are 1 to 65535
  help: write it as 127.0.0.1:8000 or [::1]:8000

Nothing was started.
",
        ),
        (
            "127.0.0.1:99999",
            "error: ADDRESS: `99999` in `127.0.0.1:99999` isn't a port; ports are 1 to 65535
  help: write it as 127.0.0.1:8000 or [::1]:8000

Nothing was started.
",
        ),
        (
            "127.0.0.1:http",
            "error: ADDRESS: `http` in `127.0.0.1:http` isn't a port; ports are 1 to 65535
  help: write it as 127.0.0.1:8000 or [::1]:8000

Nothing was started.
",
        ),
        (
            "::1:8000",
            "error: ADDRESS: `::1:8000` has more than one colon; an IPv6 address stands in brackets
  help: write it as [::1]:8000

Nothing was started.
",
        ),
        (
            "fe80::1",
            "error: ADDRESS: `fe80::1` has more than one colon; an IPv6 address stands in brackets
  help: write it as [fe80::1]:8000

Nothing was started.
",
        ),
        (
            "[::1]",
            "error: ADDRESS: expected HOST:PORT, got `[::1]`
  help: write it as 127.0.0.1:8000 or [::1]:8000

Nothing was started.
",
        ),
        (
            "http://localhost:8000",
            "error: ADDRESS: expected HOST:PORT, got `http://localhost:8000`
  help: write it as 127.0.0.1:8000 or [::1]:8000

Nothing was started.
",
        ),
        (
            ":8000",
            "error: ADDRESS: expected HOST:PORT, got `:8000`
  help: write it as 127.0.0.1:8000 or [::1]:8000

Nothing was started.
",
        ),
        (
            "plan 127.0.0.1:8000 127.0.0.1:9000",
            "error: `127.0.0.1:9000` is one word too many; there is only one ADDRESS
  help: `devserver --help` lists every flag
",
        ),
    ]);
}

#[test]
fn an_unknown_flag_is_told_with_its_neighbour() {
    refused(&[
        (
            "--workrs",
            "error: there is no flag `--workrs`
  help: did you mean `--workers`?

Nothing was started.
",
        ),
        (
            "--celery_beat",
            "error: there is no flag `--celery_beat`
  help: did you mean `--celery-beat`?

Nothing was started.
",
        ),
        (
            "--no-wrkers",
            "error: there is no flag `--no-wrkers`
  help: did you mean `--no-workers`?

Nothing was started.
",
        ),
        (
            "--frobnicate",
            "error: there is no flag `--frobnicate`
  help: `devserver --help` lists every flag

Nothing was started.
",
        ),
        (
            "-z",
            "error: there is no flag `-z`
  help: `devserver --help` lists every flag

Nothing was started.
",
        ),
        (
            "--silos=control",
            "error: there is no flag `--silos`
  help: did you mean `--silo`?

Nothing was started.
",
        ),
        (
            "plan --jsn",
            "error: there is no flag `--jsn`
  help: did you mean `--json`?
",
        ),
        (
            "--origin",
            "error: there is no flag `--origin`
  help: `devserver --help` lists every flag

Nothing was started.
",
        ),
    ]);
}

#[test]
fn a_flag_without_its_value_or_with_one_too_many() {
    refused(&[
        (
            "--silo",
            "error: --silo needs a value
  help: write it as --silo=SILO

Nothing was started.
",
        ),
        (
            "--silo=",
            "error: --silo needs a value
  help: write it as --silo=SILO

Nothing was started.
",
        ),
        (
            "--silo=,",
            "error: --silo needs a value
  help: write it as --silo=SILO

Nothing was started.
",
        ),
        (
            "--loglevel",
            "error: --loglevel needs a value
  help: write it as --loglevel=LEVEL

Nothing was started.
",
        ),
        (
            "--ngrok",
            "error: --ngrok needs a value
  help: write it as --ngrok=HOST

Nothing was started.
",
        ),
        (
            "--set",
            "error: --set needs a value
  help: write it as --set NAME=VALUE

Nothing was started.
",
        ),
        (
            "--config",
            "error: --config needs a value
  help: write it as --config=FILE

Nothing was started.
",
        ),
        (
            "--workers=yes",
            "error: --workers takes no value
  help: write --workers, or --no-workers for the opposite

Nothing was started.
",
        ),
        (
            "--no-watchers=true",
            "error: --no-watchers takes no value
  help: write --no-watchers, or --watchers for the opposite

Nothing was started.
",
        ),
        (
            "plan --preflight=yes",
            "error: --preflight takes no value
  help: write --preflight alone
",
        ),
        (
            "plan --env",
            "error: --env needs a value
  help: write it as --env=NAME
",
        ),
    ]);
}

#[test]
fn a_value_that_is_not_among_the_choices() {
    refused(&[
        (
            "--color=sometimes",
            "error: --color can't be `sometimes`
  help: possible values are `auto`, `always` and `never`

Nothing was started.
",
        ),
        (
            "--color=alway",
            "error: --color can't be `alway`
  help: did you mean `always`?

Nothing was started.
",
        ),
        (
            "plan --loglevel=LOUD",
            "error: --loglevel can't be `LOUD`
  help: possible values are `DEBUG`, `INFO`, `WARNING`, `ERROR`, `CRITICAL` and `FATAL`
",
        ),
        (
            "plan -l debgu",
            "error: --loglevel can't be `debgu`
  help: did you mean `DEBUG`?
",
        ),
        (
            "plan --logformat xml",
            "error: --logformat can't be `xml`
  help: possible values are `human` and `machine`
",
        ),
        (
            "plan --ngrok=http://acme.ngrok.dev",
            "error: --ngrok can't be `http://acme.ngrok.dev`
  help: write it as in `--ngrok=acme.ngrok.dev`
",
        ),
        (
            "plan --ngrok=",
            "error: --ngrok can't be empty
  help: write it as in `--ngrok=acme.ngrok.dev`
",
        ),
        (
            "plan --client-hostname=",
            "error: --client-hostname can't be empty
  help: give it a value, or leave it out
",
        ),
    ]);
}

#[test]
fn a_silo_is_told_with_its_neighbour_or_with_all() {
    refused(&[
        (
            "plan --silo=bogus",
            "error: there is no silo `bogus`
  help: silos are `monolith`, `control` and `region`; `all` means those that can run together
",
        ),
        (
            "plan --silo=contrl",
            "error: there is no silo `contrl`
  help: did you mean --silo=control?
",
        ),
        (
            "plan --silo=control,eu,us",
            "error: there is no silo `eu`
  help: silos are `monolith`, `control` and `region`; `all` means those that can run together

error: there is no silo `us`
  help: silos are `monolith`, `control` and `region`; `all` means those that can run together
",
        ),
    ]);
}

#[test]
fn a_silo_that_runs_instead_of_the_others_runs_alone() {
    refused(&[
        (
            "plan --silo=monolith,control",
            "error: silo `monolith` runs instead of the others, not together with `control`
  help: leave `monolith` out, or start it alone
",
        ),
        (
            "plan --silo=all,monolith",
            "error: silo `monolith` runs instead of the others, not together with `control` and `region`
  help: leave `monolith` out, or start it alone
",
        ),
    ]);
}

#[test]
fn a_setting_is_told_with_its_neighbour_its_kind_or_its_choices() {
    refused(&[
        ("plan --set use_rely=1", "error: --set use_rely=1: there is no setting `use_rely`
  help: did you mean `use_relay`?
"),
        ("plan --set nothing=1", "error: --set nothing=1: there is no setting `nothing`
  help: settings are `use_relay`, `use_uwsgi`, `use_profiling`, `use_metrics`, `process_subscriptions`, `post_process_forwarder`, `celery_always_eager`, `request_log_excludes`, `start_kafka_consumers`, `kafka` and `generation`
"),
        ("plan --set use_relay=maybe", "error: --set use_relay=maybe: `use_relay` must be true or false, not `maybe`
"),
        ("plan --set generation=24", "error: --set generation=24: `generation` can't be `24`
  help: possible values are `late-2023` and `23.7.1`
"),
        ("plan --set use_relay", "error: --set can't be `use_relay`
  help: write it as --set NAME=VALUE
"),
        ("plan --set =1", "error: --set can't be `=1`
  help: write it as --set NAME=VALUE
"),
        ("plan --set use_relay=maybe --set use_rely=1", "error: --set use_relay=maybe: `use_relay` must be true or false, not `maybe`

error: --set use_rely=1: there is no setting `use_rely`
  help: did you mean `use_relay`?
"),
    ]);
}

#[test]
fn flags_that_cannot_go_together() {
    refused(&[(
        "plan --ingest --no-workers",
        "error: --ingest turns --workers on, and --no-workers was given too
  help: leave out --ingest or --no-workers
",
    )]);
}

#[test]
fn an_address_so_high_that_ports_end() {
    refused(&[(
        "plan 127.0.0.1:65530",
        r#"error: ports.region would be 65540; ports are 1 to 65535
   --> preset sentry:117:10
    |
117 | region = "bind.port + 10"
    |          ^^^^^^^^^^^^^^^^
    |
    = help: choose an ADDRESS with a lower port
"#,
    )]);
}

#[test]
fn a_process_that_is_not_in_the_plan() {
    refused(&[
        (
            "plan --env relay",
            "error: `relay` isn't in this plan: --ingest is off, setting use_relay is false
  help: give the flags with which it runs
",
        ),
        (
            "plan --env wroker --workers",
            "error: no process of this plan is called `wroker`
  help: did you mean `worker`?
",
        ),
        (
            "plan --env server --silo=control,region",
            "error: `server` means several processes
  help: name one of `control.server` and `region.server`
",
        ),
    ]);
}

#[test]
fn variables_that_give_an_address_a_flag_or_a_setting_are_told_by_name() {
    let of = |name: &str, value: &str| Devserver::of("preset = \"sentry\"\n").args("plan").env(name, value);
    of("DEVSERVER_BIND", "8000")
        .refuses(2, "error: DEVSERVER_BIND: expected HOST:PORT, got `8000`\n  help: write 127.0.0.1:8000\n");
    of("SENTRY_DEVSERVER_BIND", "here:there").refuses(
        2,
        "error: SENTRY_DEVSERVER_BIND: `there` in `here:there` isn't a port; ports are 1 to 65535\n  \
           help: write it as 127.0.0.1:8000 or [::1]:8000\n",
    );
    of("SENTRY_LOG_LEVEL", "loud").refuses(
        2,
        "error: SENTRY_LOG_LEVEL can't be `loud`\n  \
           help: possible values are `DEBUG`, `INFO`, `WARNING`, `ERROR`, `CRITICAL` and `FATAL`\n",
    );
    of("DEVSERVER_SET_USE_RELAY", "maybe")
        .refuses(3, "error: DEVSERVER_SET_USE_RELAY=maybe: `use_relay` must be true or false, not `maybe`\n");
    of("DEVSERVER_SET_USE_RELY", "true").refuses(
        3,
        "error: DEVSERVER_SET_USE_RELY=true: there is no setting `use_rely`\n  help: did you mean `use_relay`?\n",
    );
}

#[test]
fn an_argument_that_is_no_utf8_is_a_wrong_argument_and_no_panic() {
    use std::os::unix::ffi::OsStringExt as _;
    let said = Devserver::of("preset = \"sentry\"\n")
        .arg("plan")
        .arg(std::ffi::OsString::from_vec(b"caf\xe9:8000".to_vec()))
        .run();
    assert_eq!(
        said.stderr,
        "error: ADDRESS: expected HOST:PORT, got `caf\u{fffd}:8000`\n  \
           help: write it as 127.0.0.1:8000 or [::1]:8000\n"
    );
    said.ends_with_code(2);
}

#[test]
fn with_json_what_is_wrong_is_data_too() {
    let said = Devserver::of("[service.web]\ncommand = \"run\"\nprot = 8000\n").args("plan --json").run();
    let printed: serde_json::Value = serde_json::from_str(&said.stdout).expect("--json prints JSON");
    let expected = serde_json::json!({
        "processes": [],
        "absent": [],
        "ports": {},
        "notices": [],
        "errors": [{
            "message": "unknown key `prot` in service `web`",
            "at": { "file": "devserver.toml", "line": 3, "column": 1 },
            "notes": [],
            "help": "did you mean `port`?",
        }],
    });
    assert_eq!(printed, expected);
    said.ends_with_code(3);
}

#[test]
fn help_and_version_work_beside_a_broken_configuration() {
    Devserver::of("[[[").args("--version").prints(concat!("devserver ", env!("CARGO_PKG_VERSION"), "\n"));
    let said = Devserver::of("[[[").args("--help").run();
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    assert!(said.stdout.contains("Usage: devserver [FLAGS] [ADDRESS]"), "{}", said.stdout);
    assert!(said.stdout.contains("The flags of the project are missing here: "), "{}", said.stdout);
}
