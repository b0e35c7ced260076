//! Where a path ends: the modules of a crate, their imports, and the way through them.
//!
//! Coarser than rustc on purpose: a `use` in a function counts for its whole module, and cfgs are not looked at.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// How many imports may stand behind one another; more is a circle.
const LONGEST_CHAIN: usize = 16;

/// Where a path ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// In this crate: the way from its root.
    Inside(Vec<String>),
    /// In another crate, or nowhere that can be seen (a type parameter, a primitive).
    Outside(Vec<String>),
}

/// A path in the text.
#[derive(Debug, Clone)]
pub(super) struct Mention {
    /// The module in which it stands.
    pub module: Vec<String>,
    /// Its segments.
    pub path: Vec<String>,
    /// It starts with `::`.
    pub absolute: bool,
    /// Whether it is (part of) a `use`, and so doesn't see the name that it defines itself.
    pub import: Option<String>,
    /// Its line.
    pub line: usize,
}

/// What a module defines and imports.
#[derive(Debug, Default)]
struct Scope {
    items: BTreeSet<String>,
    imports: Vec<(String, Mention)>,
    globs: Vec<Mention>,
}

/// The modules of a crate.
#[derive(Debug, Default)]
pub(super) struct Modules {
    scopes: BTreeMap<Vec<String>, Scope>,
}

/// The module that a file is: `src/plan/spec.rs` is `plan::spec`, `src/lib.rs` is the root.
pub(super) fn module_of(file: &str, folder: &str) -> Vec<String> {
    let rest = file.strip_prefix(folder).unwrap_or(file).trim_end_matches(".rs");
    let mut segments: Vec<String> = rest.split('/').map(str::to_owned).collect();
    if segments.last().is_some_and(|last| last == "mod") || rest == "lib" {
        segments.pop();
    }
    segments
}

/// The files that a file takes in under another name (`#[path = "x_tests.rs"] mod tests;`), and their modules.
pub(super) fn files_by_path(path: &str, module: &[String], file: &syn::File) -> Vec<(String, Vec<String>)> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for item in &file.items {
        let syn::Item::Mod(item) = item else { continue };
        for attribute in &item.attrs {
            if let syn::Meta::NameValue(pair) = &attribute.meta
                && pair.path.is_ident("path")
                && let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(name), .. }) = &pair.value
            {
                let module = [module, &[item.ident.to_string()]].concat();
                found.push((format!("{folder}/{}", name.value()), module));
            }
        }
    }
    found
}

impl Modules {
    /// Takes in a file, and returns every path in it.
    pub(super) fn add(&mut self, module: Vec<String>, file: &syn::File) -> Vec<Mention> {
        let mut reader = Reader { modules: self, module: module.clone(), mentions: Vec::new() };
        reader.modules.scopes.entry(module).or_default();
        reader.visit_file(file);
        reader.mentions
    }

    /// Whether there is a top-level module of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.scopes.contains_key(&vec![name.to_owned()])
    }

    /// Where a path ends, and all modules on its way there.
    pub(super) fn resolve(&self, mention: &Mention) -> (End, Vec<Vec<String>>) {
        let mut way = Vec::new();
        let end = self.follow(mention, &mut way, 0);
        if let End::Inside(path) = &end {
            way.push(path.clone());
        }
        (end, way)
    }

    fn follow(&self, mention: &Mention, way: &mut Vec<Vec<String>>, depth: usize) -> End {
        let outside = || End::Outside(mention.path.clone());
        let Some(first) = mention.path.first() else { return outside() };
        if mention.absolute || depth > LONGEST_CHAIN {
            return outside();
        }
        let rest = &mention.path[1..];
        match first.as_str() {
            "crate" | "devserver" => self.descend(Vec::new(), rest, way, depth),
            "self" => self.descend(mention.module.clone(), rest, way, depth),
            "super" => {
                let ups = mention.path.iter().take_while(|segment| *segment == "super").count();
                let above = mention.module.len().saturating_sub(ups);
                self.descend(mention.module[..above].to_vec(), &mention.path[ups..], way, depth)
            }
            name => match self.find(&mention.module, name, mention.import.as_deref(), way, depth) {
                Some(End::Inside(at)) => self.descend(at, rest, way, depth),
                Some(End::Outside(at)) => End::Outside([&at, rest].concat()),
                None => outside(),
            },
        }
    }

    /// Goes down from a module, segment by segment.
    fn descend(&self, at: Vec<String>, rest: &[String], way: &mut Vec<Vec<String>>, depth: usize) -> End {
        way.push(at.clone());
        let Some((name, below)) = rest.split_first() else { return End::Inside(at) };
        match self.find(&at, name, None, way, depth + 1) {
            Some(End::Inside(next)) if depth <= LONGEST_CHAIN => self.descend(next, below, way, depth + 1),
            Some(End::Outside(next)) => End::Outside([&next, below].concat()),
            // An enum's variant, a type's function: nothing is behind it that has a module.
            Some(End::Inside(_)) | None => End::Inside([&at, rest].concat()),
        }
    }

    /// What a name means in a module: its own, an import, or something from a glob.
    fn find(
        &self,
        module: &[String],
        name: &str,
        defining: Option<&str>,
        way: &mut Vec<Vec<String>>,
        depth: usize,
    ) -> Option<End> {
        let own = [module, &[name.to_owned()]].concat();
        if self.scopes.contains_key(&own) {
            return Some(End::Inside(own));
        }
        let scope = self.scopes.get(module)?;
        if scope.items.contains(name) {
            return Some(End::Inside(own));
        }
        if depth > LONGEST_CHAIN {
            return None;
        }
        // `use which::which` doesn't see itself.
        if defining != Some(name)
            && let Some((_, import)) = scope.imports.iter().find(|(imported, _)| imported == name)
        {
            return Some(self.follow(import, way, depth + 1));
        }
        scope.globs.iter().find_map(|glob| match self.follow(glob, &mut Vec::new(), depth + 1) {
            End::Inside(target) if target != module => self.find(&target, name, None, way, depth + 1),
            End::Inside(_) | End::Outside(_) => None,
        })
    }
}

