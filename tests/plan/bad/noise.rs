//! Whatever is written into a configuration or typed on a command line: an answer, never a panic.

use devserver::cli::{Failure, args};
use devserver::config::{ConfigErrors, Layer, Texts, load};
use devserver::plan::{Choices, Facts, PlanErrors, plan};
use proptest::prelude::*;
use proptest::sample::{Index, select};

const PRESET: &str = include_str!("../../../templates/presets/sentry.toml");
const STARTER: &str = include_str!("../../../templates/starter.toml");

/// What people write, and what they don't.
const SCRAPS: &[&str] = &[
    "\"",
    "'",
    "\"\"\"",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "{{",
    "}}",
    "{%",
    "%}",
    "=",
    " = ",
    ".",
    ",",
    "#",
    "\n",
    "\r\n",
    "\t",
    "\u{feff}",
    "é",
    "日本",
    "\u{0}",
    "\\",
    "|",
    "(",
    ")",
    " or ",
    " and ",
    "not ",
    " if ",
    " else ",
    "-",
    "--",
    "0",
    "-1",
    "65536",
    "99999999999999999999",
    "1e400",
    "nan",
    "1979-05-27",
    "true",
    "\"10s\"",
    "flag.",
    "flag.workers",
    "setting.x",
    "silo.port",
    "port.web",
    "env.HOME",
    "each",
    "silos",
    "bind.port",
    "bind.port * 10000000000000000000",
    "1 // 0",
    "range(100000000)",
    "when = \"true\"\n",
    "command = []\n",
    "[service.a]\n",
    "[service.web]\n",
    "[flag.help]\n",
    "[silo.a]\nextends = \"a\"\n",
    "[[list.a]]\n",
    "[[env]]\n",
    "depends_on = [\"web\"]\n",
    "each = [1, {}]\n",
    "default = 3\n",
    "short = \"h\"\n",
    "value = \"X\"\n",
    "shared = true\n",
    "prefix = \"\"\n",
    "exclusive = true\n",
];

/// A change to a text: where, how much is taken out, what is put in.
type Change = (Index, Option<usize>, &'static str);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = (any::<Index>(), proptest::option::of(0..12usize), select(SCRAPS));
    proptest::collection::vec(change, 1..6)
}

fn changed(text: &str, changes: &[Change]) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for (at, out, scrap) in changes {
        let start = at.index(letters.len() + 1);
        let end = (start + out.unwrap_or(0)).min(letters.len());
        letters.splice(start..end, scrap.chars());
    }
    letters.into_iter().collect()
}

/// Lines of ours in any order, whole or cut.
fn lines() -> impl Strategy<Value = String> {
    let all: Vec<&'static str> = PRESET.lines().chain(STARTER.lines()).collect();
    let line = (select(all), proptest::option::weighted(0.1, any::<Index>()));
    proptest::collection::vec(line, 0..30).prop_map(|lines| {
        let cut = |(line, at): (&str, Option<Index>)| {
            let keep = at.map_or(usize::MAX, |at| at.index(line.chars().count() + 1));
            line.chars().take(keep).collect::<String>() + "\n"
        };
        lines.into_iter().map(cut).collect()
    })
}

/// Everything in the errors points into its text, and can be told.
fn can_be_told(errors: ConfigErrors) {
    assert!(!errors.errors.is_empty());
    for error in &errors.errors {
        for at in error.at.iter().chain(error.also.iter().map(|(at, _)| at)) {
            let text = &errors.sources.get(at.source).text;
            assert!(text.get(at.span.clone()).is_some(), "{:?} points out of its text at {:?}", error.problem, at.span);
        }
    }
    let failure = Failure::from(errors);
    assert!(failure.report.text(false).starts_with("error: ") && failure.report.json().is_array());
}

fn plan_can_be_told(errors: PlanErrors) {
    assert!(!errors.errors.is_empty());
    for at in errors.errors.iter().filter_map(|error| error.at.as_ref()) {
        assert!(errors.sources.get(at.source).text.get(at.span.clone()).is_some(), "{:?}", errors.errors);
    }
    assert!(Failure::from(errors).report.text(false).starts_with("error: "));
}

/// Loads it; plans it with all silos and reads a command line with its flags, if it is any good.
fn survives(toml: &str) {
    let layers = vec![Layer { name: "devserver.toml".into(), text: toml.into() }];
    let config = match load(&Texts { layers, ..Texts::default() }) {
        Ok(config) => config,
        Err(errors) => return can_be_told(errors),
    };
    args::parse(&["plan".to_owned()], &config).expect("a command line without flags is fine");
    let facts = Facts { folder: "/src/app".into(), ..Facts::default() };
    for silos in [vec![], config.silos.keys().map(|silo| silo.to_string()).collect()] {
        if let Err(errors) = plan(&config, &Choices { silos, ..Choices::default() }, &facts) {
            plan_can_be_told(errors);
        }
    }
}

#[test]
fn what_nests_without_end_is_answered() {
    // A test's thread has a quarter of the stack that the main thread has, where all this happens.
    let as_main = std::thread::Builder::new().stack_size(8 << 20).spawn(nested).expect("a thread can be started");
    as_main.join().expect("it neither panics nor overflows");
}

fn nested() {
    let service = |key: &str, value: &str| format!("[service.web]\ncommand = \"run\"\n{key} = \"{value}\"\n");
    for (open, times) in [("not ", 255), ("1+", 510), ("(", 1000), ("a[", 510), ("-", 1000), ("[", 1000)] {
        survives(&service("when", &format!("{}true", open.repeat(times))));
        survives(&service("when", &format!("{}true", open.repeat(100 * times))));
    }
    for piece in ["{{ 1|upper|upper|upper", "{% if true %}", "{% for a in b %}", "{{ '}}' }}", "{{"] {
        survives(&service("cwd", &piece.repeat(180)));
        survives(&service("cwd", &piece.repeat(9000)));
    }
    survives(&format!("{}1", "a = [".repeat(9000)));
    survives(&format!("a{} = 1", ".a".repeat(90_000)));
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_small_file_with_slips_is_answered(changes in changes()) {
        survives(&changed(STARTER, &changes));
    }

    #[test]
    fn lines_in_any_order_are_answered(text in lines()) {
        survives(&text);
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,60}|[\\[\\]{}=\"'.a-c\n #]{0,60}") {
        survives(&text);
    }
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_large_file_with_slips_is_answered(changes in changes()) {
        survives(&changed(PRESET, &changes));
    }

    #[test]
    fn any_command_line_is_answered(
        words in proptest::collection::vec(
            prop_oneof![
                select(vec![
                    "plan", "config", "show", "check", "init", "--", "-", "--silo", "--silo=control,", "--workers",
                    "--no-workers", "--set", "--set=a=b", "--config", "--env", "--json", "--help", "-l", "-lDEBUG", "--ngrok",
                    "--ngrok=", "127.0.0.1:8000", "[::1]:1", ":", "--color", "--color=never", "-h", "-V", "--=x", "-=",
                ])
                .prop_map(str::to_owned),
                "\\PC{0,12}",
                "--?[a-z-]{0,12}(=[a-z0-9]{0,5})?",
            ],
            0..6,
        ),
    ) {
        let config = load(&Texts { preset: Some("sentry".into()), ..Texts::default() }).expect("the preset is right");
        let _ = args::early(&words);
        let _ = args::parse_fixed(&words);
        if let Err(failure) = args::parse(&words, &config) {
            prop_assert!(failure.report.text(false).starts_with("error: "));
        }
    }
}
