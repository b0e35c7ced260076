//! By clone: the whole database inside the server, then what isn't the silo's goes.

use super::error::DatabaseError;
use super::list::About;
use super::prune::{prune, unused};
use super::session::Client;
use super::split::{Built, Split, WRITING, Watch, count_all, readers, several, tables_of};
use super::survey::{Survey, Target};
use super::voice::Voice;
use super::{build, together};

/// Builds the databases of all silos that get rows; nothing where somebody has connected to the source meanwhile.
///
/// # Errors
/// When the server refuses.
pub(super) async fn clone<'s>(
    split: &Split,
    client: &Client,
    about: &About,
    survey: &'s Survey,
    reading: Client,
    voice: &dyn Voice,
) -> Result<Option<Vec<Built<'s>>>, DatabaseError> {
    let source = &survey.source.name;
    let begun = Watch::start();
    let placed: Vec<_> =
        survey.catalog.tables.iter().filter(|table| !survey.division.nowhere.contains(&table.name)).collect();
    let (readers, _) = readers(split, source, &reading).await?;
    let counted = count_all(&readers, &placed).await?;
    // The server clones nothing that anybody is connected to, us included.
    drop((readers, reading));
    let targets: Vec<&Target> = survey.targets.iter().filter(|target| target.with_rows).collect();
    let mut from = source.clone();
    for target in &targets {
        split.announce(target, source, voice);
        let temporary = split.temporary(target);
        if !build::clone(client, about, &temporary, &from, source, &split.id).await? {
            return Ok(None);
        }
        // The next one is a copy of this copy: both are of one moment.
        from = temporary;
    }
    let work = targets.iter().map(async |target| {
        let database = &target.silo.database;
        let kind = target.silo.kind.as_str();
        let temporary = split.temporary(target);
        let clients = several(&split.server, &temporary, WRITING, split.jobs).await?;
        let Some(first) = clients.first() else {
            return Err(DatabaseError::Other { message: "no connection".into() });
        };
        prune(first, &survey.catalog, &survey.division, kind, database).await?;
        unused(first, &survey.catalog, &survey.division, kind, database).await?;
        let tables = tables_of(survey, kind);
        let found = count_all(&clients, &tables).await?;
        let differ = found.iter().filter(|(name, rows)| counted.get(*name) != Some(rows));
        let said: Vec<String> = differ
            .map(|(name, rows)| format!("{name} had {} rows, and has {rows}", counted.get(name).unwrap_or(&0)))
            .collect();
        match said.is_empty() {
            true => Ok(Built { target, temporary, rows: found, millis: begun.millis() }),
            false => Err(DatabaseError::Changed { name: source.clone(), what: said.join("; ") }),
        }
    });
    together::all(work).await.map(Some)
}

/// Makes the database of a silo that has the tables of another of its kind, and of their rows only those that every
/// silo has.
///
/// # Errors
/// When the server refuses.
pub(super) async fn schema_only<'s>(
    split: &Split,
    client: &Client,
    survey: &Survey,
    target: &'s Target,
    model: &str,
    voice: &dyn Voice,
) -> Result<Built<'s>, DatabaseError> {
    let begun = Watch::start();
    let source = &survey.source.name;
    split.announce(target, source, voice);
    let temporary = split.temporary(target);
    let (_, about) = super::list::open(&split.server).await?;
    if !build::clone(client, &about, &temporary, model, source, &split.id).await? {
        return Err(DatabaseError::Other { message: format!("somebody is connected to {model}, which is ours") });
    }
    let made = split.server.connect(&temporary, WRITING).await?;
    let kinds = split.wanted.kinds();
    let kind = target.silo.kind.as_str();
    let doing = format!("emptying the tables of {}", target.silo.database);
    let own = |table: &&&super::catalog::Table| !survey.division.is_shared(table.oid, &kinds);
    let tables = tables_of(survey, kind);
    let names: Vec<String> = tables.iter().filter(own).map(|table| table.name.sql()).collect();
    if !names.is_empty() {
        // All at once: they point to each other.
        made.run(&doing, &format!("TRUNCATE {} RESTART IDENTITY", names.join(", "))).await?;
    }
    let rows = count_all(&[made], &tables).await?;
    Ok(Built { target, temporary, rows, millis: begun.millis() })
}
