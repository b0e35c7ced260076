//! Command lines and what they start: processes, ports, variables, notices.
//!
//! First the table of the manual's commands; then the facts of the original launcher, one a row; then the older
//! generation, and a second region. What differs from the original on purpose is in `golden.rs`.

use devserver::plan::{CheckTest, Plan};

use crate::support::{Devserver, Planned};

const PRESET: &str = "preset = \"sentry\"\n";

/// The settings with which the tables of the manual were made.
const KAFKA: &str = "--set use_relay=true --set post_process_forwarder=true";

const CONSUMERS: &[&str] = &[
    "ingest-attachments",
    "ingest-events",
    "ingest-monitors",
    "ingest-spans",
    "ingest-transactions",
    "post-process-forwarder-errors",
    "post-process-forwarder-issue-platform",
    "post-process-forwarder-transactions",
];

#[track_caller]
fn plan(args: &str) -> Plan {
    crate::support::plan(PRESET, args)
}

/// The names of its processes, sorted; the consumers of a silo are one word.
fn processes(plan: &Plan) -> String {
    let mut names: Vec<String> = plan.processes.iter().map(|process| process.name.to_string()).collect();
    for prefix in ["", "region.", "de."] {
        let all: Vec<String> = CONSUMERS.iter().map(|name| format!("{prefix}{name}")).collect();
        if all.iter().all(|consumer| names.contains(consumer)) {
            names.retain(|name| !all.contains(name));
            names.push(format!("{prefix}CONSUMERS"));
        }
    }
    names.sort();
    names.join(" ")
}

/// The ports on which its processes listen.
fn ports(plan: &Plan) -> String {
    let mut ports: Vec<u16> = plan.processes.iter().filter_map(|process| process.port).collect();
    ports.sort_unstable();
    ports.iter().map(u16::to_string).collect::<Vec<_>>().join(" ")
}

/// What a variable is set to for a process; none if it isn't touched.
#[track_caller]
fn variable<'p>(plan: &'p Plan, process: &str, name: &str) -> Option<&'p str> {
    let found = plan.processes.iter().find(|found| found.name.as_str() == process);
    let found = found.unwrap_or_else(|| panic!("{process} is not in {}", processes(plan)));
    found.env.get(name).map(|value| value.value.as_str())
}

#[test]
fn each_command_starts_its_processes_on_its_ports() {
    // `+` stands for the two settings of KAFKA.
    let table = [
        ("", "server webpack", "8000 8001"),
        (
            "--silo=control --celery-beat --workers",
            "control.celery-beat control.server control.webpack control.worker",
            "8000 8001",
        ),
        (
            "+ --silo=region --celery-beat --workers --ingest",
            "region.CONSUMERS region.celery-beat region.relay region.server region.worker",
            "8010",
        ),
        ("+ --silo=region --workers --ingest", "region.CONSUMERS region.relay region.server region.worker", "8010"),
        ("+ --silo=region --ingest", "region.CONSUMERS region.relay region.server region.worker", "8010"),
        (
            "+ --silo=region --ingest --dev-consumer",
            "region.dev-consumer region.relay region.server region.worker",
            "8010",
        ),
        (
            "--silo=control --silo=region --workers",
            "control.server control.webpack control.worker region.server region.worker",
            "8000 8001 8010",
        ),
        (
            "--silo=region,control --workers",
            "control.server control.webpack control.worker region.server region.worker",
            "8000 8001 8010",
        ),
        (
            "--silo=all --workers",
            "control.server control.webpack control.worker region.server region.worker",
            "8000 8001 8010",
        ),
        ("--ngrok=acme.ngrok.dev --silo=control", "control.server control.webpack", "8000 8001"),
        ("--ngrok=acme.ngrok.dev --silo=region", "region.server", "8010"),
        ("--no-watchers", "server", "8000"),
        ("127.0.0.1:9000 --silo=control", "control.server control.webpack", "9000 9001"),
        // The manual's commands with parts left out.
        ("--silo=control", "control.server control.webpack", "8000 8001"),
        ("--silo=control --celery-beat", "control.celery-beat control.server control.webpack", "8000 8001"),
        ("--silo=control --workers", "control.server control.webpack control.worker", "8000 8001"),
        ("--silo=region", "region.server", "8010"),
        ("--silo=region --celery-beat", "region.celery-beat region.server", "8010"),
        ("--silo=region --celery-beat --workers", "region.celery-beat region.server region.worker", "8010"),
        ("--silo=region --celery-beat --ingest", "region.celery-beat region.server region.worker", "8010"),
    ];
    for (args, expected, on) in table {
        let plan = plan(&args.replace('+', KAFKA));
        assert_eq!((processes(&plan).as_str(), ports(&plan).as_str()), (expected, on), "devserver {args}");
    }
}

