//! The split itself: built under temporary names, checked, and given their names together.
//!
//! Up to the renaming nothing that was there before is touched, and the source is never written at all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::build::{Finished, discard, rename};
use super::catalog::{Name, Table, count};
use super::division::Crossing;
use super::error::{DatabaseError, Errors};
use super::list::{About, open};
use super::quote::{identifier, literal, temporary_name};
use super::server::Server;
use super::session::{Client, sessions};
use super::survey::{READING, Survey, Target, Wanted, survey};
use super::tools::Dumper;
use super::verify::verify;
use super::voice::Voice;
use super::{build, clone, copy, rows, together};

/// How it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Clone where that is possible, else copy.
    Auto,
    /// Whole, inside the server; then what isn't the silo's goes.
    Clone,
    /// Table by table, under a snapshot.
    Copy,
}

/// A split that is asked for.
#[derive(Debug, Clone)]
pub struct Split {
    /// Where.
    pub server: Server,
    /// What.
    pub wanted: Wanted,
    /// How.
    pub strategy: Strategy,
    /// Whether it is only said what would be done.
    pub dry_run: bool,
    /// Its id: eight hexadecimal digits.
    pub id: String,
    /// When it began, for the names of what is kept: 20261123T101244.
    pub time: String,
    /// Put before pg_dump.
    pub exec: Vec<String>,
    /// Where pg_dump is.
    pub programs: Option<PathBuf>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// How many connections read and write at a time.
    pub jobs: usize,
}

/// What a silo's database became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The silo.
    pub silo: String,
    /// Its database.
    pub database: String,
    /// How many tables it has.
    pub tables: usize,
    /// And rows in them.
    pub rows: i64,
    /// And foreign keys.
    pub foreign_keys: usize,
    /// And sequences.
    pub sequences: usize,
    /// Its size in bytes.
    pub bytes: i64,
    /// How long it took, in milliseconds.
    pub millis: u128,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// A line for each silo.
    pub lines: Vec<Line>,
    /// Tables that no silo has.
    pub nowhere: Vec<Name>,
    /// Placed names that the source hasn't.
    pub absent: Vec<String>,
    /// Foreign keys between silos.
    pub crossings: Vec<Crossing>,
    /// Views, functions and the like that no silo has.
    pub left_out: Vec<String>,
    /// What was there before.
    pub kept: Vec<String>,
    /// Whether it was cloned.
    pub cloned: bool,
}

/// What was built so far.
pub(super) struct Built<'s> {
    pub target: &'s Target,
    pub temporary: String,
    pub rows: BTreeMap<Name, i64>,
    pub millis: u128,
}

impl Split {
    /// Splits. When it fails, what it has built is dropped again.
    ///
    /// # Errors
    /// With everything that is wrong.
    pub async fn run(&self, voice: &dyn Voice) -> Result<Outcome, Errors> {
        let (client, about) = open(&self.server).await?;
        let names = self.wanted.silos.iter().map(|silo| silo.database.as_str());
        build::lock(&client, names.chain([self.wanted.source.as_str()])).await?;
        voice.detail(&format!("{} is PostgreSQL {}, as {}", self.server, about.version_text, self.server.user));
        let (survey, reading) = survey(&self.server, &about, &client, &self.wanted).await?;
        for table in &self.wanted.assignment.unmarked {
            voice.say(&format!("> Could not find silo assignment for {table}"));
        }
        for crossing in &survey.crossings {
            let kinds: Vec<&str> = crossing.kinds.iter().map(String::as_str).collect();
            voice.say(&format!(
                "> Foreign key {} of {} to {} crosses silos; {} is without it",
                crossing.name,
                crossing.from,
                crossing.to,
                kinds.join(" and ")
            ));
        }
        if self.dry_run {
            return Ok(self.foretold(&survey, voice));
        }
        if survey.catalog.large_objects > 0 {
            let count = survey.catalog.large_objects;
            voice.say(&format!(
                "> {count} large objects belong to no table: a copy leaves them out, a clone has them everywhere"
            ));
        }
        let work = self.build(&client, &about, &survey, reading, voice).await;
        match work {
            Ok(outcome) => Ok(outcome),
            Err(error) => {
                // Its connections must be gone before its databases can be.
                drop(client);
                let mut errors = vec![error];
                if let Err(left) = discard(&self.server, &self.id).await {
                    errors.push(DatabaseError::Other {
                        message: format!(
                            "what was built so far is still there (`devserver db clean` removes it): {left}"
                        ),
                    });
                }
                Err(Errors(errors))
            }
        }
    }

