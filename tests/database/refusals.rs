//! What is refused, with the whole message and nothing changed.

use super::apps::{config, small};
use crate::support::Devserver;
use crate::support::postgres::cluster;

#[test]
fn a_target_that_is_not_empty_is_refused_with_its_size() {
    let Some(cluster) = cluster() else { return };
    let project = small(cluster, "full", "").args("db split");
    cluster.make("full_region", "CREATE TABLE precious (id int); INSERT INTO precious VALUES (1)");
    let said = project.run();
    said.ends_with_code(9);
    let (head, rest) = said.stderr.split_once("(1 tables, ").expect("how many tables there are");
    assert_eq!(head, "error: database `full_region` is not empty ");
    let (_, rest) = rest.split_once(')').expect("its size");
    assert_eq!(
        rest,
        "\n  = nothing was changed; `full` (the source) is only ever read\n  \
         help: devserver db split --reset     keeps it as full_region__before_TIME, then builds a new one\n"
    );
    assert_eq!(cluster.databases("full"), ["full", "full_region"]);
    assert_eq!(cluster.ask("full_region", "SELECT id FROM precious"), "1");
}

#[test]
fn a_source_that_is_not_there_is_named_with_names_like_it() {
    let Some(cluster) = cluster() else { return };
    cluster.make("sentinel", "");
    let project = Devserver::of(&config(cluster, "sentinal", "")).file("tables.toml", "").args("db split");
    let said = project.run();
    said.ends_with_code(4);
    let server = format!("{}/.s.PGSQL.5432", cluster.folder.display());
    assert_eq!(
        said.stderr,
        format!(
            "error: there is no database `sentinal` at {server}\n  \
             help: did you mean `sentinel`? Or make the databases with `devserver db create`\n"
        )
    );
}

#[test]
fn one_database_for_two_silos_and_a_source_that_is_a_target_are_said_at_once() {
    let Some(cluster) = cluster() else { return };
    let toml = config(cluster, "same", "").replace("same_control", "same").replace("same_region", "same");
    let said = Devserver::of(&toml).file("tables.toml", "").args("db split").run();
    said.ends_with_code(9);
    assert!(said.stderr.starts_with("error: `same` would be split into itself\n"), "{}", said.stderr);
    assert!(
        said.stderr.contains("error: silo `control` and silo `region` have one database: `same`\n"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_server_elsewhere_is_refused_whatever_the_variables_say() {
    let Some(cluster) = cluster() else { return };
    let project = |url: &str| {
        Devserver::of(&config(cluster, "far", "")).file("tables.toml", "").args("db create").arg(format!("--url={url}"))
    };
    project("postgres://me@db.example").refuses(
        9,
        "error: refusing to touch a server that isn't on this machine: host `db.example` is neither localhost nor a loopback address\n  \
         help: name a socket's folder, localhost, 127.0.0.1 or ::1; there is no flag for a remote one\n",
    );
    project("postgres://me@localhost?hostaddr=10.2.0.9").refuses(
        9,
        "error: refusing to touch a server that isn't on this machine: host is `localhost`, but hostaddr 10.2.0.9 is where it connects to\n  \
         help: name a socket's folder, localhost, 127.0.0.1 or ::1; there is no flag for a remote one\n",
    );
    // None of these moves the connection of ours or of pg_dump: all of it works as if they weren't there.
    let project = small(cluster, "near", "").args("db split --strategy=copy");
    let strays = [
        ("PGHOSTADDR", "10.2.0.9"),
        ("PGHOST", "db.example"),
        ("PGPORT", "1"),
        ("PGSERVICE", "far"),
        ("PGSERVICEFILE", "/nowhere"),
        ("PGOPTIONS", "-c default_transaction_read_only=on"),
        ("PGSSLMODE", "require"),
        ("PGDATABASE", "x"),
        ("PGUSER", "x"),
    ];
    strays.into_iter().fold(project, |project, (name, value)| project.env(name, value)).run().ends_with_code(0);
}

#[test]
fn who_may_not_make_databases_is_told_so() {
    let Some(cluster) = cluster() else { return };
    let project = small(cluster, "rights", "");
    cluster.ask("postgres", "CREATE ROLE powerless LOGIN");
    let server = format!("{}/.s.PGSQL.5432", cluster.folder.display());
    project.args("db split").arg(format!("--url={}", cluster.url_as("powerless"))).refuses(
        4,
        &format!(
            "error: powerless may not make databases at {server}\n  \
             help: ALTER ROLE \"powerless\" CREATEDB; or name another user in `url`\n"
        ),
    );
}

#[test]
fn a_region_that_is_not_there_is_a_usage_error() {
    let Some(cluster) = cluster() else { return };
    small(cluster, "regions", "")
        .args("db split --region=eu")
        .refuses(2, "error: there is no region `eu`\n  help: regions are control, us\n");
}