/// Walks a file once: notes what its modules define, and collects its paths.
struct Reader<'a> {
    modules: &'a mut Modules,
    module: Vec<String>,
    mentions: Vec<Mention>,
}

impl Reader<'_> {
    fn scope(&mut self) -> &mut Scope {
        self.modules.scopes.entry(self.module.clone()).or_default()
    }

    fn mention(&self, path: Vec<String>, absolute: bool, line: usize) -> Mention {
        Mention { module: self.module.clone(), path, absolute, import: None, line }
    }

    fn import(&mut self, tree: &syn::UseTree, mut path: Vec<String>, absolute: bool) {
        let (ident, name) = match tree {
            syn::UseTree::Path(step) => {
                path.push(step.ident.to_string());
                return self.import(&step.tree, path, absolute);
            }
            syn::UseTree::Group(group) => {
                return group.items.iter().for_each(|item| self.import(item, path.clone(), absolute));
            }
            syn::UseTree::Glob(glob) => {
                let line = glob.star_token.spans[0].start().line;
                let mention = self.mention(path, absolute, line);
                self.scope().globs.push(mention.clone());
                return self.mentions.push(mention);
            }
            syn::UseTree::Name(name) => (&name.ident, &name.ident),
            syn::UseTree::Rename(rename) => (&rename.ident, &rename.rename),
        };
        let mut name = name.to_string();
        if ident == "self" {
            if ident == name.as_str() {
                name = path.last().cloned().unwrap_or_default();
            }
        } else {
            path.push(ident.to_string());
        }
        let line = ident.span().start().line;
        let mention = Mention { import: Some(name.clone()), ..self.mention(path, absolute, line) };
        self.scope().imports.push((name, mention.clone()));
        self.mentions.push(mention);
    }

    /// Paths in what a macro or an attribute is given, which syn doesn't parse.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut line, mut colons) = (0, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 || path.is_empty() {
                        self.flush(&mut path, line);
                        line = ident.span().start().line;
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.flush(&mut path, line);
                    colons = 0;
                }
                TokenTree::Group(group) => {
                    self.flush(&mut path, line);
                    colons = 0;
                    self.tokens(group.stream());
                }
            }
        }
        self.flush(&mut path, line);
    }

    fn flush(&mut self, path: &mut Vec<String>, line: usize) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            let mention = self.mention(path, false, line);
            self.mentions.push(mention);
        }
    }

    fn define(&mut self, ident: &Ident) {
        let name = ident.to_string();
        self.scope().items.insert(name);
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        match item {
            syn::Item::Const(item) => self.define(&item.ident),
            syn::Item::Enum(item) => self.define(&item.ident),
            syn::Item::Fn(item) => self.define(&item.sig.ident),
            syn::Item::Static(item) => self.define(&item.ident),
            syn::Item::Struct(item) => self.define(&item.ident),
            syn::Item::Trait(item) => self.define(&item.ident),
            syn::Item::Type(item) => self.define(&item.ident),
            syn::Item::Union(item) => self.define(&item.ident),
            // The others define no name that a path could start with, or are met below.
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        if item.content.is_some() {
            self.scope();
        }
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&item.tree, Vec::new(), item.leading_colon.is_some());
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let line = item.ident.span().start().line;
        let mention = self.mention(vec![item.ident.to_string()], true, line);
        self.mentions.push(mention);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        // One segment alone is a local name, or an import that is looked at where it stands.
        if path.segments.len() > 1 {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            let line = path.segments[0].ident.span().start().line;
            let mention = self.mention(segments, path.leading_colon.is_some(), line);
            self.mentions.push(mention);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
        visit::visit_attribute(self, attribute);
    }
}