#[test]
fn flags_imply_and_settings_hold_back_what_the_facts_say() {
    let table = [
        ("13", "", "server webpack"),
        ("16", "--workers", "server webpack worker"),
        ("17", "--celery-beat --workers", "celery-beat server webpack worker"),
        ("18", "--silo=control", "control.server control.webpack"),
        ("20", "+ --silo=control --ingest", "control.server control.webpack control.worker"),
        ("21", "--silo=region --celery-beat --workers --ingest", "region.celery-beat region.server region.worker"),
        ("26", "+ --ingest --dev-consumer", "dev-consumer relay server webpack worker"),
        ("27", "--occurrence-ingest", "server webpack"),
        ("27", "--occurrence-ingest --workers", "ingest-occurrences server webpack worker"),
        ("28", "--workers --no-watchers", "server worker"),
        ("6", "--ingest", "server webpack worker"),
        ("the last one wins", "--workers --no-workers", "server webpack"),
        ("the last one wins", "--no-watchers --watchers --workers --no-workers --workers", "server webpack worker"),
        ("settings bring consumers", "--workers --set start_kafka_consumers=one,two", "one server two webpack worker"),
        (
            "settings bring consumers",
            "--workers --set process_subscriptions=true",
            "events-subscription-results generic-metrics-subscription-results metrics-subscription-results server \
             sessions-subscription-results transactions-subscription-results webpack worker",
        ),
        (
            "settings bring consumers",
            "--ingest --set use_relay=true --set use_profiling=true --set use_metrics=true",
            "billing-metrics-consumer ingest-attachments ingest-events ingest-generic-metrics ingest-metrics \
             ingest-monitors ingest-profiles ingest-spans ingest-transactions relay server webpack worker",
        ),
    ];
    for (fact, args, expected) in table {
        assert_eq!(processes(&plan(&args.replace('+', KAFKA))), expected, "fact {fact}: devserver {args}");
    }
}

#[test]
fn every_consumer_has_the_same_arguments_and_dev_consumer_has_them_all() {
    let of_each = plan(&format!("{KAFKA} --silo=region --ingest"));
    let consumers = of_each.processes.iter().filter(|process| process.service.as_str() == "consumer");
    for consumer in consumers {
        let name = consumer.item.as_deref().expect("it is made from an item");
        let options = "--consumer-group=sentry-consumer --auto-offset-reset=latest --no-strict-offset-reset";
        assert_eq!(consumer.command.join(" "), format!("sentry run consumer {name} {options}"));
    }
    let of_all = plan(&format!("{KAFKA} --silo=region --ingest --dev-consumer"));
    let folded = of_all.processes.iter().find(|process| process.service.as_str() == "dev-consumer");
    let folded = folded.expect("--dev-consumer starts it").command.join(" ");
    assert_eq!(folded, format!("sentry run dev-consumer {}", CONSUMERS.join(" ")));
}

