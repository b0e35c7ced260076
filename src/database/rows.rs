//! Rows from one database to another: COPY to COPY, several tables at a time, all under one snapshot.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use futures_util::{SinkExt as _, StreamExt as _};

use super::catalog::{Name, Table};
use super::error::DatabaseError;
use super::quote::{identifier, literal};
use super::session::Client;
use super::voice::Voice;

/// So much is gathered before it is sent on: a message for each row costs more than the row.
const CHUNK: usize = 256 << 10;

/// A session under somebody else's snapshot, that can't write.
pub fn under(snapshot: &str) -> String {
    format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}", literal(snapshot))
}

/// Copies tables by as many pairs of connections as are given; how many rows each had.
///
/// # Errors
/// When either side refuses.
pub async fn copy(
    pairs: &[(Client, Client)],
    tables: Vec<&Table>,
    voice: &dyn Voice,
) -> Result<BTreeMap<Name, i64>, DatabaseError> {
    let mut tables = tables;
    // The biggest first, so that none of them is left to the end and to one connection.
    tables.sort_by_key(|table| std::cmp::Reverse(table.bytes));
    let queue = Mutex::new(VecDeque::from(tables));
    let next = || queue.lock().ok().and_then(|mut queue| queue.pop_front());
    let work = pairs.iter().map(async |(from, to)| {
        let mut counted = Vec::new();
        while let Some(table) = next() {
            let rows = one(from, to, table, voice).await?;
            voice.done(0, 1);
            voice.detail(&format!("{}: {rows} rows", table.name));
            counted.push((table.name.clone(), rows));
        }
        Ok::<_, DatabaseError>(counted)
    });
    let counted = super::together::all(work).await?;
    Ok(counted.into_iter().flatten().collect())
}

async fn one(from: &Client, to: &Client, table: &Table, voice: &dyn Voice) -> Result<i64, DatabaseError> {
    let doing = format!("copying {}", table.name);
    let columns: Vec<String> = table.columns.iter().map(|column| identifier(column)).collect();
    let columns = columns.join(", ");
    let form = if table.is_binary { "FORMAT binary" } else { "FORMAT text" };
    let name = table.name.sql();
    // In one transaction with a TRUNCATE the rows can be written as if they had been there for ever, which saves
    // the server from writing them once more later on.
    to.run(&doing, &format!("BEGIN; TRUNCATE ONLY {name}")).await?;
    let out = format!("COPY {name} ({columns}) TO STDOUT ({form})");
    let into = format!("COPY {name} ({columns}) FROM STDIN ({form}, FREEZE)");
    let mut out = std::pin::pin!(from.copy_out(&doing, &out).await?);
    let mut into = std::pin::pin!(to.copy_in(&doing, &into).await?);
    let mut gathered = bytes::BytesMut::with_capacity(CHUNK * 2);
    while let Some(row) = out.next().await {
        let row = row.map_err(|error| from.failed(&doing, &error, None))?;
        gathered.extend_from_slice(&row);
        if gathered.len() >= CHUNK {
            voice.done(gathered.len() as u64, 0);
            into.feed(gathered.split().freeze()).await.map_err(|error| to.failed(&doing, &error, None))?;
            gathered.reserve(CHUNK * 2);
        }
    }
    voice.done(gathered.len() as u64, 0);
    into.feed(gathered.freeze()).await.map_err(|error| to.failed(&doing, &error, None))?;
    let rows = into.as_mut().finish().await.map_err(|error| to.failed(&doing, &error, None))?;
    to.run(&doing, "COMMIT").await?;
    Ok(i64::try_from(rows).unwrap_or(i64::MAX))
}
