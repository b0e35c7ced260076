//! Everything behind the rows: indexes and constraints on several connections at once, then the rest in order,
//! then the foreign keys, each when nobody else is at work on its two tables.

use std::collections::BTreeSet;
use std::sync::Mutex;

use tokio::sync::Notify;

use super::catalog::Name;
use super::error::DatabaseError;
use super::script::{Stage, points_to, read_name, statements, step};
use super::session::Client;

/// A statement and the tables that it locks.
struct Work<'s> {
    sql: &'s str,
    tables: Vec<&'s str>,
}

/// What is still to be done, and on which tables somebody is at work.
struct Queue<'s> {
    waiting: Vec<Work<'s>>,
    busy: BTreeSet<&'s str>,
}

/// Runs a script of pg_dump's, without the foreign keys that are listed as left out.
///
/// # Errors
/// When the server refuses a statement, or a foreign key to be left out isn't in the script.
pub async fn run(
    clients: &[Client],
    script: &str,
    left_out: &BTreeSet<(Name, Name, String)>,
    database: &str,
) -> Result<(), DatabaseError> {
    let doing = format!("building the indexes and constraints of {database}");
    let steps: Vec<_> = statements(script).into_iter().map(step).collect();
    let of = |stage: Stage| steps.iter().filter(move |step| step.stage == stage);
    let settings: Vec<&str> = of(Stage::Session).map(|step| step.sql).collect();
    for client in clients {
        client.run(&doing, &settings.join(";\n")).await?;
    }
    let works = of(Stage::Index).map(|step| Work { sql: step.sql, tables: step.table.into_iter().collect() });
    at_once(clients, works.collect(), &doing).await?;
    if let Some(first) = clients.first() {
        for step in of(Stage::Rest) {
            first.run(&doing, step.sql).await?;
        }
    }
    let mut works = Vec::new();
    let mut skipped = 0;
    for step in of(Stage::ForeignKey) {
        let points = points_to(step.sql);
        let name = |text: Option<&str>| text.and_then(read_name).map(|(schema, name)| Name { schema, name });
        let is_left_out = left_out.iter().any(|(from, to, key)| {
            Some(from) == name(step.table).as_ref() && Some(to) == name(points).as_ref() && is_called(step.sql, key)
        });
        if is_left_out {
            skipped += 1;
            continue;
        }
        works.push(Work { sql: step.sql, tables: step.table.into_iter().chain(points).collect() });
    }
    if skipped != left_out.len() {
        let message =
            format!("{skipped} of {} foreign keys between silos were found in what pg_dump wrote", left_out.len());
        return Err(DatabaseError::Other { message });
    }
    at_once(clients, works, &doing).await
}

/// Whether the constraint that a statement adds has this name.
fn is_called(sql: &str, key: &str) -> bool {
    let Some((_, rest)) = sql.split_once("ADD CONSTRAINT ") else { return false };
    let quoted = super::quote::identifier(key);
    rest.starts_with(&format!("{key} ")) || rest.starts_with(&format!("{quoted} "))
}

async fn at_once(clients: &[Client], waiting: Vec<Work<'_>>, doing: &str) -> Result<(), DatabaseError> {
    let queue = Mutex::new(Queue { waiting, busy: BTreeSet::new() });
    let freed = Notify::new();
    // The first whose tables nobody has; whether there is anything left at all.
    let next = || {
        let mut queue = queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Queue { waiting, busy } = &mut *queue;
        let free = waiting.iter().position(|work| work.tables.iter().all(|table| !busy.contains(table)));
        let work = free.map(|at| waiting.remove(at));
        busy.extend(work.iter().flat_map(|work| work.tables.iter().copied()));
        (work, waiting.is_empty())
    };
    let done = |work: &Work<'_>| {
        let mut queue = queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        queue.busy.retain(|table| !work.tables.contains(table));
        freed.notify_waiters();
    };
    let workers = clients.iter().map(async |client| {
        loop {
            // Registered before the look, or what is freed in between isn't heard.
            let mut heard = std::pin::pin!(freed.notified());
            heard.as_mut().enable();
            match next() {
                (Some(work), _) => {
                    client.run(doing, work.sql).await?;
                    done(&work);
                }
                (None, true) => return Ok(()),
                (None, false) => heard.await,
            }
        }
    });
    super::together::all(workers).await.map(drop)
}
