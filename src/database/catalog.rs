//! What is in a database: its tables and everything that hangs on them, without what an extension brought.

use std::collections::BTreeMap;

use super::error::DatabaseError;
use super::quote::qualified;
use super::session::Client;

/// A name in a schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// The schema.
    pub schema: String,
    /// The name in it.
    pub name: String,
}

impl Name {
    /// As SQL has it.
    pub fn sql(&self) -> String {
        qualified(&self.schema, &self.name)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.schema.as_str() {
            "public" => write!(f, "{}", self.name),
            schema => write!(f, "{schema}.{}", self.name),
        }
    }
}

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its number in this database.
    pub oid: u32,
    /// Its name.
    pub name: Name,
    /// Whether it has rows of its own: a partitioned table hasn't.
    pub has_rows: bool,
    /// What it is a partition of, or inherits from.
    pub parent: Option<u32>,
    /// How big it is, in bytes, with what is stored out of line.
    pub bytes: i64,
    /// Its columns that are written, in order.
    pub columns: Vec<String>,
    /// Whether all of them are of types that every database of the server has under one number.
    pub is_binary: bool,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub from: u32,
    /// To what it points.
    pub to: u32,
    /// Whether it was made for a partition by that of its parent.
    pub inherited: bool,
}

/// Something that isn't a table, named in the way that DROP takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its number in this database.
    pub oid: u32,
    /// `VIEW`, `FUNCTION`, `TYPE`.
    pub word: String,
    /// Its name, of a function without the arguments.
    pub name: Name,
    /// What behind it tells it from its namesakes: `(integer)`.
    pub arguments: String,
}

impl Object {
    /// As SQL has it.
    pub fn sql(&self) -> String {
        format!("{}{}", self.name.sql(), self.arguments)
    }
}

/// A sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// Its name.
    pub name: Name,
    /// The table whose column owns it.
    pub owner: Option<u32>,
}

/// What is in a database.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Its tables, in the order of their names.
    pub tables: Vec<Table>,
    /// Their foreign keys.
    pub foreign_keys: Vec<ForeignKey>,
    /// Its sequences.
    pub sequences: Vec<Sequence>,
    /// Its views, materialized or not.
    pub views: Vec<Object>,
    /// Its functions, procedures and aggregates.
    pub functions: Vec<Object>,
    /// Its types: enums, domains, composites, ranges.
    pub types: Vec<Object>,
    /// Which view uses which table or view.
    pub view_uses: Vec<(u32, u32)>,
    /// How many large objects it has.
    pub large_objects: i64,
}

const OURS: &str = "n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'";

fn no_extension(class: &str, oid: &str) -> String {
    format!(
        "NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '{class}'::regclass AND e.objid = {oid} AND e.deptype = 'e')"
    )
}

