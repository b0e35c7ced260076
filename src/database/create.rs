//! Databases made and dropped at the user's word, and the removal of what splits have left.

use super::build::{Leftover, drop_one, leftovers, lock};
use super::error::{DatabaseError, Errors};
use super::list::{Listed, databases, open};
use super::quote::{identifier, refused};
use super::server::Server;
use super::session::sessions;

/// A database and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// `the monolith`, `silo `control``.
    pub whose: String,
    /// Its name.
    pub name: String,
}

/// What was made of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// It was made.
    Now(String),
    /// It was there, of this size, in this encoding.
    Before(String, i64, String),
}

/// Names that can't be, and two of one name.
fn check(named: &[Named]) -> Result<(), Errors> {
    let mut wrong = Vec::new();
    for (index, one) in named.iter().enumerate() {
        if let Some(why) = refused(&one.name) {
            let whose = format!("the database of {}", one.whose);
            wrong.push(DatabaseError::BadName { whose, name: one.name.clone(), why });
        }
        if let Some(first) = named[..index].iter().find(|other| other.name == one.name) {
            let (first, second) = (first.whose.clone(), one.whose.clone());
            wrong.push(DatabaseError::SameName { first, second, name: one.name.clone() });
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Errors(wrong)) }
}

/// Makes those that aren't there, in UTF-8.
///
/// # Errors
/// When a name can't be, or the server refuses.
pub async fn create(server: &Server, named: &[Named]) -> Result<Vec<Made>, Errors> {
    check(named)?;
    let (client, _) = open(server).await?;
    lock(&client, named.iter().map(|one| one.name.as_str())).await?;
    let rights = "SELECT rolsuper OR rolcreatedb FROM pg_roles WHERE rolname = current_user";
    let may: bool = client.row("looking what we may do", rights, &[]).await?.get(0);
    let there = databases(&client).await?;
    let mut made = Vec::new();
    for one in named {
        if let Some(listed) = there.iter().find(|listed| listed.name == one.name) {
            let sql = "SELECT pg_encoding_to_char(encoding)::text FROM pg_database WHERE oid = $1";
            let encoding = client.row("looking at what is there", sql, &[&listed.oid]).await?.get(0);
            made.push(Made::Before(one.name.clone(), listed.bytes.unwrap_or_default(), encoding));
            continue;
        }
        if !may {
            let what = "make databases".to_owned();
            return Err(DatabaseError::NoRight { server: server.to_string(), user: server.user.clone(), what }.into());
        }
        let sql = format!("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'", identifier(&one.name));
        client.run(&format!("making the database {}", one.name), &sql).await?;
        made.push(Made::Now(one.name.clone()));
    }
    Ok(made)
}

/// Those of these databases that are there.
///
/// # Errors
/// When a name can't be, or the server refuses.
pub async fn there(server: &Server, named: &[Named]) -> Result<Vec<Listed>, Errors> {
    check(named)?;
    let (client, _) = open(server).await?;
    let listed = databases(&client).await?;
    Ok(listed.into_iter().filter(|listed| named.iter().any(|one| one.name == listed.name)).collect())
}

/// Drops databases that the user has agreed to lose. Nobody is thrown out of one.
///
/// # Errors
/// When somebody is connected to one (then none is dropped), or the server refuses.
pub async fn drop(server: &Server, names: &[String]) -> Result<(), Errors> {
    let (client, about) = open(server).await?;
    lock(&client, names.iter().map(String::as_str)).await?;
    let mut used = Vec::new();
    for name in names {
        let sessions = sessions(&client, name).await?;
        if !sessions.is_empty() {
            used.push(DatabaseError::InUse { name: name.clone(), sessions });
        }
    }
    if !used.is_empty() {
        return Err(Errors(used));
    }
    for name in names {
        drop_one(&client, &about, name).await?;
    }
    Ok(())
}

/// What splits have left of these databases, or kept.
///
/// # Errors
/// When the server refuses, or a split is at work.
pub async fn left(server: &Server, named: &[Named]) -> Result<Vec<Leftover>, Errors> {
    let (client, _) = open(server).await?;
    lock(&client, named.iter().map(|one| one.name.as_str())).await?;
    let names: Vec<String> = named.iter().map(|one| one.name.clone()).collect();
    Ok(leftovers(&databases(&client).await?, &names))
}
