//! What goes where: the tables of a source by silo, what crosses silos, what is placed nowhere.
//!
//! Pure: a catalog and an assignment in, sets of names out.

use std::collections::{BTreeMap, BTreeSet};

use super::assignment::{Assignment, Disputed, Kinds};
use super::catalog::{Catalog, ForeignKey, Name, Object};

/// What goes where.
#[derive(Debug, Clone, Default)]
pub struct Division {
    tables: BTreeMap<u32, Kinds>,
    /// Tables that no silo has.
    pub nowhere: Vec<Name>,
    /// Placed names that the source hasn't.
    pub absent: Vec<String>,
    assigned: BTreeMap<u32, Kinds>,
}

/// A foreign key that can't be in any silo, since its tables aren't in one together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// Its name.
    pub name: String,
    /// Its table.
    pub from: Name,
    /// The table that it points to.
    pub to: Name,
    /// The silos that have its table and not the other.
    pub kinds: Kinds,
}

impl Division {
    /// Divides a source.
    ///
    /// # Errors
    /// With every name that two patterns place differently.
    pub fn new(catalog: &Catalog, assignment: &Assignment) -> Result<Self, Vec<Disputed>> {
        let mut division = Self::default();
        let mut disputed = Vec::new();
        for table in &catalog.tables {
            let own = assignment.table(&table.name.schema, &table.name.name);
            let root = catalog.root(table);
            // A partition is where its table is, however it is called.
            let found = match own {
                Ok(None) => assignment.table(&root.name.schema, &root.name.name),
                _ if root.oid != table.oid => assignment.table(&root.name.schema, &root.name.name),
                found => found,
            };
            match found {
                Ok(Some(kinds)) => drop(division.tables.insert(table.oid, kinds)),
                Ok(None) => division.nowhere.push(table.name.clone()),
                Err(error) => disputed.push(error),
            }
        }
        let sides = catalog.views.iter().chain(&catalog.types).map(|object| (object, false));
        for (object, is_function) in sides.chain(catalog.functions.iter().map(|object| (object, true))) {
            let place = match is_function {
                true => assignment.function(&object.name.schema, &object.name.name),
                false => assignment.table(&object.name.schema, &object.name.name),
            };
            match place {
                Ok(Some(kinds)) => drop(division.assigned.insert(object.oid, kinds)),
                Ok(None) => {}
                Err(error) => disputed.push(error),
            }
        }
        division.absent = assignment.absent(|name| {
            let is_it = |other: &Name| other.name == name || format!("{}.{}", other.schema, other.name) == name;
            catalog.tables.iter().any(|table| is_it(&table.name)) || catalog.views.iter().any(|view| is_it(&view.name))
        });
        if disputed.is_empty() { Ok(division) } else { Err(disputed) }
    }

    /// How many tables have a place.
    pub fn placed(&self) -> usize {
        self.tables.len()
    }

    /// Whether a silo of this kind has a table.
    pub fn has(&self, kind: &str, table: u32) -> bool {
        self.tables.get(&table).is_some_and(|kinds| kinds.contains(kind))
    }

    /// Whether every silo has a table: then its rows are everywhere, too.
    pub fn is_shared(&self, table: u32, kinds: &Kinds) -> bool {
        self.tables.get(&table).is_some_and(|placed| placed == kinds)
    }

    /// Whether an object is assigned to a silo of this kind.
    pub fn is_assigned(&self, kind: &str, object: &Object) -> bool {
        self.assigned.get(&object.oid).is_some_and(|kinds| kinds.contains(kind))
    }

    /// Whether a foreign key is in the silos of this kind.
    pub fn has_key(&self, kind: &str, key: &ForeignKey) -> bool {
        self.has(kind, key.from) && self.has(kind, key.to)
    }

    /// Foreign keys from one silo to another.
    pub fn crossings(&self, catalog: &Catalog) -> Vec<Crossing> {
        let crossing = |key: &ForeignKey| {
            let from = self.tables.get(&key.from)?;
            let to = self.tables.get(&key.to).cloned().unwrap_or_default();
            let kinds: Kinds = from.difference(&to).cloned().collect();
            let name = |oid| catalog.table(oid).map(|table| table.name.clone());
            (!kinds.is_empty() && !key.inherited)
                .then(|| Some(Crossing { name: key.name.clone(), from: name(key.from)?, to: name(key.to)?, kinds }))?
        };
        catalog.foreign_keys.iter().filter_map(crossing).collect()
    }

    /// The views that a silo of this kind hasn't: those that are assigned elsewhere, and those that need a table
    /// that it hasn't.
    pub fn views_left_out<'c>(&self, kind: &str, catalog: &'c Catalog) -> Vec<&'c Object> {
        let mut gone: BTreeSet<u32> =
            catalog.tables.iter().map(|table| table.oid).filter(|table| !self.has(kind, *table)).collect();
        let elsewhere = |view: &&Object| {
            // A foreign table is assigned as a table is.
            (view.word == "FOREIGN TABLE" || self.assigned.contains_key(&view.oid)) && !self.is_assigned(kind, view)
        };
        gone.extend(catalog.views.iter().filter(elsewhere).map(|view| view.oid));
        loop {
            let before = gone.len();
            let more: Vec<u32> =
                catalog.view_uses.iter().filter(|(_, used)| gone.contains(used)).map(|(view, _)| *view).collect();
            gone.extend(more);
            if gone.len() == before {
                return catalog.views.iter().filter(|view| gone.contains(&view.oid)).collect();
            }
        }
    }
}