#[test]
fn variables_and_ports_are_as_the_facts_say() {
    let all_silos = "--silo=control,region --workers";
    let table = [
        ("10", "--experimental-spa", "server", "SENTRY_UI_DEV_ONLY", Some("1")),
        ("10", "", "server", "SENTRY_UI_DEV_ONLY", None),
        ("30", "", "server", "SENTRY_BACKEND_PORT", Some("8001")),
        ("30", "", "webpack", "SENTRY_WEBPACK_PROXY_PORT", Some("8000")),
        ("31", "--no-watchers", "server", "SENTRY_BACKEND_PORT", Some("8000")),
        ("31", "--no-watchers", "server", "SENTRY_WEBPACK_PROXY_PORT", None),
        ("31", "--no-watchers", "server", "SENTRY_WEBPACK_PROXY_HOST", None),
        ("31", "--no-watchers", "server", "FORCE_WEBPACK_DEV_SERVER", None),
        ("45", "--no-watchers", "server", "NODE_OPTIONS", None),
        ("32", "127.0.0.1:9000", "webpack", "SENTRY_WEBPACK_PROXY_PORT", Some("9000")),
        ("32", "127.0.0.1:9000", "server", "UWSGI_HTTP_SOCKET", Some("127.0.0.1:9001")),
        ("33", "--silo=control", "control.server", "UWSGI_HTTP_SOCKET", Some("127.0.0.1:8001")),
        ("33", "--silo=region", "region.server", "UWSGI_HTTP_SOCKET", Some("127.0.0.1:8010")),
        ("34", "--silo=control --no-watchers", "control.server", "UWSGI_HTTP_SOCKET", Some("127.0.0.1:8000")),
        ("35", "--silo=region 127.0.0.1:9000", "region.server", "UWSGI_HTTP_SOCKET", Some("127.0.0.1:9010")),
        ("35", "--silo=region 127.0.0.1:9000", "region.server", "SENTRY_CONTROL_SILO_PORT", Some("9001")),
        ("36", "--silo=control 0.0.0.0:8000", "control.webpack", "SENTRY_WEBPACK_PROXY_HOST", Some("0.0.0.0")),
        ("36", "--silo=control 0.0.0.0:8000", "control.server", "UWSGI_HTTP_SOCKET", Some("127.0.0.1:8001")),
        ("37", "--silo=control", "control.webpack", "SENTRY_SILO_MODE", None),
        ("37", "--silo=control", "control.webpack", "SENTRY_SILO_DEVSERVER", None),
        ("37", "--silo=control", "control.webpack", "SENTRY_CONTROL_SILO_PORT", None),
        ("38", "--silo=control", "control.server", "SENTRY_REGION", Some("")),
        ("39", "--silo=region", "region.server", "SENTRY_REGION", Some("us")),
        ("39", "--silo=region", "region.server", "SENTRY_SILO_MODE", Some("REGION")),
        ("39", "--silo=region", "region.server", "SENTRY_SILO_DEVSERVER", Some("1")),
        ("40", "--silo=region", "region.server", "SENTRY_SYSTEM_URL_PREFIX", Some("http://dev.getsentry.net:8000")),
        ("41", "--silo=region", "region.server", "UWSGI_WORKERS", Some("8")),
        ("41", "--silo=region", "region.server", "UWSGI_THREADS", Some("2")),
        ("41", "--silo=control", "control.server", "UWSGI_WORKERS", Some("8")),
        ("41", "", "server", "UWSGI_WORKERS", Some("2")),
        ("41", "", "server", "UWSGI_THREADS", Some("2")),
        ("2.1", "--debug-server", "server", "UWSGI_WORKERS", Some("1")),
        ("42", "", "server", "SENTRY_USE_RELAY", Some("")),
        ("42", "--ingest", "worker", "SENTRY_USE_RELAY", Some("")),
        ("42", "--set use_relay=true", "server", "SENTRY_USE_RELAY", Some("1")),
        ("43", "--environment=prod", "server", "NODE_ENV", Some("production")),
        ("43", "--environment=prod", "server", "SENTRY_ENVIRONMENT", Some("prod")),
        ("46", "--no-reload", "server", "UWSGI_PY_AUTORELOAD", None),
        ("46", "", "server", "UWSGI_PY_AUTORELOAD", Some("1")),
        ("47", "", "server", "SENTRY_ORGANIZATION_BASE_HOSTNAME", Some("{slug}.localhost:8000")),
        ("47", "", "server", "SENTRY_ORGANIZATION_URL_TEMPLATE", Some("http://{hostname}")),
        (
            "48",
            "--set request_log_excludes=/api/0/relays/,a.b",
            "server",
            "UWSGI_LOG_DRAIN",
            Some("/api/0/relays/|a\\.b"),
        ),
        (
            "50",
            "--silo=control --ngrok=acme.ngrok.dev",
            "control.webpack",
            "SENTRY_DEVSERVER_NGROK",
            Some("acme.ngrok.dev"),
        ),
        (
            "50",
            "--silo=region --ngrok=acme.ngrok.dev",
            "region.server",
            "SENTRY_DEVSERVER_NGROK",
            Some("acme.ngrok.dev"),
        ),
        ("2.1", "-l debug", "server", "SENTRY_LOG_LEVEL", Some("DEBUG")),
        ("2.1", "--loglevel=INFO", "server", "SENTRY_LOG_LEVEL", Some("INFO")),
        ("2.1", "--logformat=machine", "server", "SENTRY_LOG_FORMAT", Some("machine")),
        ("2.1", "--logformat=machine", "server", "UWSGI_DISABLE_LOGGING", Some("true")),
        ("IPv6", "[::1]:9000", "server", "UWSGI_HTTP_SOCKET", Some("[::1]:9001")),
        ("IPv6", "--silo=control [::1]:9000", "control.webpack", "SENTRY_WEBPACK_PROXY_PORT", Some("9000")),
        // Both silos in one supervisor: each as if it had been started alone.
        ("37", all_silos, "control.webpack", "SENTRY_SILO_MODE", None),
        ("38", all_silos, "control.worker", "SENTRY_REGION", Some("")),
        ("39", all_silos, "region.worker", "SENTRY_REGION", Some("us")),
        ("4.1", all_silos, "region.server", "SENTRY_CONTROL_SILO_PORT", Some("8001")),
        ("4.1", all_silos, "control.server", "SENTRY_REGION_SILO_PORT", Some("8010")),
        ("4.1", all_silos, "region.server", "SENTRY_BACKEND_PORT", Some("8010")),
        ("4.1", all_silos, "control.server", "SENTRY_BACKEND_PORT", Some("8001")),
    ];
    for (fact, args, process, name, expected) in table {
        let plan = plan(args);
        assert_eq!(variable(&plan, process, name), expected, "fact {fact}: {name} of {process}, devserver {args}");
    }
}

