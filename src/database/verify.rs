//! Everything that is checked before a silo's database gets its name.

use std::collections::BTreeSet;

use super::catalog::{Name, positions};
use super::error::DatabaseError;
use super::portrait::Portrait;
use super::quote::{identifier, literal};
use super::session::Client;
use super::split::{Built, Line, Split, tables_of};
use super::survey::Survey;

/// How many differences are said.
const MOST: usize = 20;

/// Checks it: tables, indexes, constraints, triggers, foreign keys, extensions, sequences, functions, mappings. The
/// rows were counted when it was built.
///
/// # Errors
/// With everything that isn't as in the source.
pub(super) async fn verify(
    client: &Client,
    survey: &Survey,
    split: &Split,
    built: &Built<'_>,
) -> Result<Line, DatabaseError> {
    let kind = built.target.silo.kind.as_str();
    let tables = tables_of(survey, kind);
    let names: BTreeSet<&Name> = tables.iter().map(|table| &table.name).collect();
    let own_keys = survey.catalog.foreign_keys.iter().filter(|key| survey.division.has_key(kind, key));
    let own_keys: BTreeSet<(&Name, &str)> =
        own_keys.filter_map(|key| Some((&survey.catalog.table(key.from)?.name, key.name.as_str()))).collect();
    let wanted = survey.portrait.only(|name| names.contains(name), |table, key| own_keys.contains(&(table, key)));
    let found = Portrait::of(client).await?;
    let mut differences = wanted.differences(&found);

    let doing = format!("checking {}", built.target.silo.database);
    let there = "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n \
                 ON n.oid = c.relnamespace WHERE c.relkind = 'S' AND n.nspname !~ '^pg_'";
    let there = client.rows(&doing, there, &[]).await?;
    let there: Vec<Name> = there.iter().map(|row| Name { schema: row.get(0), name: row.get(1) }).collect();
    let owned =
        survey.catalog.sequences.iter().filter(|one| one.owner.is_some_and(|table| survey.division.has(kind, table)));
    differences
        .extend(owned.filter(|one| !there.contains(&one.name)).map(|one| format!("missing: sequence {}", one.name)));
    if built.target.with_rows {
        for (name, found) in positions(client, &there).await? {
            match survey.positions.get(&name) {
                Some(wanted) if *wanted == found => {}
                Some(wanted) => {
                    differences.push(format!("sequence {name} is at {}, and the source's at {}", found.0, wanted.0))
                }
                None => differences.push(format!("unexpected: sequence {name}")),
            }
        }
    }
    for function in survey.catalog.functions.iter().filter(|function| survey.division.is_assigned(kind, function)) {
        let sql = "SELECT count(*) FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
                   WHERE n.nspname = $1 AND p.proname = $2";
        let row = client.row(&doing, sql, &[&function.name.schema, &function.name.name]).await?;
        if row.get::<_, i64>(0) == 0 {
            differences.push(format!("missing: function {}{}", function.name, function.arguments));
        }
    }
    for (mapping, _) in &survey.mapped {
        let Some(table) = tables.iter().find(|table| table.name.to_string() == mapping.table) else { continue };
        let legacy = literal(&split.wanted.legacy_region);
        let sql = format!("SELECT count(*) FROM {} WHERE {} = {legacy}", table.name.sql(), identifier(&mapping.column));
        let left: i64 = client.row(&doing, &sql, &[]).await?.get(0);
        if left > 0 && survey.region != split.wanted.legacy_region {
            differences.push(format!("{}: {left} rows still have {} = {legacy}", mapping.table, mapping.column));
        }
    }
    if !differences.is_empty() {
        let more = differences.len().saturating_sub(MOST);
        differences.truncate(MOST);
        differences.extend((more > 0).then(|| format!("and {more} more")));
        return Err(DatabaseError::Unlike { differences });
    }
    let bytes = client.row(&doing, "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())", &[]).await?;
    Ok(Line {
        silo: built.target.silo.silo.to_string(),
        database: built.target.silo.database.clone(),
        tables: tables.len(),
        rows: built.rows.values().sum(),
        foreign_keys: found.foreign_keys.len(),
        sequences: there.len(),
        bytes: bytes.get(0),
        millis: built.millis,
    })
}
