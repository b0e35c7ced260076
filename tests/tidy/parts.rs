//! What stands in a file: statics, `unsafe`, methods that reach out, what a `mod.rs` may hold.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::doors::{may_be_unsafe, room_name};
use super::resolve::module_of;
use super::tree::{Tree, Violation};
use super::{PURE_METHODS, ROOMS, Reach, STATICS};

/// Types that make a static one that changes, or is filled later.
const CHANGING: &[&str] = &[
    "Cell",
    "Condvar",
    "LazyCell",
    "LazyLock",
    "Mutex",
    "Notify",
    "Once",
    "OnceCell",
    "OnceLock",
    "RefCell",
    "RwLock",
    "Semaphore",
    "SyncUnsafeCell",
    "UnsafeCell",
];

const NO_GLOBALS: &str = "state has an owner that is passed along: a global has an order of initialisation, and tests that share it can't run side by side";
const SAFE: &str = "what can't be checked by the compiler stands in two rooms, where it is read with care";
const NO_DISK: &str = "it asks the disk or the network, and a pure room is handed what it needs";
const ONLY_DOCS: &str = "a room's `mod.rs` is its table of contents: docs, modules and re-exports";

/// Looks into every file of `src/`.
pub(super) fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for (path, text) in tree.rust("src/") {
        // One that doesn't parse is reported with the doors.
        let Ok(file) = syn::parse_file(text) else { continue };
        let module = module_of(path, "src/");
        let pure = ROOMS.iter().any(|room| room.name == room_name(&module) && room.reach == Reach::Pure);
        Inspector { path, pure, found: &mut found }.visit_file(&file);
        if !may_be_unsafe(path) {
            find_unsafe(path, file.to_token_stream(), &mut found);
        }
        if path.ends_with("/mod.rs") {
            check_contents(path, &file, &mut found);
        }
    }
    check_permissions(tree, &mut found);
    found
}

struct Inspector<'a> {
    path: &'a str,
    pure: bool,
    found: &'a mut Vec<Violation>,
}

impl Inspector<'_> {
    fn report(&mut self, line: usize, what: String, why: &str) {
        self.found.push(Violation::new(self.path, line, what, why));
    }
}

impl<'ast> Visit<'ast> for Inspector<'_> {
    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        let name = item.ident.to_string();
        let is_mut = matches!(item.mutability, syn::StaticMutability::Mut(_));
        let allowed = STATICS.iter().any(|(file, known, _)| *file == self.path && *known == name);
        if !allowed && (is_mut || changes(item.ty.to_token_stream())) {
            let line = item.ident.span().start().line;
            self.report(line, format!("`static {name}` changes, or is filled later"), NO_GLOBALS);
        }
        visit::visit_item_static(self, item);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let name = call.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        if name == "thread_local" || name == "lazy_static" {
            self.report(call.span().start().line, format!("`{name}!` holds state"), NO_GLOBALS);
        }
        visit::visit_macro(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let name = call.method.to_string();
        if self.pure && PURE_METHODS.contains(&name.as_str()) {
            self.report(call.method.span().start().line, format!("a pure room calls `.{name}()`"), NO_DISK);
        }
        visit::visit_expr_method_call(self, call);
    }
}

/// Whether a type has one in it that changes behind a shared reference.
fn changes(ty: TokenStream) -> bool {
    ty.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => {
            let name = ident.to_string();
            name.starts_with("Atomic") || CHANGING.contains(&name.as_str())
        }
        TokenTree::Group(group) => changes(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

fn find_unsafe(path: &str, tokens: TokenStream, found: &mut Vec<Violation>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) if ident == "unsafe" => {
                found.push(Violation::new(path, ident.span().start().line, "`unsafe` outside `sys` and `shim`", SAFE));
            }
            TokenTree::Group(group) => find_unsafe(path, group.stream(), found),
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

fn check_contents(path: &str, file: &syn::File, found: &mut Vec<Violation>) {
    for item in &file.items {
        let fits = match item {
            syn::Item::Use(_) => true,
            syn::Item::Mod(module) => module.content.is_none(),
            _ => false,
        };
        if !fits {
            let what = "a `mod.rs` with something else than `mod` and `use`";
            found.push(Violation::new(path, item.span().start().line, what, ONLY_DOCS));
        }
    }
}

/// A permission for a static that isn't there any more.
fn check_permissions(tree: &Tree, found: &mut Vec<Violation>) {
    for (file, name, _) in STATICS {
        let gone = tree.files.get(*file).is_some_and(|text| !text.contains(&format!("static {name}")));
        if gone {
            let what = format!("`static {name}` has a permission in tests/tidy.rs, and isn't there");
            found.push(Violation::new(file, 1, what, "a permission that nobody uses is one that somebody will"));
        }
    }
}
