//! Files that can't be read, and folders that have none.

use crate::support::Devserver;

#[test]
fn a_folder_without_a_configuration_names_init() {
    Devserver::new().args("plan").refuses(
        3,
        "error: there is no devserver.toml in <folder> or above it\n  \
           help: write one with `devserver init`, or name one with --config=FILE\n",
    );
    Devserver::new().refuses(
        3,
        "error: there is no devserver.toml in <folder> or above it\n  \
           help: write one with `devserver init`, or name one with --config=FILE\n\n\
         Nothing was started.\n",
    );
    // A word behind a flag is the flag's value, as long as nobody knows the flags.
    Devserver::new().args("--loglevel debug").refuses(
        3,
        "error: there is no devserver.toml in <folder> or above it\n  \
           help: write one with `devserver init`, or name one with --config=FILE\n\n\
         Nothing was started.\n",
    );
}

#[test]
fn a_checkout_that_a_preset_recognises_needs_no_file() {
    let said = Devserver::new()
        .file("src/sentry/conf/server.py", "")
        .folder("src/sentry/silo")
        .folder("src/sentry/web/frontend")
        .inside("src/sentry/web/frontend")
        .args("plan --no-watchers")
        .run();
    let first = said.stdout.lines().next().unwrap_or_default();
    assert_eq!(first, "no devserver.toml here; using the preset `sentry` for <folder>");
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
}

#[test]
fn a_file_above_counts_before_a_checkout_is_recognised() {
    let said = Devserver::of("[service.web]\ncommand = \"run\"\n")
        .file("below/src/sentry/conf/server.py", "")
        .folder("below/src/sentry/silo")
        .inside("below")
        .args("config check")
        .run();
    assert_eq!((said.code, said.stdout.as_str()), (0, "1 service, 1 silo (monolith): nothing is wrong\n"));
}

#[test]
fn a_file_that_is_no_utf8_is_told_with_byte_and_line() {
    Devserver::new()
        .file("devserver.toml", b"[service.web]\ncommand = \"caf\xe9\"\n")
        .args("plan")
        .refuses(3, "error: devserver.toml isn't UTF-8: byte 0xe9 on line 2\n  help: save it as UTF-8\n");
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    Devserver::of("\u{feff}[service.web]\ncommand = \"run\"\n")
        .args("config check")
        .prints("1 service, 1 silo (monolith): nothing is wrong\n");
}

#[test]
fn a_file_that_cannot_be_read_is_told_why() {
    // A folder of that name can be read by nobody, not even by root.
    Devserver::new().folder("devserver.toml").args("plan").refuses(
        3,
        "error: devserver.toml can't be read: is a directory\n  help: is it a file, and are you its owner?\n",
    );
    Devserver::of("[service.web]\ncommand = \"run\"\n").folder("devserver.local.toml").args("plan").refuses(
        3,
        "error: devserver.local.toml can't be read: is a directory\n  help: is it a file, and are you its owner?\n",
    );
}

#[test]
fn a_file_that_is_far_too_long_is_not_parsed() {
    Devserver::new().file("devserver.toml", "#".repeat(3 << 20)).args("plan").refuses(
        3,
        "error: devserver.toml is 3072 KiB long; a configuration has at most 1024\n  help: is it the right file?\n",
    );
}

#[test]
fn what_is_wrong_in_the_local_file_is_shown_there() {
    Devserver::of("[setting]\ntoken = \"a\"\n[service.web]\ncommand = \"run\"\n")
        .file("devserver.local.toml", "[service.web]\ncomand = \"walk\"\n")
        .folder("deep/er")
        .inside("deep/er")
        .args("plan")
        .refuses(
            3,
            "error: unknown key `comand` in service `web`
 --> <folder>/devserver.local.toml:2:1
  |
2 | comand = \"walk\"
  | ^^^^^^
  |
  = help: did you mean `command`?
",
        );
}

#[test]
fn a_file_that_is_named_and_is_not_there_is_told_as_it_was_named() {
    Devserver::new().args("plan --config=../nowhere.toml").refuses(
        3,
        "error: --config=../nowhere.toml: there is no such file\n  help: name a devserver.toml, or its folder\n",
    );
}

#[test]
fn init_writes_a_file_that_plans_and_never_writes_over_one() {
    let folder = Devserver::new().args("init");
    folder.prints(
        "wrote devserver.toml\nwrote .devserver/schema.json, which editors complete and check it with\n\
         next: look over its services, then `devserver plan` and `devserver`\n",
    );
    folder.refuses(
        9,
        "error: there is a devserver.toml here already; it was left as it is\n  \
           help: edit it, or move it away first\n",
    );
    let said = Devserver::of(include_str!("../../../templates/starter.toml")).args("plan --workers").run();
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
}
