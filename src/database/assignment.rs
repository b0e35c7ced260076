//! Which table belongs to which silo: what the app says, or a file, and the lists that place what has no mark.
//!
//! Pure: texts in, places out. It knows no application; the names of the silos are handed in.

use std::collections::{BTreeMap, BTreeSet};

use glob::Pattern;
use serde::Deserialize;

/// The kinds of silo that something belongs to.
pub type Kinds = BTreeSet<String>;

/// A word for all kinds.
const ALL: [&str; 2] = ["both", "all"];

/// Which table belongs to which silo.
#[derive(Debug, Clone, Default)]
pub struct Assignment {
    marks: Names,
    base: Names,
    functions: Names,
    /// Tables of models that carry no mark, in the order in which they are said.
    pub unmarked: Vec<String>,
}

/// Names and patterns, each with its kinds.
#[derive(Debug, Clone, Default)]
struct Names {
    exact: BTreeMap<String, Kinds>,
    patterns: Vec<(Pattern, Kinds)>,
}

/// A table or function that is called differently by two patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disputed {
    /// Its name.
    pub name: String,
    /// The patterns.
    pub patterns: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    unmarked: Vec<String>,
    #[serde(default)]
    tables: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    base: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    functions: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    tables: Vec<Entry>,
    #[serde(default)]
    functions: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(alias = "table", alias = "function")]
    name: String,
    #[serde(default)]
    silo: Option<Silos>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Silos {
    One(String),
    Several(Vec<String>),
}

impl Assignment {
    /// Reads a file.
    ///
    /// # Errors
    /// When it isn't one, or names a silo that there isn't.
    pub fn from_file(text: &str, kinds: &Kinds) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| {
            let at = error.span().map(|span| text[..span.start].matches('\n').count() + 1);
            let at = at.map(|line| format!("line {line}: ")).unwrap_or_default();
            format!("{at}{}", error.message())
        })?;
        Ok(Self {
            marks: Names::read(&file.tables, kinds, "tables")?,
            base: Names::read(&file.base, kinds, "base")?,
            functions: Names::read(&file.functions, kinds, "functions")?,
            unmarked: file.unmarked,
        })
    }

    /// Takes the marks of the app, which count instead of the file's; what the file has as base lists and as
    /// functions stays.
    ///
    /// # Errors
    /// When it isn't what an app should print, or names a silo that there isn't.
    pub fn with_answer(mut self, text: &str, kinds: &Kinds) -> Result<Self, String> {
        // Libraries print to standard output when they are imported: the answer is from the first brace on.
        let start = text.find('{').ok_or("it printed no JSON")?;
        let answer = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Answer>().next();
        let answer = answer.ok_or("it printed no JSON")?.map_err(|error| error.to_string())?;
        self.marks = Names::default();
        self.unmarked = Vec::new();
        for entry in &answer.tables {
            let silos: Vec<&str> = match &entry.silo {
                None => Vec::new(),
                Some(Silos::One(silo)) => vec![silo.as_str()],
                Some(Silos::Several(silos)) => silos.iter().map(String::as_str).collect(),
            };
            match silos.is_empty() {
                true => self.unmarked.push(entry.name.clone()),
                false => self.marks.add_exact(&entry.name, &silos, kinds, "tables")?,
            }
        }
        for entry in &answer.functions {
            let silos: Vec<&str> = match &entry.silo {
                None => continue,
                Some(Silos::One(silo)) => vec![silo.as_str()],
                Some(Silos::Several(silos)) => silos.iter().map(String::as_str).collect(),
            };
            self.functions.add_exact(&entry.name, &silos, kinds, "functions")?;
        }
        Ok(self)
    }

    /// The silos of a table (or of a sequence, a view, a type); none if it has no place.
    ///
    /// # Errors
    /// When two patterns place it differently.
    pub fn table(&self, schema: &str, name: &str) -> Result<Option<Kinds>, Disputed> {
        match self.marks.find(schema, name)? {
            Some(kinds) => Ok(Some(kinds)),
            None => self.base.find(schema, name),
        }
    }

    /// The silos of a function that isn't found by who uses it.
    ///
    /// # Errors
    /// When two patterns place it differently.
    pub fn function(&self, schema: &str, name: &str) -> Result<Option<Kinds>, Disputed> {
        self.functions.find(schema, name)
    }

    /// Names (not patterns) that are placed and aren't among these.
    pub fn absent(&self, is_there: impl Fn(&str) -> bool) -> Vec<String> {
        self.marks.exact.keys().filter(|name| !is_there(name)).cloned().collect()
    }
}

impl Names {
    fn read(lists: &BTreeMap<String, Vec<String>>, kinds: &Kinds, section: &str) -> Result<Self, String> {
        let mut names = Self::default();
        for (silo, entries) in lists {
            for entry in entries {
                if entry.contains(['*', '?', '[']) {
                    let pattern =
                        Pattern::new(entry).map_err(|error| format!("{section}: `{entry}`: {}", error.msg))?;
                    names.patterns.push((pattern, expand(&[silo.as_str()], kinds, section)?));
                } else {
                    names.add_exact(entry, &[silo.as_str()], kinds, section)?;
                }
            }
        }
        Ok(names)
    }

