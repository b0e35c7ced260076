//! Databases of our own: made under temporary names, marked as ours, given their names together, dropped.

use std::collections::BTreeSet;
use std::time::Duration;

use super::error::DatabaseError;
use super::list::{About, Listed, MARK, databases};
use super::quote::{BEFORE, REPLACED, TEMPORARY, backup_name, identifier, joined, literal, replaced_name};
use super::server::Server;
use super::session::{Client, sessions};

use tokio_postgres::error::SqlState;

/// So that a name's lock is ours and no application's.
const SEED: i64 = 0x6465_7673_6572_7665;

/// How long a connection that we have left may take to be gone.
const FAREWELL: Duration = Duration::from_secs(10);

/// Takes the locks of these databases, until the connection ends: one command at a time makes, renames or drops them.
///
/// # Errors
/// When somebody else has one.
pub async fn lock<'n>(client: &Client, names: impl IntoIterator<Item = &'n str>) -> Result<(), DatabaseError> {
    // In one order, so that of two that start at once one wins.
    for name in names.into_iter().collect::<BTreeSet<_>>() {
        let sql = "SELECT hashtextextended($1, $2), pg_try_advisory_lock(hashtextextended($1, $2))";
        let taken = client.row("taking the lock", sql, &[&name, &SEED]).await?;
        if taken.get(1) {
            continue;
        }
        let key: i64 = taken.get(0);
        let sql = "SELECT a.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
                   WHERE l.locktype = 'advisory' AND l.granted AND (l.classid::bigint << 32 | l.objid::bigint) = $1";
        let rows = client.rows("looking who has the lock", sql, &[&key]).await?;
        let session = rows.first().map(|row| super::error::Session { pid: row.get(0), who: row.get(1) });
        return Err(DatabaseError::Busy { name: name.to_owned(), session });
    }
    Ok(())
}

fn mark(id: &str, rest: &str) -> String {
    literal(&format!("{MARK}{id}{rest}"))
}

/// Makes an empty database like the source: its encoding, its locale, its owner.
///
/// # Errors
/// When the server refuses.
pub async fn empty(client: &Client, name: &str, source: &str, id: &str) -> Result<(), DatabaseError> {
    let doing = format!("making the database {name}");
    // Which columns there are depends on the server's version.
    let sql = "SELECT to_jsonb(d)::text, pg_encoding_to_char(d.encoding)::text, pg_get_userbyid(d.datdba)::text, t.spcname::text \
               FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace WHERE d.datname = $1";
    let row = client.row(&doing, sql, &[&source]).await?;
    let fields: serde_json::Value = serde_json::from_str(row.get(0)).unwrap_or_default();
    let field = |name: &str| fields.get(name).and_then(serde_json::Value::as_str);
    let (encoding, owner, space): (String, String, String) = (row.get(1), row.get(2), row.get(3));
    let mut sql = format!(
        "CREATE DATABASE {} TEMPLATE template0 ENCODING {} OWNER {} TABLESPACE {}",
        identifier(name),
        literal(&encoding),
        identifier(&owner),
        identifier(&space)
    );
    let locale = field("datlocale").or_else(|| field("daticulocale"));
    let options = [
        ("LC_COLLATE", field("datcollate")),
        ("LC_CTYPE", field("datctype")),
        ("ICU_LOCALE", locale.filter(|_| field("datlocprovider") == Some("i"))),
        ("BUILTIN_LOCALE", locale.filter(|_| field("datlocprovider") == Some("b"))),
    ];
    for (option, value) in options {
        if let Some(value) = value {
            sql = format!("{sql} {option} {}", literal(value));
        }
    }
    match field("datlocprovider") {
        Some("i") => sql.push_str(" LOCALE_PROVIDER icu"),
        Some("b") => sql.push_str(" LOCALE_PROVIDER builtin"),
        _ => {}
    }
    client.run(&doing, &sql).await?;
    client
        .run(&doing, &format!("COMMENT ON DATABASE {} IS {}", identifier(name), mark(id, &format!(" of {source}"))))
        .await
}

