//! What is wrong with a configuration or a command line is told in whole, once, with its place and its fix; and
//! nothing is started.

mod files;
mod noise;
mod references;
mod shapes;
mod stop;
mod templates;
mod usage;

use crate::support::Devserver;

/// `devserver plan` beside this devserver.toml says this and exits with 3.
#[track_caller]
fn refused(toml: &str, says: &str) {
    Devserver::of(toml).args("plan").refuses(3, says);
}