impl Catalog {
    /// Reads it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn read(client: &Client) -> Result<Self, DatabaseError> {
        let doing = "reading the catalog";
        let sql = format!(
            "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind = 'r', i.inhparent, pg_table_size(c.oid), \
             array(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 \
                   AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum), \
             NOT EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = c.oid \
                   AND a.attnum > 0 AND NOT a.attisdropped AND (t.oid >= 16384 OR t.typsend = 0)) \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND i.inhseqno = 1 \
             WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND {OURS} AND {} ORDER BY 2, 3",
            no_extension("pg_class", "c.oid")
        );
        let tables = client.rows(doing, &sql, &[]).await?;
        let tables = tables.iter().map(|row| Table {
            oid: row.get(0),
            name: Name { schema: row.get(1), name: row.get(2) },
            has_rows: row.get(3),
            parent: row.get(4),
            bytes: row.get(5),
            columns: row.get(6),
            is_binary: row.get(7),
        });
        let sql = "SELECT conname::text, conrelid, confrelid, conparentid <> 0 FROM pg_constraint \
                   WHERE contype = 'f' ORDER BY conrelid, conname";
        let keys = client.rows(doing, sql, &[]).await?;
        let foreign_keys = keys.iter().map(|row| ForeignKey {
            name: row.get(0),
            from: row.get(1),
            to: row.get(2),
            inherited: row.get(3),
        });
        let sql = format!(
            "SELECT n.nspname::text, c.relname::text, (SELECT d.refobjid FROM pg_depend d WHERE \
             d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass \
             AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0 LIMIT 1) \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND {OURS} AND {} ORDER BY 1, 2",
            no_extension("pg_class", "c.oid")
        );
        let sequences = client.rows(doing, &sql, &[]).await?;
        let sequences = sequences
            .iter()
            .map(|row| Sequence { name: Name { schema: row.get(0), name: row.get(1) }, owner: row.get(2) });
        let views = format!(
            "SELECT c.oid, CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'FOREIGN TABLE' END, \
             n.nspname::text, c.relname::text, '' FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('v', 'm', 'f') AND c.relpersistence <> 't' AND {OURS} AND {} ORDER BY 3, 4",
            no_extension("pg_class", "c.oid")
        );
        let functions = format!(
            "SELECT p.oid, CASE p.prokind WHEN 'p' THEN 'PROCEDURE' WHEN 'a' THEN 'AGGREGATE' ELSE 'FUNCTION' END, \
             n.nspname::text, p.proname::text, \
             '(' || CASE WHEN p.prokind = 'a' AND p.pronargs = 0 THEN '*' ELSE pg_get_function_identity_arguments(p.oid) END || ')' \
             FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {OURS} AND {} ORDER BY 3, 4, 5",
            no_extension("pg_proc", "p.oid")
        );
        let types = format!(
            "SELECT t.oid, CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, n.nspname::text, t.typname::text, '' \
             FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid \
             WHERE {OURS} AND {} AND (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND c.relkind = 'c')) ORDER BY 3, 4",
            no_extension("pg_type", "t.oid")
        );
        let uses = "SELECT DISTINCT r.ev_class, d.refobjid FROM pg_rewrite r JOIN pg_depend d ON d.objid = r.oid \
                    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass \
                    AND d.refobjid <> r.ev_class AND r.rulename = '_RETURN'";
        let uses = client.rows(doing, uses, &[]).await?;
        Ok(Self {
            view_uses: uses.iter().map(|row| (row.get(0), row.get(1))).collect(),
            tables: tables.collect(),
            foreign_keys: foreign_keys.collect(),
            sequences: sequences.collect(),
            views: objects(client, &views).await?,
            functions: objects(client, &functions).await?,
            types: objects(client, &types).await?,
            large_objects: client.row(doing, "SELECT count(*) FROM pg_largeobject_metadata", &[]).await?.get(0),
        })
    }

    /// The table of a number.
    pub fn table(&self, oid: u32) -> Option<&Table> {
        self.tables.iter().find(|table| table.oid == oid)
    }

    /// What a table is a partition of at last, or itself: partitions are where their table is.
    pub fn root<'t>(&'t self, table: &'t Table) -> &'t Table {
        let mut root = table;
        while let Some(parent) = root.parent.and_then(|parent| self.table(parent)) {
            root = parent;
        }
        root
    }
}

async fn objects(client: &Client, sql: &str) -> Result<Vec<Object>, DatabaseError> {
    let rows = client.rows("reading the catalog", sql, &[]).await?;
    let object = |row: &tokio_postgres::Row| Object {
        oid: row.get(0),
        word: row.get(1),
        name: Name { schema: row.get(2), name: row.get(3) },
        arguments: row.get(4),
    };
    Ok(rows.iter().map(object).collect())
}

/// Where a sequence is: the number it gave last, and whether it gave that.
pub type Position = (i64, bool);

/// The positions of sequences.
///
/// # Errors
/// When the server refuses.
pub async fn positions(client: &Client, sequences: &[Name]) -> Result<BTreeMap<Name, Position>, DatabaseError> {
    let mut positions = BTreeMap::new();
    // Hundreds of them, a statement each would be hundreds of round trips.
    for some in sequences.chunks(200) {
        let one = |(index, name): (usize, &Name)| format!("SELECT {index}, last_value, is_called FROM {}", name.sql());
        let sql = some.iter().enumerate().map(one).collect::<Vec<_>>().join(" UNION ALL ");
        for row in client.rows("reading the sequences", &sql, &[]).await? {
            let index: i32 = row.get(0);
            if let Some(name) = usize::try_from(index).ok().and_then(|index| some.get(index)) {
                positions.insert(name.clone(), (row.get(1), row.get(2)));
            }
        }
    }
    Ok(positions)
}

/// How many rows tables have.
///
/// # Errors
/// When the server refuses.
pub async fn count(client: &Client, table: &Name) -> Result<i64, DatabaseError> {
    let sql = format!("SELECT count(*) FROM ONLY {}", table.sql());
    Ok(client.row(&format!("counting the rows of {table}"), &sql, &[]).await?.get(0))
}