/// Copies a whole database inside the server. Whether nobody was in the way.
///
/// # Errors
/// When the server refuses for another reason than that somebody is connected.
pub async fn clone(
    client: &Client,
    about: &About,
    name: &str,
    from: &str,
    source: &str,
    id: &str,
) -> Result<bool, DatabaseError> {
    let doing = format!("cloning {from}");
    // Before 15 there is no other way than by files.
    let how = if about.major() >= 15 { " STRATEGY FILE_COPY" } else { "" };
    let sql = format!("CREATE DATABASE {} TEMPLATE {}{how}", identifier(name), identifier(from));
    if client.run_unless(&doing, &sql, &SqlState::OBJECT_IN_USE).await?.is_some() {
        return Ok(false);
    }
    let owner = format!("SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = {}", literal(source));
    let owner: String = client.row(&doing, &owner, &[]).await?.get(0);
    let comment = mark(id, &format!(" of {source}"));
    let name = identifier(name);
    client
        .run(
            &doing,
            &format!("COMMENT ON DATABASE {name} IS {comment}; ALTER DATABASE {name} OWNER TO {}", identifier(&owner)),
        )
        .await?;
    Ok(true)
}

/// Gives a database the settings of the source: `ALTER DATABASE … SET`.
///
/// # Errors
/// When the server refuses.
pub async fn settings(server: &Server, name: &str, source: &str) -> Result<(), DatabaseError> {
    let doing = format!("giving {name} the settings of {source}");
    // A connection for this alone, whose own settings may become strange.
    let (client, _) = super::list::open(server).await?;
    let sql = "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase \
               WHERE d.datname = $1 AND s.setrole = 0";
    for row in client.rows(&doing, sql, &[&source]).await? {
        let setting: String = row.get(0);
        let Some((key, value)) = setting.split_once('=') else { continue };
        let key: String = key.split('.').map(identifier).collect::<Vec<_>>().join(".");
        let set = format!(
            "BEGIN; SELECT set_config({}, {}, true); ALTER DATABASE {} SET {key} FROM CURRENT; COMMIT",
            literal(&key.replace('"', "")),
            literal(value),
            identifier(name)
        );
        client.run(&doing, &set).await?;
    }
    Ok(())
}

/// A database that is about to get its name.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Its temporary name.
    pub temporary: String,
    /// Its name.
    pub name: String,
    /// What has that name now: whether it is empty.
    pub old: Option<Old>,
}

/// What has the name of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Old {
    /// Nothing is in it: it goes.
    Empty,
    /// Something is: it is kept.
    Filled,
}

/// Gives all of them their names, in one transaction; what had them is kept or, if it was empty, dropped.
/// What was kept.
///
/// # Errors
/// When somebody is connected to one of them, or the server refuses: then none of them has it.
pub async fn rename(
    client: &Client,
    finished: &[Finished],
    source: &str,
    id: &str,
    time: &str,
) -> Result<Vec<String>, DatabaseError> {
    let doing = "giving the databases their names";
    let mut statements = Vec::new();
    let (mut kept, mut empty) = (Vec::new(), Vec::new());
    let mut move_away = |from: &str, to: &str, what: &str| {
        statements.push(format!("ALTER DATABASE {} RENAME TO {}", identifier(from), identifier(to)));
        statements.push(format!("COMMENT ON DATABASE {} IS {}", identifier(to), mark(id, what)));
    };
    for one in finished {
        match one.old {
            Some(Old::Filled) => {
                let backup = backup_name(&one.name, time);
                move_away(&one.name, &backup, &format!(": {} until {time}", one.name));
                kept.push(backup);
            }
            Some(Old::Empty) => {
                let replaced = replaced_name(&one.name, id);
                move_away(&one.name, &replaced, &format!(": {} was empty", one.name));
                empty.push(replaced);
            }
            None => {}
        }
        move_away(&one.temporary, &one.name, &format!(" of {source}"));
    }
    let sql = format!("BEGIN;\n{};\nCOMMIT", statements.join(";\n"));
    if let Some(why) = client.run_unless(doing, &sql, &SqlState::OBJECT_IN_USE).await? {
        client.run(doing, "ROLLBACK").await?;
        for one in finished {
            for name in [&one.name, &one.temporary] {
                let sessions = sessions(client, name).await?;
                if !sessions.is_empty() {
                    return Err(DatabaseError::InUse { name: name.clone(), sessions });
                }
            }
        }
        return Err(DatabaseError::Other { message: format!("{doing}: the server says: {why}") });
    }
    for name in empty {
        client.run("dropping what was empty", &format!("DROP DATABASE IF EXISTS {}", identifier(&name))).await?;
    }
    Ok(kept)
}

