//! Expressions and templates: minijinja, strict about names. The only file that names it.
//!
//! A bare unknown name would evaluate to undefined without an error, and `or` would hide it, so every name
//! is checked when the file is loaded; at run time only `env.NAME` and a silo's own values can be missing.

use std::collections::BTreeSet;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, syntax::SyntaxConfig};
use serde_json::Value as Json;

use super::source::Origin;

/// A string that is an expression: `flag.workers and setting.use_relay`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expr {
    /// Its text.
    pub text: String,
    /// Where it stands.
    pub origin: Origin,
}

/// A string in which `{{ … }}` is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its text.
    pub text: String,
    /// Where it stands.
    pub origin: Origin,
}

/// Why an expression or a template gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// Something it names isn't there in this silo, or isn't set in the environment.
    #[error("{}", match name { Some(name) => format!("`{name}` is not set"), None => "it uses a value that isn't set".to_owned() })]
    Undefined {
        /// The name, where it can be told.
        name: Option<String>,
    },
    /// It doesn't compile, or an operation in it isn't possible.
    #[error("{why}")]
    Engine {
        /// The engine's words.
        why: String,
    },
    /// A template would print what has no text of its own: true, a list, a table.
    #[error("{} has no text of its own", match name { Some(name) => format!("`{name}` is {kind}, which"), None => (*kind).to_owned() })]
    NoText {
        /// The name, where it can be told.
        name: Option<String>,
        /// `true or false`, `a list`.
        kind: &'static str,
    },
    /// It is of another kind than is asked for.
    #[error("it gives {found}, not {expected}")]
    Kind {
        /// `a whole number`.
        expected: &'static str,
        /// What it gives.
        found: String,
    },
}

/// What expressions can see.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    names: Vec<(&'static str, Json)>,
    silos: Vec<(String, Json)>,
}

impl Scope {
    /// Sets a namespace: `flag`, `setting`.
    pub fn set(&mut self, namespace: &'static str, value: Json) {
        self.names.retain(|(name, _)| *name != namespace);
        self.names.push((namespace, value));
    }

    /// Sets `silos`: a list for filters, in which each silo can also be named.
    pub fn set_silos(&mut self, silos: Vec<(String, Json)>) {
        self.silos = silos;
    }

    /// What a namespace holds.
    pub fn get(&self, namespace: &str) -> Option<&Json> {
        self.names.iter().find(|(name, _)| *name == namespace).map(|(_, value)| value)
    }

    /// What a whole name stands for: `flag.workers`.
    fn find(&self, name: &str) -> Option<&Json> {
        let mut parts = name.split('.');
        let namespace = self.get(parts.next()?)?;
        parts.try_fold(namespace, |value, part| value.get(part))
    }

    fn to_value(&self) -> Value {
        let silos = Silos(
            self.silos.iter().map(|(name, silo)| (name.clone(), Value::from(minijinja::value::Serde(silo)))).collect(),
        );
        let named =
            self.names.iter().map(|(name, value)| ((*name).to_owned(), Value::from(minijinja::value::Serde(value))));
        Value::from_pairs(named.chain([("silos".to_owned(), Value::from_object(silos))]))
    }
}

/// Every declared silo: a sequence for `selectattr` and `map`, and by name for `silos.region`.
#[derive(Debug)]
struct Silos(Vec<(String, Value)>);

impl Object for Silos {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if let Some(name) = key.as_str() {
            return self.0.iter().find(|(silo, _)| silo == name).map(|(_, value)| value.clone());
        }
        let index = usize::try_from(key.clone()).ok()?;
        self.0.get(index).map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }
}

