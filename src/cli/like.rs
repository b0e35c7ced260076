//! What a command is about that needs the flags of a start and is given none: the stack that is up here.
//!
//! `devserver run --silo=region -- …` beside a running region shall see the ports and variables that the region
//! has, whatever flags it was started with.

use crate::config::Config;
use crate::plan::Choices;

use super::args::{self, Invocation};
use super::discover::{self, Env, Found};
use super::report::Failure;
use super::stack::{Record, RuntimeFolder};

/// A start as it would be now: with flags that were given here, or those of a stack that is up.
#[derive(Debug)]
pub struct Like {
    /// The configuration, with the `--set` of that start.
    pub found: Option<Found>,
    /// Its flags, its address, its silos.
    pub choices: Choices,
}

/// What `choices` leaves open is taken from the stack of this checkout that has its silos, if one is up. A flag or an
/// ADDRESS of one's own leaves nothing open.
///
/// # Errors
/// When the configuration of that stack can't be read any more.
pub fn live(found: &Found, choices: &Choices, env: &Env) -> Result<Like, Failure> {
    let own = || Like { found: None, choices: choices.clone() };
    if !choices.flags.is_empty() || choices.address.is_some() {
        return Ok(own());
    }
    let stacks = RuntimeFolder::of(&found.folder, env).live();
    let has = |record: &&Record| choices.silos.iter().all(|silo| record.silos.contains_key(silo));
    let Some(record) = stacks.iter().find(has) else { return Ok(own()) };
    let words = words(&record.command);
    let args = words.get(1..).unwrap_or_default();
    let sets = args::early(args).sets;
    let again = match sets.is_empty() {
        true => None,
        false => Some(discover::discover(&args::Early { sets, ..args::early(args) }, env)?),
    };
    let config: &Config = again.as_ref().map_or(&found.config, |again| &again.config);
    // A flag that is no longer declared: the start of now knows nothing of it.
    let Ok(Invocation::Up(theirs, _)) = args::parse(args, config) else { return Ok(own()) };
    let silos = if choices.silos.is_empty() { theirs.silos.clone() } else { choices.silos.clone() };
    Ok(Like { found: again, choices: Choices { silos, ..theirs } })
}

/// The words of a command line that `quoted` wrote.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut letters) = (Vec::new(), None::<String>, line.chars());
    while let Some(letter) = letters.next() {
        match letter {
            ' ' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                letters.by_ref().take_while(|letter| *letter != '\'').for_each(|letter| word.push(letter));
            }
            '\\' => word.get_or_insert_default().extend(letters.next()),
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cli::plan::quoted;

    proptest! {
        #[test]
        fn a_command_line_is_read_as_it_was_written(line in prop::collection::vec(r"[a-z '\\=$*é-]{0,8}", 0..6)) {
            let written: Vec<String> = line.iter().map(|word| quoted(word)).collect();
            prop_assert_eq!(words(&written.join(" ")), line);
        }
    }
}