#[test]
fn what_is_exported_counts_where_the_facts_say_so() {
    let with =
        |name: &str, value: &str, args: &str| Planned::of(PRESET).env(name, value).args(args.split_whitespace()).plan();
    let bound = with("SENTRY_DEVSERVER_BIND", "127.0.0.1:9100", "");
    assert_eq!((bound.address.as_str(), ports(&bound).as_str()), ("127.0.0.1:9100", "9100 9101"), "fact 11");
    let bound = with("SENTRY_DEVSERVER_BIND", "127.0.0.1:9100", "127.0.0.1:9200");
    assert_eq!(bound.address, "127.0.0.1:9200", "fact 12");
    let bound = Planned::of(PRESET)
        .env("SENTRY_DEVSERVER_BIND", "127.0.0.1:9100")
        .env("DEVSERVER_BIND", "127.0.0.1:9300")
        .plan();
    assert_eq!(bound.address, "127.0.0.1:9300", "our own variable comes first");
    let node = with("NODE_OPTIONS", "--trace-warnings", "");
    assert_eq!(
        variable(&node, "server", "NODE_OPTIONS"),
        Some("--trace-warnings --max-old-space-size=4096"),
        "fact 44"
    );
    let threads = with("UWSGI_THREADS", "5", "");
    assert_eq!(variable(&threads, "server", "UWSGI_THREADS"), None, "fact 49: what is exported is left alone");
    let workers = with("UWSGI_WORKERS", "5", "--silo=region");
    assert_eq!(variable(&workers, "region.server", "UWSGI_WORKERS"), Some("8"), "part 4.2: forced for silos");
    let level = with("SENTRY_LOG_LEVEL", "warning", "");
    assert_eq!(variable(&level, "server", "SENTRY_LOG_LEVEL"), Some("WARNING"), "part 2.1: -l may come from it");
    let user = Planned::of(PRESET).uid(1000).plan();
    assert_eq!(variable(&user, "server", "UWSGI_UID"), Some("1000"), "part 4.2: only where it isn't root");
    assert_eq!(variable(&plan(""), "server", "UWSGI_UID"), None, "part 4.2: only where it isn't root");
}