    /// What would be done.
    fn foretold(&self, survey: &Survey, voice: &dyn Voice) -> Outcome {
        let how = if self.can_clone(survey) { "clone" } else { "copy" };
        voice.say(&format!("nothing is changed (--dry-run); it would be done by {how}"));
        let line = |target: &Target| {
            let kind = target.silo.kind.as_str();
            let has = |table: &&Table| survey.division.has(kind, table.oid);
            Line {
                silo: target.silo.silo.to_string(),
                database: target.silo.database.clone(),
                tables: survey.catalog.tables.iter().filter(has).count(),
                rows: 0,
                foreign_keys: survey
                    .catalog
                    .foreign_keys
                    .iter()
                    .filter(|key| survey.division.has_key(kind, key))
                    .count(),
                sequences: 0,
                bytes: survey.catalog.tables.iter().filter(has).map(|table| table.bytes).sum(),
                millis: 0,
            }
        };
        self.outcome(survey, survey.targets.iter().map(line).collect(), Vec::new(), false)
    }

    fn outcome(&self, survey: &Survey, lines: Vec<Line>, kept: Vec<String>, cloned: bool) -> Outcome {
        Outcome {
            lines,
            nowhere: survey.division.nowhere.clone(),
            absent: survey.division.absent.clone(),
            crossings: survey.crossings.clone(),
            left_out: Vec::new(),
            kept,
            cloned,
        }
    }

    fn can_clone(&self, survey: &Survey) -> bool {
        self.strategy != Strategy::Copy && survey.guests.is_empty() && survey.may_clone
    }

    async fn build(
        &self,
        client: &Client,
        about: &About,
        survey: &Survey,
        reading: Client,
        voice: &dyn Voice,
    ) -> Result<Outcome, DatabaseError> {
        let source = &survey.source.name;
        if self.strategy == Strategy::Clone && !self.can_clone(survey) {
            return Err(match survey.guests.as_slice() {
                [] => DatabaseError::NoRight {
                    server: self.server.to_string(),
                    user: self.server.user.clone(),
                    what: format!("clone `{source}`, which belongs to another role"),
                },
                guests => DatabaseError::NotAlone { name: source.clone(), sessions: guests.to_vec() },
            });
        }
        let (mut built, cloned, reading) = match self.can_clone(survey) {
            true => match clone::clone(self, client, about, survey, reading, voice).await? {
                Some(built) => (built, true, None),
                None if self.strategy == Strategy::Clone => {
                    let sessions = sessions(client, source).await?;
                    return Err(DatabaseError::NotAlone { name: source.clone(), sessions });
                }
                None => {
                    voice.say(&format!("> Somebody has connected to {source}: it is copied table by table"));
                    // What is read is read anew: they may have written.
                    let (survey, reading) = survey_again(self, about, client).await?;
                    return self.copied(client, about, &survey, reading, voice).await;
                }
            },
            false => return self.copied(client, about, survey, reading, voice).await,
        };
        drop::<Option<Client>>(reading);
        self.finish(client, survey, &mut built, cloned, voice).await
    }

