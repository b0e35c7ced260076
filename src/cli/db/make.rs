//! `db create`, `db drop`, `db clean` and `db check`.

use serde_json::json;

use crate::database::{
    Checked, Finding, Made, Named, Seen, check as look, create as make, drop as remove, left, size, there,
};

use super::super::exit_code::Exit;
use super::super::main::say;
use super::super::report::{Failure, Trouble};
use super::job::{Job, agreed, failure, failures, warn};

/// Every database of the configuration.
pub fn named(job: &Job<'_>) -> Vec<Named> {
    let monolith = Named { whose: "the monolith".into(), name: job.databases.monolith.clone() };
    let silo = |silo: &crate::model::SiloDatabase| Named {
        whose: format!("silo `{}`", silo.silo),
        name: silo.database.clone(),
    };
    std::iter::once(monolith).chain(job.databases.silos.iter().map(silo)).collect()
}

/// Makes them.
///
/// # Errors
/// When the server can't be reached, or refuses.
pub async fn create(job: &Job<'_>) -> Result<Exit, Failure> {
    for made in make(&job.server, &named(job)).await.map_err(failures)? {
        match made {
            Made::Now(name) => say(&format!("made {name}\n")),
            Made::Before(name, bytes, encoding) => {
                say(&format!("{name} was there already ({})\n", size(bytes)));
                if encoding != "UTF8" {
                    warn(&format!("`{name}` is in {encoding}, not in UTF-8; make it anew: devserver db drop"));
                }
            }
        }
    }
    Ok(Exit::Fine)
}

/// Drops them, if the user wants that.
///
/// # Errors
/// When the server can't be reached, refuses, or nobody can be asked.
pub async fn drop(job: &Job<'_>) -> Result<Exit, Failure> {
    let there = there(&job.server, &named(job)).await.map_err(failures)?;
    if there.is_empty() {
        say("none of them is there\n");
        return Ok(Exit::Fine);
    }
    let list: Vec<String> =
        there.iter().map(|one| format!("{} ({})", one.name, one.bytes.map_or("?".into(), size))).collect();
    let question = format!("Drop {} at {}, with everything in them?", list.join(", "), job.server);
    if !agreed(&question, job.view.yes)? {
        say("nothing was dropped\n");
        return Ok(Exit::Refused);
    }
    let names: Vec<String> = there.into_iter().map(|one| one.name).collect();
    remove(&job.server, &names).await.map_err(failures)?;
    names.iter().for_each(|name| say(&format!("dropped {name}\n")));
    Ok(Exit::Fine)
}

/// Removes what splits have left or kept.
///
/// # Errors
/// When the server can't be reached, refuses, or nobody can be asked.
pub async fn clean(job: &Job<'_>) -> Result<Exit, Failure> {
    let left = left(&job.server, &named(job)).await.map_err(failures)?;
    if left.is_empty() {
        say("nothing is left of any split\n");
        return Ok(Exit::Fine);
    }
    for one in &left {
        say(&format!("{} ({}): {}\n", one.name, one.bytes.map_or("?".into(), size), one.what));
    }
    let question = format!("Drop {} at {}?", if left.len() == 1 { "it" } else { "them" }, job.server);
    if !agreed(&question, job.view.yes)? {
        say("nothing was dropped\n");
        return Ok(Exit::Refused);
    }
    let names: Vec<String> = left.into_iter().map(|one| one.name).collect();
    remove(&job.server, &names).await.map_err(failures)?;
    names.iter().for_each(|name| say(&format!("dropped {name}\n")));
    Ok(Exit::Fine)
}

/// Says how they are.
///
/// # Errors
/// When the server can't be reached, or something isn't as it should be.
pub async fn check(job: &Job<'_>) -> Result<Exit, Failure> {
    let checked = look(&job.server, &job.databases).await.map_err(|error| failure(vec![error]))?;
    let exit = if checked.findings.is_empty() { Exit::Fine } else { Exit::Preflight };
    if job.view.json {
        say(&format!("{:#}\n", json(&checked)));
        return Ok(exit);
    }
    for silo in &checked.silos {
        let how = match silo.tables {
            None => "isn't there".to_owned(),
            Some(tables) => format!("{tables} tables, {} migrations, {}", silo.migrations, size(silo.bytes)),
        };
        say(&format!("{}: {} ({how})\n", silo.silo, silo.database));
    }
    if !checked.leftovers.is_empty() {
        say(&format!("kept or left by splits, until `devserver db clean`: {}\n", checked.leftovers.join(", ")));
    }
    if checked.findings.is_empty() {
        say("nothing is wrong\n");
        return Ok(exit);
    }
    let trouble = |finding: &Finding| Trouble::new(finding.message.clone(), Some(finding.hint.clone()));
    Err(Failure::all(exit, checked.findings.iter().map(trouble).collect()))
}

fn json(checked: &Checked) -> serde_json::Value {
    let silo = |silo: &Seen| {
        json!({ "silo": silo.silo, "database": silo.database, "there": silo.tables.is_some(), "tables": silo.tables,
                "migrations": silo.migrations, "bytes": silo.bytes })
    };
    let finding = |finding: &Finding| {
        json!({ "kind": finding.kind, "message": finding.message, "help": finding.hint,
                "file": finding.at.as_ref().map(|(file, _)| file.display().to_string()),
                "line": finding.at.as_ref().map(|(_, line)| line) })
    };
    json!({ "ok": checked.findings.is_empty(), "silos": checked.silos.iter().map(silo).collect::<Vec<_>>(),
            "findings": checked.findings.iter().map(finding).collect::<Vec<_>>(), "leftovers": checked.leftovers })
}