#[test]
fn turning_reload_off_takes_one_variable_away_and_no_other() {
    let (with, without) = (plan(""), plan("--no-reload"));
    let names = |plan: &Plan| -> Vec<String> {
        let server = plan.processes.iter().find(|process| process.name.as_str() == "server");
        server.expect("it always runs").env.keys().cloned().collect()
    };
    let gone: Vec<String> = names(&with).into_iter().filter(|name| !names(&without).contains(name)).collect();
    assert_eq!(gone, ["UWSGI_PY_AUTORELOAD"]);
}

#[test]
fn everything_runs_in_the_checkouts_root() {
    let plan = plan(&format!("{KAFKA} --silo=control,region --celery-beat --workers --ingest"));
    for process in &plan.processes {
        assert_eq!(process.cwd, plan.root, "{}", process.name);
    }
}

const HOSTNAME: &str = "dev.getsentry.net is the client hostname, since cookies can't span silos on localhost; \
                        --client-hostname=HOST sets another";
const NO_WEBPACK: &str = "webpack is off: it runs with the control silo only (--no-watchers says the same)";
const NO_BEAT: &str = "periodic tasks won't run; add --celery-beat to run them";
const WORKERS_ON: &str = "--ingest was given, so --workers is on";
const NO_RELAY: &str = "Relay isn't started, because the setting use_relay is off; switch it on with --set \
                        use_relay=true, or for good with `use_relay = true` under [setting] in devserver.local.toml \
                        (and SENTRY_USE_RELAY = True in sentry.conf.py)";
const INGEST_ELSEWHERE: &str = "--ingest starts nothing here: Relay and the consumers run with the region silo";

#[test]
fn notices_say_what_was_decided_and_nothing_else() {
    let table: &[(&str, &[&str])] = &[
        ("", &[]),
        ("--celery-beat --workers", &[]),
        ("--workers", &[NO_BEAT]),
        ("--silo=control", &[HOSTNAME]),
        ("--silo=control --client-hostname=foo.example", &[]),
        ("--silo=region", &[HOSTNAME, NO_WEBPACK]),
        ("--silo=region --no-watchers", &[HOSTNAME]),
        ("--silo=control,region", &[HOSTNAME]),
        ("--silo=region --client-hostname=h --celery-beat --ingest", &[WORKERS_ON, NO_WEBPACK, NO_RELAY]),
        ("--silo=control --client-hostname=h --celery-beat --ingest", &[WORKERS_ON, INGEST_ELSEWHERE]),
        ("--ingest --celery-beat --set use_relay=true", &[WORKERS_ON]),
        ("--occurrence-ingest", &["--occurrence-ingest starts nothing without --workers"]),
        ("--experimental-spa --no-watchers", &["--experimental-spa has no effect without --watchers"]),
        ("--experimental-spa", &[]),
    ];
    for (args, expected) in table {
        assert_eq!(plan(args).notices, *expected, "devserver {args}");
    }
}