    async fn copied(
        &self,
        client: &Client,
        about: &About,
        survey: &Survey,
        reading: Client,
        voice: &dyn Voice,
    ) -> Result<Outcome, DatabaseError> {
        let dumper = Dumper::find(&self.server, about, &self.exec, self.programs.as_deref(), &self.env).await?;
        let mut built = copy::copy(self, client, &dumper, survey, &reading, voice).await?;
        drop(reading);
        self.finish(client, survey, &mut built, false, voice).await
    }

    /// Mappings, checks, the silos without rows, and the names.
    async fn finish<'s>(
        &self,
        client: &Client,
        survey: &'s Survey,
        built: &mut Vec<Built<'s>>,
        cloned: bool,
        voice: &dyn Voice,
    ) -> Result<Outcome, DatabaseError> {
        let mut lines = Vec::new();
        for one in built.iter() {
            let begun = Watch::start();
            let kind = one.target.silo.kind.as_str();
            let target = self.server.connect(&one.temporary, WRITING).await?;
            self.map(&target, survey, kind, voice).await?;
            voice.detail(&format!("checking {}", one.target.silo.database));
            let mut line = verify(&target, survey, self, one).await?;
            line.millis = one.millis + begun.millis();
            lines.push(line);
        }
        for target in survey.targets.iter().filter(|target| !target.with_rows) {
            let begun = Watch::start();
            let model = built.iter().find(|one| one.target.silo.kind == target.silo.kind);
            let Some(model) = model.map(|one| one.temporary.clone()) else { continue };
            let made = clone::schema_only(self, client, survey, target, &model, voice).await?;
            let mut line = verify(&self.server.connect(&made.temporary, WRITING).await?, survey, self, &made).await?;
            line.millis = begun.millis();
            lines.push(line);
            built.push(made);
        }
        let source = &survey.source.name;
        for one in built.iter() {
            build::settings(&self.server, &one.temporary, source).await?;
        }
        let finished: Vec<Finished> = built
            .iter()
            .map(|one| Finished {
                temporary: one.temporary.clone(),
                name: one.target.silo.database.clone(),
                old: one.target.old,
            })
            .collect();
        let kept = rename(client, &finished, source, &self.id, &self.time).await?;
        for kept in &kept {
            voice.say(&format!("> What was there before is kept as {kept}"));
        }
        Ok(self.outcome(survey, lines, kept, cloned))
    }

    /// Gives what is in the monolith's region the region's own name.
    async fn map(&self, target: &Client, survey: &Survey, kind: &str, voice: &dyn Voice) -> Result<(), DatabaseError> {
        let (old, new) = (&self.wanted.legacy_region, &survey.region);
        for (mapping, expected) in &survey.mapped {
            let table = survey.catalog.tables.iter().find(|table| table.name.to_string() == mapping.table);
            let Some(table) = table.filter(|table| survey.division.has(kind, table.oid)) else { continue };
            let column = identifier(&mapping.column);
            let sql = format!(
                "UPDATE {} SET {column} = {} WHERE {column} = {}",
                table.name.sql(),
                literal(new),
                literal(old)
            );
            let changed = target.change(&format!("renaming the region in {}", mapping.table), &sql, &[]).await?;
            let changed = i64::try_from(changed).unwrap_or(i64::MAX);
            if changed != *expected {
                let differences = vec![format!(
                    "{}: {expected} rows have {column} = '{old}', and {changed} were changed",
                    mapping.table
                )];
                return Err(DatabaseError::Unlike { differences });
            }
            voice.say(&format!("> {changed} {} record(s) have been updated from '{old}' to '{new}'", mapping.record));
        }
        Ok(())
    }

    /// Whether all databases have their names: the last statement of a split may be over when its answer is lost.
    ///
    /// # Errors
    /// When the server can't be reached.
    pub async fn is_done(&self) -> Result<bool, DatabaseError> {
        let (client, _) = open(&self.server).await?;
        let listed = super::list::databases(&client).await?;
        let mark = format!("{}{} of ", super::list::MARK, self.id);
        let has_name = |silo: &crate::model::SiloDatabase| {
            let is_it = |one: &super::list::Listed| {
                one.name == silo.database && one.comment.as_deref().is_some_and(|comment| comment.starts_with(&mark))
            };
            listed.iter().any(is_it)
        };
        Ok(self.wanted.silos.iter().all(has_name))
    }

    pub(super) fn temporary(&self, target: &Target) -> String {
        temporary_name(&target.silo.database, &self.id)
    }

    /// The seed's two lines.
    pub(super) fn announce(&self, target: &Target, source: &str, voice: &dyn Voice) {
        voice.say(&format!(">> Dumping tables from {source} database"));
        voice.say(&format!(">> Building {} database from dump file", target.silo.database));
    }
}