    /// A name that stands in two lists belongs to both.
    fn add_exact(&mut self, name: &str, silos: &[&str], kinds: &Kinds, section: &str) -> Result<(), String> {
        let silos = expand(silos, kinds, section)?;
        self.exact.entry(name.to_owned()).or_default().extend(silos);
        Ok(())
    }

    fn find(&self, schema: &str, name: &str) -> Result<Option<Kinds>, Disputed> {
        let whole = format!("{schema}.{name}");
        if let Some(kinds) = self.exact.get(&whole).or_else(|| self.exact.get(name)) {
            return Ok(Some(kinds.clone()));
        }
        let matching: Vec<&(Pattern, Kinds)> =
            self.patterns.iter().filter(|(pattern, _)| pattern.matches(name) || pattern.matches(&whole)).collect();
        match matching.split_first() {
            None => Ok(None),
            Some(((_, kinds), rest)) if rest.iter().all(|(_, other)| other == kinds) => Ok(Some(kinds.clone())),
            Some(_) => {
                let patterns = matching.iter().map(|(pattern, _)| pattern.as_str().to_owned()).collect();
                Err(Disputed { name: name.to_owned(), patterns })
            }
        }
    }
}

fn expand(silos: &[&str], kinds: &Kinds, section: &str) -> Result<Kinds, String> {
    let mut expanded = Kinds::new();
    for silo in silos {
        match *silo {
            all if ALL.contains(&all) => expanded.extend(kinds.iter().cloned()),
            one if kinds.contains(one) => drop(expanded.insert(one.to_owned())),
            one => {
                let known: Vec<&str> = kinds.iter().map(String::as_str).chain(["both"]).collect();
                return Err(format!("{section}: no silo is called `{one}`; they are {}", known.join(", ")));
            }
        }
    }
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> Kinds {
        ["control", "region"].map(str::to_owned).into()
    }

    fn of(names: &[&str]) -> Option<Kinds> {
        Some(names.iter().map(|name| (*name).to_owned()).collect())
    }

    const FILE: &str = r#"
unmarked = ["auth_group"]
[tables]
control = ["app_user", "audit_*"]
region = ["app_project", "audit_event"]
[base]
control = ["auth_*"]
both = ["django_migrations"]
[functions]
region = ["increment"]
"#;

    #[test]
    fn a_name_beats_a_pattern_and_a_mark_beats_the_base_lists() {
        let assignment = Assignment::from_file(FILE, &kinds()).expect("it is a good file");
        let table = |name: &str| assignment.table("public", name).expect("no patterns dispute");
        assert_eq!(table("app_user"), of(&["control"]));
        assert_eq!(table("audit_log"), of(&["control"]));
        assert_eq!(table("audit_event"), of(&["region"]));
        assert_eq!(table("auth_group"), of(&["control"]));
        assert_eq!(table("django_migrations"), of(&["control", "region"]));
        assert_eq!(table("app_scheduledjob"), None);
        assert_eq!(assignment.function("public", "increment").expect("it has one place"), of(&["region"]));
    }

    #[test]
    fn the_answer_of_the_app_counts_instead_of_the_files_marks_and_the_base_lists_stay() {
        let answer = r#"a library says hello
            {"tables": [{"table": "b", "silo": "region"}, {"table": "auth_group", "silo": null},
                        {"table": "c", "silo": ["control", "region"]}, {"table": "a", "silo": "both"}]}"#;
        let assignment = Assignment::from_file(FILE, &kinds()).expect("it is a good file");
        let assignment = assignment.with_answer(answer, &kinds()).expect("it is a good answer");
        let table = |name: &str| assignment.table("public", name).expect("no patterns dispute");
        assert_eq!(table("b"), of(&["region"]));
        assert_eq!((table("a"), table("c")), (of(&["control", "region"]), of(&["control", "region"])));
        assert_eq!((table("app_user"), table("auth_group")), (None, of(&["control"])));
        assert_eq!(assignment.unmarked, ["auth_group"]);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_line_or_its_silos() {
        let wrong = |text: &str| Assignment::from_file(text, &kinds()).expect_err("it is a bad file");
        assert_eq!(
            wrong("[tables]\nregoin = [\"a\"]"),
            "tables: no silo is called `regoin`; they are control, region, both"
        );
        assert!(wrong("\n[tabels]\n").starts_with("line 2: unknown field `tabels`"), "{}", wrong("\n[tabels]\n"));
        let disputed = "[tables]\ncontrol = [\"a*\"]\nregion = [\"*b\"]";
        let assignment = Assignment::from_file(disputed, &kinds()).expect("it is a good file");
        let disputed = Disputed { name: "ab".into(), patterns: vec!["a*".into(), "*b".into()] };
        assert_eq!(assignment.table("public", "ab"), Err(disputed));
    }
}