#[test]
fn eager_tasks_and_workers_are_refused_but_in_control() {
    let refused = |args: &str| {
        let plan = plan(&format!("--set celery_always_eager=true {args}"));
        plan.checks.iter().any(|check| check.test == CheckTest::Refused)
    };
    for (args, expected) in [
        ("--workers", true),
        ("--silo=region --workers", true),
        ("--silo=region --ingest", true),
        ("--silo=control --workers", false),
        ("", false),
    ] {
        assert_eq!(refused(args), expected, "devserver {args}");
    }
    Devserver::of(PRESET).args("plan --json --workers --set celery_always_eager=true").run().ends_with_code(4);
}

#[test]
fn a_silo_that_runs_elsewhere_is_a_peer() {
    let peers = |args: &str| -> Vec<String> {
        plan(args).peers.iter().map(|peer| format!("{} {}:{}", peer.silo, peer.host, peer.port)).collect()
    };
    assert_eq!(peers("--silo=region"), ["control 127.0.0.1:8001"]);
    assert_eq!(peers("--silo=region 127.0.0.1:9000"), ["control 127.0.0.1:9001"]);
    assert_eq!(peers("--silo=control"), ["region 127.0.0.1:8010"]);
    assert_eq!(peers("--silo=control,region"), Vec::<String>::new());
    assert_eq!(peers(""), Vec::<String>::new());
}

#[test]
fn the_older_generation_has_its_own_variables_and_none_of_the_later_ones() {
    // Those that differ between the two silos, as read from the children of the real launcher.
    let differing = [
        ("SENTRY_SILO_MODE", "REGION", "CONTROL"),
        ("SENTRY_REGION", "us", ""),
        ("SENTRY_DEVSERVER_BIND", "localhost:8010", "localhost:8001"),
        ("UWSGI_HTTP_SOCKET", "127.0.0.1:8010", "127.0.0.1:8001"),
    ];
    let common = [
        ("SENTRY_USE_SILOS", "1"),
        ("SENTRY_BACKEND_PORT", "8010"),
        ("SENTRY_CONTROL_SILO_PORT", "8001"),
        ("SENTRY_ENVIRONMENT", "development"),
        ("NODE_ENV", "development"),
        ("SENTRY_SYSTEM_URL_PREFIX", "http://localhost:8000"),
        ("SENTRY_SYSTEM_BASE_HOSTNAME", "localhost:8000"),
        ("SENTRY_ORGANIZATION_BASE_HOSTNAME", "{slug}.localhost:8000"),
        ("SENTRY_ORGANIZATION_URL_TEMPLATE", "http://{hostname}"),
        ("SENTRY_REGION_API_URL_TEMPLATE", "http://{region}.localhost:8010"),
        ("SENTRY_RUNNING_UWSGI", "1"),
        ("SENTRY_SKIP_BACKEND_VALIDATION", "1"),
        ("SENTRY_USE_RELAY", ""),
        ("PYTHONUNBUFFERED", "true"),
        ("FORCE_WEBPACK_DEV_SERVER", "1"),
        ("SENTRY_WEBPACK_PROXY_HOST", "127.0.0.1"),
        ("SENTRY_WEBPACK_PROXY_PORT", "8000"),
        ("NODE_OPTIONS", "--max-old-space-size=4096"),
        ("UWSGI_PROTOCOL", "http"),
        ("UWSGI_MODULE", "sentry.wsgi:application"),
        ("UWSGI_WORKERS", "1"),
        ("UWSGI_THREADS", "2"),
        ("UWSGI_LOG_FORMAT", "%(method) %(status) %(uri) %(proto) %(size)"),
        ("UWSGI_RELOAD_ON_RSS", "600"),
    ];
    let plan = plan("--set generation=23.7.1 --silo=control,region --celery-beat --workers --no-reload");
    for service in ["server", "worker", "celery-beat"] {
        let (region, control) = (format!("region.{service}"), format!("control.{service}"));
        for (name, in_region, in_control) in differing {
            assert_eq!(variable(&plan, &region, name), Some(in_region), "{name} of {region}");
            assert_eq!(variable(&plan, &control, name), Some(in_control), "{name} of {control}");
        }
        for (name, value) in common {
            assert_eq!(variable(&plan, &region, name), Some(value), "{name} of {region}");
            assert_eq!(variable(&plan, &control, name), Some(value), "{name} of {control}");
        }
    }
    for process in &plan.processes {
        for later in ["SENTRY_SILO_DEVSERVER", "SENTRY_REGION_SILO_PORT", "UWSGI_PY_AUTORELOAD"] {
            assert_eq!(process.env.get(later), None, "{later} of {}", process.name);
        }
    }
    let webpack = [
        ("SENTRY_SILO_MODE", "REGION"),
        ("SENTRY_REGION", "us"),
        ("SENTRY_DEVSERVER_BIND", "localhost:8010"),
        ("UWSGI_HTTP_SOCKET", "127.0.0.1:8010"),
        ("SENTRY_CONTROL_SILO_PORT", "8001"),
    ];
    for (name, value) in webpack {
        assert_eq!(variable(&plan, "control.webpack", name), Some(value), "{name} of webpack");
    }
}