/// Compiles and evaluates.
#[derive(Debug)]
pub struct Engine(Environment<'static>);

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// An engine with our rules: strict, no HTML escaping, text and numbers only.
    pub fn new() -> Self {
        let mut environment = Environment::new();
        // A rendered file ends as its template does.
        let syntax = SyntaxConfig::builder().keep_trailing_newline(true).build();
        environment.set_syntax(syntax.expect("the marks are the usual ones"));
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_formatter(|out, state, value| {
            if value.as_str().is_some() || value.is_number() || value.is_undefined() {
                return minijinja::escape_formatter(out, state, value);
            }
            Err(minijinja::Error::new(ErrorKind::BadSerialization, kind(value.kind())))
        });
        environment.add_filter("regex_escape", |text: &str| regex::escape(text));
        Self(environment)
    }

    /// The names that an expression uses: `flag.workers`.
    ///
    /// # Errors
    /// When it doesn't compile.
    pub fn names_in_expression(&self, text: &str) -> Result<BTreeSet<String>, EvalError> {
        short_enough(text.len())?;
        let compiled = self.0.compile_expression(text).map_err(|error| engine_error(&error))?;
        Ok(compiled.undeclared_variables(true).into_iter().collect())
    }

    /// The names that a template uses.
    ///
    /// # Errors
    /// When it doesn't compile.
    pub fn names_in_template(&self, text: &str) -> Result<BTreeSet<String>, EvalError> {
        if !text.contains('{') {
            return Ok(BTreeSet::new());
        }
        short_enough(longest_expression(text))?;
        let compiled = self.0.template_from_str(text).map_err(|error| engine_error(&error))?;
        Ok(compiled.undeclared_variables(true).into_iter().collect())
    }

    /// Whether an expression holds.
    ///
    /// # Errors
    /// When it can't be evaluated.
    pub fn holds(&self, expr: &Expr, scope: &Scope) -> Result<bool, EvalError> {
        self.evaluate(&expr.text, scope).map(|value| value.is_true())
    }

    /// The whole number that an expression gives.
    ///
    /// # Errors
    /// When it can't be evaluated, or gives something else.
    pub fn number(&self, expr: &Expr, scope: &Scope) -> Result<i64, EvalError> {
        let value = self.evaluate(&expr.text, scope)?;
        let from_text = || value.as_str().and_then(|text| text.trim().parse().ok());
        let number = if value.is_number() { value.as_i64() } else { from_text() };
        number.ok_or_else(|| EvalError::Kind { expected: "a whole number", found: format!("`{value}`") })
    }

    /// The data that an expression gives.
    ///
    /// # Errors
    /// When it can't be evaluated.
    pub fn data(&self, expr: &Expr, scope: &Scope) -> Result<Json, EvalError> {
        let value = self.evaluate(&expr.text, scope)?;
        serde_json::to_value(value).map_err(|error| EvalError::Engine { why: error.to_string() })
    }

    /// The text of a template with everything filled in.
    ///
    /// # Errors
    /// When something in it can't be evaluated.
    pub fn fill(&self, template: &Template, scope: &Scope) -> Result<String, EvalError> {
        if !template.text.contains('{') {
            return Ok(template.text.clone());
        }
        short_enough(longest_expression(&template.text))?;
        let names = || self.names_in_template(&template.text).unwrap_or_default();
        let rendered = self.0.render_str(&template.text, scope.to_value());
        rendered.map_err(|error| self.explain(&error, names(), scope))
    }

    fn evaluate(&self, text: &str, scope: &Scope) -> Result<Value, EvalError> {
        let names = || self.names_in_expression(text).unwrap_or_default();
        let compiled = self.0.compile_expression(text).map_err(|error| engine_error(&error))?;
        let value = compiled.eval(scope.to_value()).map_err(|error| self.explain(&error, names(), scope))?;
        if value.is_undefined() {
            return Err(EvalError::Undefined { name: missing(names(), scope) });
        }
        Ok(value)
    }

    /// Says which name was missing: the engine's own message doesn't.
    fn explain(&self, error: &minijinja::Error, names: BTreeSet<String>, scope: &Scope) -> EvalError {
        match error.kind() {
            // Only the formatter above gives this one.
            ErrorKind::BadSerialization => {
                let kind = KINDS.into_iter().find(|kind| error.detail() == Some(kind)).unwrap_or(OTHER);
                let is_it = |name: &String| scope.find(name).is_some_and(|value| kind_of(value) == kind);
                EvalError::NoText { name: names.into_iter().find(is_it), kind }
            }
            ErrorKind::UndefinedError => EvalError::Undefined { name: missing(names, scope) },
            _ => engine_error(error),
        }
    }
}

/// The first of these names that the scope doesn't have.
fn missing(names: BTreeSet<String>, scope: &Scope) -> Option<String> {
    names.into_iter().find(|name| {
        let mut parts = name.split('.');
        let Some(namespace) = parts.next() else { return false };
        if namespace == "silos" {
            return parts.next().is_some_and(|silo| !scope.silos.iter().any(|(name, _)| name == silo));
        }
        scope.find(name).is_none()
    })
}

/// The engine calls itself for each operator, and its own limit doesn't count all of them: what is absurdly
/// long would take the whole stack.
fn short_enough(length: usize) -> Result<(), EvalError> {
    const LONGEST: usize = 1024;
    let why = || format!("it is {length} bytes long, and an expression has at most {LONGEST}");
    if length <= LONGEST { Ok(()) } else { Err(EvalError::Engine { why: why() }) }
}

/// How long the longest `{{ … }}` or `{% … %}` of a template is.
fn longest_expression(text: &str) -> usize {
    let pieces = text.split("{{").flat_map(|piece| piece.split("{%")).skip(1);
    let inside = pieces.map(|piece| piece.find("}}").into_iter().chain(piece.find("%}")).min().unwrap_or(piece.len()));
    inside.max().unwrap_or(0)
}

fn engine_error(error: &minijinja::Error) -> EvalError {
    let why = match error.detail() {
        Some(detail) => detail.to_owned(),
        None => error.kind().to_string(),
    };
    EvalError::Engine { why }
}

const TRUTH: &str = "true or false";
const LIST: &str = "a list";
const TABLE: &str = "a table";
const OTHER: &str = "this value";
const KINDS: [&str; 4] = [TRUTH, LIST, TABLE, OTHER];

fn kind(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Bool => TRUTH,
        ValueKind::Seq | ValueKind::Iterable => LIST,
        ValueKind::Map => TABLE,
        _ => OTHER,
    }
}

fn kind_of(value: &Json) -> &'static str {
    match value {
        Json::Bool(_) => TRUTH,
        Json::Array(_) => LIST,
        Json::Object(_) => TABLE,
        Json::Null | Json::Number(_) | Json::String(_) => OTHER,
    }
}
