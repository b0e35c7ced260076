//! `db create`, `db drop`, `db clean`: what they make, what they leave alone, what they ask.

use super::apps::config;
use crate::support::Devserver;
use crate::support::postgres::cluster;

#[test]
fn databases_are_made_in_utf8_and_a_second_time_nothing_happens() {
    let Some(cluster) = cluster() else { return };
    let project = Devserver::of(&config(cluster, "made", "")).args("db create");
    project.prints("made made\nmade made_control\nmade made_region\n");
    let said = project.run();
    said.ends_with_code(0);
    let lines: Vec<&str> = said.stdout.lines().map(|line| line.split(" (").next().expect("a line")).collect();
    assert_eq!(lines, ["made was there already", "made_control was there already", "made_region was there already"]);
    let sql = "SELECT DISTINCT pg_encoding_to_char(encoding) FROM pg_database WHERE datname LIKE 'made%'";
    assert_eq!(cluster.ask("postgres", sql), "UTF8");
}

#[test]
fn nothing_is_dropped_without_a_yes_and_only_what_is_configured_with_one() {
    let Some(cluster) = cluster() else { return };
    let of = |args: &str| Devserver::of(&config(cluster, "dropped", "")).args(args);
    of("db create").run().ends_with_code(0);
    cluster.make("dropped_other", "");
    let said = of("db drop").run();
    said.ends_with_code(9);
    assert!(said.stderr.ends_with("Nobody is here to answer\n  help: say --yes\n"), "{}", said.stderr);
    assert_eq!(cluster.databases("dropped").len(), 4);
    of("db drop --yes").prints("dropped dropped\ndropped dropped_control\ndropped dropped_region\n");
    assert_eq!(cluster.databases("dropped"), ["dropped_other"]);
    of("db drop --yes").prints("none of them is there\n");
}

#[test]
fn names_with_quotes_blanks_and_what_looks_like_a_connection_string_are_names() {
    let Some(cluster) = cluster() else { return };
    let names = ["odd a\\\"b'c", "odd dbname=postgres host=10.2.0.9", "odd postgres://x@10.2.0.9/y é漢"];
    let toml = format!(
        "[silo.control]\n[silo.region]\n[service.a]\ncommand = [\"true\"]\n[database]\nurl = \"{}\"\n\
         monolith = \"{}\"\nsilos = {{ control = \"{}\", region = \"{}\" }}\n",
        cluster.url(),
        names[0],
        names[1],
        names[2]
    );
    Devserver::of(&toml).args("db create").run().ends_with_code(0);
    let plain: Vec<String> = names.iter().map(|name| name.replace("\\\"", "\"")).collect();
    let mut found = cluster.databases("odd ");
    found.sort();
    let mut expected = plain;
    expected.sort();
    assert_eq!(found, expected);
    Devserver::of(&toml).args("db drop -y").run().ends_with_code(0);
    assert_eq!(cluster.databases("odd "), Vec::<String>::new());
}
