//! The merged configuration as TOML again: what `config show` prints, with who set what.

use super::schema::Config;
use super::source::Origin;
use super::value::{Kind, Table, Value, key_to_toml};

/// The merged configuration as TOML; with `origins`, each line says who set it.
pub fn show(config: &Config, origins: bool) -> String {
    let mut text = String::new();
    Printer { config, origins, out: &mut text }.table(&config.merged, &[]);
    text.trim_start().to_owned()
}

struct Printer<'a> {
    config: &'a Config,
    origins: bool,
    out: &'a mut String,
}

impl Printer<'_> {
    fn table(&mut self, table: &Table, path: &[String]) {
        // A table that holds only tables is there by their headings; an empty one only by its own.
        let has_lines = table.is_empty() || table.values().any(|entry| !has_heading(&entry.value));
        if has_lines && !path.is_empty() {
            self.out.push_str(&format!("\n[{}]\n", path.join(".")));
        }
        self.entries(table, path);
    }

    fn entries(&mut self, table: &Table, path: &[String]) {
        for (key, entry) in table.iter().filter(|(_, entry)| !has_heading(&entry.value)) {
            let line = format!("{} = {}", key_to_toml(key), entry.value.to_toml());
            let comment = self.comment(&entry.value.origin);
            self.out.push_str(&format!("{line}{comment}\n"));
        }
        for (key, entry) in table.iter().filter(|(_, entry)| has_heading(&entry.value)) {
            let path: Vec<String> = path.iter().cloned().chain([key_to_toml(key)]).collect();
            match &entry.value.kind {
                Kind::Table(inner) => self.table(inner, &path),
                Kind::Array(items) => {
                    for block in items.iter().filter_map(Value::as_table) {
                        self.out.push_str(&format!("\n[[{}]]\n", path.join(".")));
                        self.entries(block, &path);
                    }
                }
                _ => {}
            }
        }
    }

    fn comment(&self, origin: &Origin) -> String {
        match self.origins {
            true => format!("  # {}", self.config.sources.place(origin)),
            false => String::new(),
        }
    }
}

/// Whether a value is written under a heading of its own: a table, or a list of tables.
fn has_heading(value: &Value) -> bool {
    match &value.kind {
        Kind::Table(_) => true,
        Kind::Array(items) => !items.is_empty() && items.iter().all(|item| matches!(item.kind, Kind::Table(_))),
        _ => false,
    }
}
