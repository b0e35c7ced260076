//! A portrait of a database: everything that is compared before a silo's database gets its name.
//!
//! Two portraits are compared text by text, as the server itself writes its indexes and constraints.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::Name;
use super::error::DatabaseError;
use super::session::Client;

/// What hangs on each table, and what the database has besides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Portrait {
    /// By table: its columns, indexes, constraints and triggers, as the server writes them.
    pub tables: BTreeMap<Name, BTreeSet<String>>,
    /// Foreign keys: table, name, and how the server writes them.
    pub foreign_keys: BTreeMap<(Name, String), String>,
    /// Extensions.
    pub extensions: BTreeSet<String>,
}

/// For names that must be written alike on both sides.
const PLAIN: &str = "SET search_path = ''; SET extra_float_digits = 3; SET quote_all_identifiers = off";

impl Portrait {
    /// Takes it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn of(client: &Client) -> Result<Self, DatabaseError> {
        let doing = "looking at every table";
        client.run(doing, PLAIN).await?;
        let table = "(SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n \
                     ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')";
        let sql = format!(
            "SELECT t.nspname::text, t.relname::text, 'column ' || pg_catalog.quote_ident(a.attname) || ' ' \
                 || pg_catalog.format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END \
                 || coalesce(' default ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid), '') || a.attidentity::text || a.attgenerated::text \
             FROM {table} t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped \
             LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum \
             UNION ALL SELECT t.nspname::text, t.relname::text, 'index ' || pg_catalog.pg_get_indexdef(i.indexrelid) \
                 || CASE WHEN i.indisvalid AND i.indisready THEN '' ELSE ' (not valid)' END \
             FROM {table} t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid \
             UNION ALL SELECT t.nspname::text, t.relname::text, 'constraint ' || pg_catalog.quote_ident(k.conname) || ' ' \
                 || pg_catalog.pg_get_constraintdef(k.oid) \
             FROM {table} t JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid AND k.contype NOT IN ('f', 'n') \
             UNION ALL SELECT t.nspname::text, t.relname::text, 'trigger ' || pg_catalog.pg_get_triggerdef(g.oid) || ' ' || g.tgenabled::text \
             FROM {table} t JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal \
             UNION ALL SELECT t.nspname::text, t.relname::text, 'table' FROM {table} t"
        );
        let mut portrait = Self::default();
        for row in client.rows(doing, &sql, &[]).await? {
            let name = Name { schema: row.get(0), name: row.get(1) };
            portrait.tables.entry(name).or_default().insert(row.get(2));
        }
        let sql = format!(
            "SELECT t.nspname::text, t.relname::text, k.conname::text, pg_catalog.pg_get_constraintdef(k.oid) \
             FROM {table} t JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f'"
        );
        for row in client.rows(doing, &sql, &[]).await? {
            let name = Name { schema: row.get(0), name: row.get(1) };
            portrait.foreign_keys.insert((name, row.get(2)), row.get(3));
        }
        let extensions =
            client.rows(doing, "SELECT extname::text || ' ' || extversion FROM pg_catalog.pg_extension", &[]).await?;
        portrait.extensions = extensions.iter().map(|row| row.get(0)).collect();
        Ok(portrait)
    }

    /// What is left of it where only these tables and foreign keys are.
    pub fn only(&self, has: impl Fn(&Name) -> bool, has_key: impl Fn(&Name, &str) -> bool) -> Self {
        let tables = self.tables.iter().filter(|(name, _)| has(name)).map(|(name, set)| (name.clone(), set.clone()));
        let keys = self.foreign_keys.iter().filter(|((name, key), _)| has_key(name, key));
        Self {
            tables: tables.collect(),
            foreign_keys: keys.map(|(key, text)| (key.clone(), text.clone())).collect(),
            extensions: self.extensions.clone(),
        }
    }

    /// How another differs from this one, which is as it should be.
    pub fn differences(&self, found: &Self) -> Vec<String> {
        let mut said = Vec::new();
        let nothing = BTreeSet::new();
        for name in self.tables.keys().chain(found.tables.keys()).collect::<BTreeSet<_>>() {
            let (wanted, there) =
                (self.tables.get(name).unwrap_or(&nothing), found.tables.get(name).unwrap_or(&nothing));
            said.extend(wanted.difference(there).map(|text| format!("{name}: missing: {text}")));
            said.extend(there.difference(wanted).map(|text| format!("{name}: unexpected: {text}")));
        }
        for (key, text) in &self.foreign_keys {
            if found.foreign_keys.get(key) != Some(text) {
                said.push(format!("{}: missing: foreign key {} {text}", key.0, key.1));
            }
        }
        for (key, text) in found.foreign_keys.iter().filter(|(key, _)| !self.foreign_keys.contains_key(key)) {
            said.push(format!("{}: unexpected: foreign key {} {text}", key.0, key.1));
        }
        said.extend(self.extensions.difference(&found.extensions).map(|name| format!("missing: extension {name}")));
        said
    }
}