/// What a split has left behind, or kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// The database.
    pub name: String,
    /// How big it is, in bytes.
    pub bytes: Option<i64>,
    /// What it is.
    pub what: &'static str,
}

/// What splits have left of these databases. One of which we can't prove that it is ours isn't among them.
pub fn leftovers(listed: &[Listed], names: &[String]) -> Vec<Leftover> {
    // A long name is cut where the mark begins.
    let of_ours = |name: &str, mark: &str| {
        let (of, end) = name.rsplit_once(mark)?;
        let is_ours = |known: &String| known == of || (joined(known, mark, end) == name);
        names.iter().any(is_ours).then(|| end.to_owned())
    };
    let is_id = |end: &String| end.len() == 8 && end.bytes().all(|byte| byte.is_ascii_hexdigit());
    let what = |database: &Listed| {
        // Between its making and its marking a split may have been killed; no one else ends a name with such an id.
        if of_ours(&database.name, TEMPORARY).as_ref().is_some_and(is_id) {
            Some("half built, by a split that was interrupted")
        } else if database.is_marked() && of_ours(&database.name, REPLACED).as_ref().is_some_and(is_id) {
            Some("was empty, and was replaced by a split")
        } else if database.is_marked() && of_ours(&database.name, BEFORE).is_some() {
            Some("what was there before a split")
        } else {
            None
        }
    };
    let leftover = |database: &Listed| {
        Some(Leftover { name: database.name.clone(), bytes: database.bytes, what: what(database)? })
    };
    listed.iter().filter_map(leftover).collect()
}

/// Ends what a split is still doing, and drops what it has built so far. What was dropped.
///
/// # Errors
/// When the server can't be reached, or refuses.
pub async fn discard(server: &Server, id: &str) -> Result<Vec<String>, DatabaseError> {
    let (client, about) = super::list::open(server).await?;
    let doing = "ending the split";
    // Whoever makes a database goes on until it is made, also when we have left.
    let ours = "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity \
                WHERE application_name = $1 AND pid <> pg_backend_pid() AND usename = current_user";
    let gone = async {
        while !client.rows(doing, ours, &[&server.application]).await?.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok::<(), DatabaseError>(())
    };
    // Whoever is still there after that keeps its database, and the next statement says so.
    if let Ok(asked) = tokio::time::timeout(FAREWELL, gone).await {
        asked?;
    }
    let ends = [format!("{TEMPORARY}{id}"), format!("{REPLACED}{id}")];
    let listed = databases(&client).await?;
    let mut dropped = Vec::new();
    for database in listed.iter().filter(|database| ends.iter().any(|end| database.name.ends_with(end))) {
        drop_one(&client, &about, &database.name).await?;
        dropped.push(database.name.clone());
    }
    Ok(dropped)
}

/// Drops a database that nobody but us can be connected to: one that is ours.
///
/// # Errors
/// When the server refuses.
pub async fn drop_one(client: &Client, about: &About, name: &str) -> Result<(), DatabaseError> {
    let force = if about.major() >= 13 && name.contains(TEMPORARY) { " WITH (FORCE)" } else { "" };
    let doing = format!("dropping {name}");
    let sql = format!("DROP DATABASE IF EXISTS {}{force}", identifier(name));
    match client.run_unless(&doing, &sql, &SqlState::OBJECT_IN_USE).await? {
        None => Ok(()),
        Some(_) => {
            let sessions = sessions(client, name).await?;
            Err(DatabaseError::InUse { name: name.to_owned(), sessions })
        }
    }
}