async fn survey_again(split: &Split, about: &About, client: &Client) -> Result<(Survey, Client), DatabaseError> {
    survey(&split.server, about, client, &split.wanted).await.map_err(|Errors(errors)| {
        errors.into_iter().next().unwrap_or(DatabaseError::Other { message: "nothing".into() })
    })
}

/// A session that builds: nothing of it has to be on the disk before the renaming is, which waits for all of it.
pub(super) const WRITING: &str = "-c synchronous_commit=off -c maintenance_work_mem=256MB -c statement_timeout=0 \
                                  -c lock_timeout=0 -c idle_in_transaction_session_timeout=0 -c row_security=off \
                                  -c default_transaction_read_only=off";

/// How many rows tables have, counted by several connections at a time.
pub(super) async fn count_all(clients: &[Client], tables: &[&Table]) -> Result<BTreeMap<Name, i64>, DatabaseError> {
    let share = |index: usize| tables.iter().skip(index).step_by(clients.len().max(1));
    let work = clients.iter().enumerate().map(async |(index, client)| {
        let mut counted = Vec::new();
        for table in share(index).filter(|table| table.has_rows) {
            counted.push((table.name.clone(), count(client, &table.name).await?));
        }
        Ok::<_, DatabaseError>(counted)
    });
    Ok(together::all(work).await?.into_iter().flatten().collect())
}

/// Connections to one database.
pub(super) async fn several(
    server: &Server,
    database: &str,
    how: &str,
    number: usize,
) -> Result<Vec<Client>, DatabaseError> {
    together::all((0..number).map(|_| server.connect(database, how))).await
}

/// Connections to the source, all under the snapshot of the first.
pub(super) async fn readers(
    split: &Split,
    source: &str,
    reading: &Client,
) -> Result<(Vec<Client>, String), DatabaseError> {
    let snapshot: String = reading.row("taking a snapshot", "SELECT pg_export_snapshot()", &[]).await?.get(0);
    let clients = several(&split.server, source, READING, split.jobs).await?;
    for client in &clients {
        client.run("taking a snapshot", &rows::under(&snapshot)).await?;
    }
    Ok((clients, snapshot))
}

/// The tables of a kind of silo.
pub(super) fn tables_of<'s>(survey: &'s Survey, kind: &str) -> Vec<&'s Table> {
    survey.catalog.tables.iter().filter(|table| survey.division.has(kind, table.oid)).collect()
}

/// Foreign keys that silos of a kind are without, as pg_dump would write them.
pub(super) fn without(survey: &Survey, kind: &str) -> BTreeSet<(Name, Name, String)> {
    let crossing = survey.crossings.iter().filter(|crossing| crossing.kinds.contains(kind));
    crossing.map(|crossing| (crossing.from.clone(), crossing.to.clone(), crossing.name.clone())).collect()
}

/// How long something took.
pub(super) struct Watch(std::time::Instant);

impl Watch {
    pub(super) fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "for the seconds of the last table; nothing is decided by it")]
        let now = std::time::Instant::now();
        Self(now)
    }

    pub(super) fn millis(&self) -> u128 {
        #[expect(clippy::disallowed_methods, reason = "for the seconds of the last table; nothing is decided by it")]
        let elapsed = self.0.elapsed();
        elapsed.as_millis()
    }
}
