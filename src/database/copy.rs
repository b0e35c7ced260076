//! By copy: the bare tables first, then their rows from one snapshot, then all that hangs on them.

use super::catalog::{Name, Table};
use super::error::DatabaseError;
use super::prune::{prune, unused};
use super::quote::literal;
use super::script::without_meta;
use super::session::Client;
use super::split::{Built, Split, WRITING, Watch, count_all, readers, several, tables_of, without};
use super::survey::{Survey, Target};
use super::tools::{Dumper, Section};
use super::voice::Voice;
use super::{build, post, rows};

/// Builds the databases of all silos that get rows.
///
/// # Errors
/// When the server or pg_dump refuses, or rows are missing.
pub(super) async fn copy<'s>(
    split: &Split,
    client: &Client,
    dumper: &Dumper,
    survey: &'s Survey,
    reading: &Client,
    voice: &dyn Voice,
) -> Result<Vec<Built<'s>>, DatabaseError> {
    let source = &survey.source.name;
    let (mut from, snapshot) = readers(split, source, reading).await?;
    let bare = without_meta(&dumper.schema(&split.server, source, Section::Before, &snapshot).await?);
    let mut built = Vec::new();
    for target in survey.targets.iter().filter(|target| target.with_rows) {
        let begun = Watch::start();
        split.announce(target, source, voice);
        let kind = target.silo.kind.as_str();
        let tables = tables_of(survey, kind);
        let temporary = split.temporary(target);
        build::empty(client, &temporary, source, &split.id).await?;
        let mut to = several(&split.server, &temporary, WRITING, split.jobs).await?;
        let first = to.first().ok_or_else(|| DatabaseError::Other { message: "no connection".into() })?;
        first.run(&format!("making the tables of {}", target.silo.database), &bare).await?;
        // The script has set the session up for itself.
        first.run("setting the session up", "RESET ALL").await?;
        prune(first, &survey.catalog, &survey.division, kind, &target.silo.database).await?;

        let with_rows: Vec<&Table> = tables.iter().copied().filter(|table| table.has_rows).collect();
        let bytes: i64 = with_rows.iter().map(|table| table.bytes).sum();
        voice.ahead(&target.silo.database, u64::try_from(bytes).unwrap_or_default(), with_rows.len() as u64);
        let pairs: Vec<(Client, Client)> = from.drain(..).zip(to.drain(..)).collect();
        let copied = rows::copy(&pairs, with_rows.clone(), voice).await?;
        (from, to) = pairs.into_iter().unzip();
        voice.over();
        let counted = count_all(&from, &with_rows).await?;
        if counted != copied {
            let differ = counted.iter().filter(|(name, rows)| copied.get(*name) != Some(rows));
            let said = differ.map(|(name, rows)| {
                format!("{name}: {rows} rows, of which {} arrived", copied.get(name).unwrap_or(&0))
            });
            return Err(DatabaseError::Unlike { differences: said.collect() });
        }
        let first = to.first().ok_or_else(|| DatabaseError::Other { message: "no connection".into() })?;
        sequences(first, survey, target).await?;
        let names: Vec<Name> = tables.iter().map(|table| table.name.clone()).collect();
        let behind = dumper.schema(&split.server, source, Section::Behind(&names), &snapshot).await?;
        post::run(&to, &without_meta(&behind), &without(survey, kind), &target.silo.database).await?;
        if let Some(first) = to.first() {
            unused(first, &survey.catalog, &survey.division, kind, &target.silo.database).await?;
        }
        built.push(Built { target, temporary, rows: counted, millis: begun.millis() });
    }
    Ok(built)
}

/// Sets the sequences that are there to where the source has them.
async fn sequences(client: &Client, survey: &Survey, target: &Target) -> Result<(), DatabaseError> {
    let doing = format!("setting the sequences of {}", target.silo.database);
    let sql = "SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S'";
    let there = client.rows(&doing, sql, &[]).await?;
    let there = there.iter().map(|row| Name { schema: row.get(0), name: row.get(1) });
    let set = there.filter_map(|name| {
        let (last, called) = survey.positions.get(&name)?;
        Some(format!("SELECT pg_catalog.setval({}, {last}, {called})", literal(&name.sql())))
    });
    client.run(&doing, &set.collect::<Vec<_>>().join(";\n")).await
}
