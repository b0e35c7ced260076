//! `db split`: what is asked for, what comes of it, and what is left when it is interrupted.

use std::io::IsTerminal as _;

use crate::database::{Outcome, Split, Wanted, discard, size};

use super::super::exit_code::Exit;
use super::super::main::say;
use super::super::report::Failure;
use super::args::SplitView;
use super::ask::assignment;
use super::job::{Job, failures, interrupted, warn};
use super::voice::Teller;

/// More connections than this don't make a developer's machine faster.
const MOST_JOBS: usize = 4;

/// Splits.
///
/// # Errors
/// With everything that is wrong, or when it is interrupted.
pub async fn split(job: &Job<'_>, view: &SplitView) -> Result<Exit, Failure> {
    let databases = &job.databases;
    let kinds = databases.silos.iter().map(|silo| silo.kind.to_string()).collect();
    let region = view.region.clone().map_or_else(|| (databases.region.clone(), false), |region| (region, true));
    let wanted = Wanted {
        source: view.source.clone().unwrap_or_else(|| databases.monolith.clone()),
        silos: databases.silos.clone(),
        region,
        legacy_region: view.legacy_region.clone().unwrap_or_else(|| databases.legacy_region.clone()),
        mappings: databases.mappings.clone(),
        reset: view.reset,
        assignment: assignment(job, &kinds).await?,
    };
    #[expect(clippy::disallowed_methods, reason = "what is kept is named after the time until which it was")]
    let now = jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::system());
    let split = Split {
        server: job.server.clone(),
        wanted,
        strategy: view.strategy,
        dry_run: view.dry_run,
        id: job.id.clone(),
        time: now.strftime("%Y%m%dT%H%M%S").to_string(),
        exec: databases.exec.clone(),
        programs: view.programs.clone(),
        env: job.env.clone(),
        jobs: std::thread::available_parallelism().map_or(2, usize::from).clamp(2, MOST_JOBS),
    };
    let teller = Teller::new(job.view.verbose, std::io::stderr().is_terminal());
    let done = tokio::select! {
        done = split.run(&teller) => Some(done),
        _ = interrupted() => None,
    };
    crate::database::Voice::over(&teller);
    match done {
        Some(Ok(outcome)) => {
            tell(&split, &outcome);
            Ok(Exit::Fine)
        }
        Some(Err(errors)) => Err(failures(errors)),
        None => stopped(&split).await,
    }
}

/// After a signal: what has been built goes, and what is there is said.
async fn stopped(split: &Split) -> Result<Exit, Failure> {
    let is_done = split.is_done();
    let cleaned = tokio::select! {
        cleaned = discard(&split.server, &split.id) => Some(cleaned),
        _ = interrupted() => None,
    };
    let is_done = match cleaned {
        Some(Ok(_)) => is_done.await.unwrap_or(false),
        _ => false,
    };
    match cleaned {
        Some(Ok(_)) if is_done => say("interrupted, but the split was over: all databases have their names\n"),
        Some(Ok(dropped)) => {
            for name in &dropped {
                say(&format!("dropped {name}, which was half built\n"));
            }
            say(&format!("interrupted: {} and what was there before are as they were\n", split.wanted.source));
        }
        Some(Err(error)) => {
            warn(&format!("what was built so far may still be there, with {} in its name: {error}", split.id));
            warn("`devserver db clean` removes it");
        }
        None => warn("interrupted twice: `devserver db clean` removes what was built so far"),
    }
    Ok(Exit::Interrupted)
}

/// The final table, and what isn't in it.
fn tell(split: &Split, outcome: &Outcome) {
    let list = |names: &[String]| match names.len() {
        ..=8 => names.join(", "),
        more => format!("{} and {} more", names[..8].join(", "), more - 8),
    };
    let nowhere: Vec<String> = outcome.nowhere.iter().map(ToString::to_string).collect();
    if !nowhere.is_empty() {
        say(&format!("> In no silo, and left out: {}\n", list(&nowhere)));
    }
    if !outcome.left_out.is_empty() {
        say(&format!("> Used by no table of a silo, and left out: {}\n", list(&outcome.left_out)));
    }
    if !outcome.absent.is_empty() {
        say(&format!("> Assigned to a silo, but not in {}: {}\n", split.wanted.source, list(&outcome.absent)));
    }
    let head = ["silo", "database", "tables", "rows", "foreign keys", "sequences", "size", "seconds"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for line in &outcome.lines {
        let seconds = format!("{}.{}", line.millis / 1000, line.millis % 1000 / 100);
        let (count, known) = (|number: usize| number.to_string(), !split.dry_run);
        let unknown = |text: String| if known { text } else { "-".to_owned() };
        rows.push(vec![
            line.silo.clone(),
            line.database.clone(),
            count(line.tables),
            unknown(line.rows.to_string()),
            count(line.foreign_keys),
            unknown(count(line.sequences)),
            size(line.bytes),
            unknown(seconds),
        ]);
    }
    let width = |column: usize| rows.iter().map(|row| console::measure_text_width(&row[column])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    say("\n");
    for row in &rows {
        let cell = |(column, text): (usize, &String)| {
            let pad = " ".repeat(widths[column] - console::measure_text_width(text));
            // Words to the left, numbers to the right.
            if column < 2 { format!("{text}{pad}") } else { format!("{pad}{text}") }
        };
        let line: Vec<String> = row.iter().enumerate().map(cell).collect();
        say(&format!("{}\n", line.join("  ").trim_end()));
    }
}
