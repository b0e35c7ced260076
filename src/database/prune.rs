//! Takes out of a database what isn't its silo's: the same for one that was cloned with its rows and for one that
//! has the bare tables yet.
//!
//! Nothing is dropped with CASCADE: what needs a thing that goes is found first, or is an error with the server's
//! words. What may stay or go (functions, types, sequences that stand alone) goes unless something needs it.

use std::collections::BTreeSet;

use tokio_postgres::error::SqlState;

use super::catalog::{Catalog, Name};
use super::division::Division;
use super::error::DatabaseError;
use super::quote::identifier;
use super::session::Client;

/// How many tables are dropped at once: each takes some locks, and a server has a bounded table of those.
const AT_ONCE: usize = 100;

/// One thing that goes.
struct Going {
    what: String,
    sql: String,
    must: bool,
}

/// Takes it out.
///
/// # Errors
/// When something that stays needs something that must go.
pub async fn prune(
    client: &Client,
    catalog: &Catalog,
    division: &Division,
    kind: &str,
    database: &str,
) -> Result<(), DatabaseError> {
    let doing = format!("taking out of {database} what isn't its own");
    keys(client, catalog, division, kind, &doing).await?;
    let mut going: Vec<Going> = Vec::new();
    for view in division.views_left_out(kind, catalog) {
        going.push(thing(&view.word, &view.name, view.sql(), true));
    }
    rounds(client, &mut going, &doing).await?;
    // Roots only: their partitions go with them.
    let tables: Vec<_> = catalog
        .tables
        .iter()
        .filter(|table| !division.has(kind, table.oid) && catalog.root(table).oid == table.oid)
        .collect();
    let mut left: Vec<Going> = Vec::new();
    for some in tables.chunks(AT_ONCE) {
        let names: Vec<String> = some.iter().map(|table| table.name.sql()).collect();
        let all = format!("DROP TABLE {}", names.join(", "));
        if client.run_unless(&doing, &all, &SqlState::DEPENDENT_OBJECTS_STILL_EXIST).await?.is_some() {
            left.extend(some.iter().map(|table| thing("TABLE", &table.name, table.name.sql(), true)));
        }
    }
    if !left.is_empty() {
        // What a table that goes can't go without: a function that returns its rows.
        left.extend(optional(catalog, division, kind));
        rounds(client, &mut left, &doing).await?;
    }
    going.append(&mut left);
    match going.into_iter().find(|thing| thing.must) {
        None => Ok(()),
        Some(thing) => {
            let why = client.run_unless(&doing, &thing.sql, &SqlState::DEPENDENT_OBJECTS_STILL_EXIST).await?;
            let (database, why) = (database.to_owned(), why.unwrap_or_default());
            Err(DatabaseError::StillNeeded { database, what: thing.what, why })
        }
    }
}

/// Takes out functions, types and lone sequences that nothing uses and that aren't assigned to the silo; once
/// everything that could use them is there. What was taken out.
///
/// # Errors
/// When the server refuses.
pub async fn unused(
    client: &Client,
    catalog: &Catalog,
    division: &Division,
    kind: &str,
    database: &str,
) -> Result<(), DatabaseError> {
    let mut going = optional(catalog, division, kind);
    rounds(client, &mut going, &format!("taking out of {database} what isn't its own")).await
}

fn thing(word: &str, name: &Name, sql: String, must: bool) -> Going {
    Going { what: format!("{} {name}", word.to_lowercase()), sql: format!("DROP {word} IF EXISTS {sql}"), must }
}

fn optional(catalog: &Catalog, division: &Division, kind: &str) -> Vec<Going> {
    let objects = catalog.functions.iter().chain(&catalog.types).filter(|object| !division.is_assigned(kind, object));
    let sequences = catalog.sequences.iter().filter(|sequence| sequence.owner.is_none());
    let objects = objects.map(|object| thing(&object.word, &object.name, object.sql(), false));
    objects.chain(sequences.map(|one| thing("SEQUENCE", &one.name, one.name.sql(), false))).collect()
}

/// Foreign keys of what goes, and to what goes.
async fn keys(
    client: &Client,
    catalog: &Catalog,
    division: &Division,
    kind: &str,
    doing: &str,
) -> Result<(), DatabaseError> {
    // A database that has bare tables yet has none of them.
    let sql = "SELECT n.nspname::text, c.relname::text, k.conname::text FROM pg_constraint k \
               JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE k.contype = 'f'";
    let rows = client.rows(doing, sql, &[]).await?;
    let there: BTreeSet<(Name, String)> =
        rows.iter().map(|row| (Name { schema: row.get(0), name: row.get(1) }, row.get(2))).collect();
    let mut drops = Vec::new();
    for key in catalog.foreign_keys.iter().filter(|key| !key.inherited && !division.has_key(kind, key)) {
        let Some(table) = catalog.table(key.from) else { continue };
        if there.contains(&(table.name.clone(), key.name.clone())) {
            drops.push(format!("ALTER TABLE {} DROP CONSTRAINT {}", table.name.sql(), identifier(&key.name)));
        }
    }
    for some in drops.chunks(AT_ONCE) {
        client.run(doing, &some.join(";\n")).await?;
    }
    Ok(())
}

/// Drops what can be dropped, again and again, until nothing more can: what is left is needed.
async fn rounds(client: &Client, going: &mut Vec<Going>, doing: &str) -> Result<(), DatabaseError> {
    loop {
        let before = going.len();
        let mut still = Vec::new();
        for thing in going.drain(..) {
            if client.run_unless(doing, &thing.sql, &SqlState::DEPENDENT_OBJECTS_STILL_EXIST).await?.is_some() {
                still.push(thing);
            }
        }
        *going = still;
        if going.is_empty() || going.len() == before {
            return Ok(());
        }
    }
}