#[test]
fn the_older_generation_runs_the_same_commands_but_for_relay() {
    let args = format!("{KAFKA} --set generation=23.7.1 --silo=region --celery-beat --workers --ingest");
    let plan = plan(&args);
    let command = |name: &str| {
        let process = plan.processes.iter().find(|process| process.name.as_str() == name);
        process.map(|process| process.command.join(" ")).unwrap_or_default()
    };
    assert_eq!(command("region.server"), "sentry run web");
    assert_eq!(command("region.worker"), "sentry run worker -c 1 --autoreload");
    assert_eq!(command("region.celery-beat"), "sentry run cron --autoreload");
    assert_eq!(command("region.relay"), "sentry devservices attach --fast relay");
    assert_eq!(command("region.ingest-spans"), "", "it came later");
    assert!(!plan.notices.contains(&HOSTNAME.to_owned()), "localhost stays localhost there");
}

/// The block of the preset that is a second region, without its comment marks.
fn second_region() -> String {
    let preset = include_str!("../../templates/presets/sentry.toml");
    let (_, rest) = preset.split_once("# A second region is one table").expect("the preset has a commented region");
    let block = rest.lines().skip(1).take_while(|line| line.starts_with('#'));
    block.map(|line| format!("{}\n", line.trim_start_matches('#').trim_start())).collect()
}

#[test]
fn a_second_region_is_the_block_that_stands_commented_in_the_preset() {
    let toml = format!("{PRESET}{}", second_region());
    let plan = |args: &str| crate::support::plan(&toml, args);
    let both = plan("--silo=region --workers");
    assert_eq!(processes(&both), "de.server de.worker region.server region.worker");
    assert_eq!(ports(&both), "8010 8020");
    let table = [
        ("de.server", "SENTRY_REGION", "de"),
        ("de.server", "SENTRY_SILO_MODE", "REGION"),
        ("de.server", "SENTRY_REGION_SILO_PORT", "8020"),
        ("de.server", "UWSGI_HTTP_SOCKET", "127.0.0.1:8020"),
        ("de.server", "SENTRY_CONTROL_SILO_PORT", "8001"),
        ("region.server", "SENTRY_REGION", "us"),
        ("region.server", "UWSGI_HTTP_SOCKET", "127.0.0.1:8010"),
    ];
    for (process, name, value) in table {
        assert_eq!(variable(&both, process, name), Some(value), "{name} of {process}");
    }
    assert_eq!(processes(&plan("--silo=de")), "de.server");
    assert_eq!(processes(&plan("--silo=all")), "control.server control.webpack de.server region.server");
    let relays = plan(&format!("{KAFKA} --silo=region --ingest --dev-consumer"));
    assert_eq!(
        processes(&relays),
        "de.dev-consumer de.server de.worker region.dev-consumer region.relay region.server region.worker",
        "Relay is one container, whichever regions run"
    );
}
