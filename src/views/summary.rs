//! What a person wants at the end of starting up: what is there and where, and what isn't and why.

use std::fmt::Write;

use super::palette::Tone;
use crate::logs::escaped;
use crate::model::{Hold, Moment, PeerAnswer, Phase, ProcessStatus, SiloName, Status, brief};

/// What the summary is made from.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a> {
    /// How everything stands.
    pub status: &'a Status,
    /// Whether the silos answer that this run talks to and doesn't start.
    pub peers: &'a [PeerAnswer],
    /// What doesn't run, and why.
    pub absent: &'a [(String, String)],
    /// Whether there are colours.
    pub colour: bool,
    /// How wide it may be.
    pub columns: usize,
}

/// One item of a row: how wide it is, and its text with colours.
struct Item {
    width: usize,
    text: String,
}

/// The block of text, with an empty line before and after it.
pub fn summary(summary: &Summary<'_>) -> String {
    let mut page = Page { colour: summary.colour, columns: summary.columns.max(40), label: 0, text: "\n".into() };
    let processes = &summary.status.processes;
    let troubles: Vec<&ProcessStatus> = processes.iter().filter(|process| trouble(process).is_some()).collect();
    let took = brief(summary.status.at.since(Moment::START));
    let up = processes.iter().filter(|process| process.phase == Phase::Ready).count();
    match troubles.len() {
        0 => page.heading(Tone::Good, &format!("everything is up after {took}")),
        failed => page.heading(Tone::Bad, &format!("{up} of {} are up after {took}", up + failed)),
    }

    let silos = silos(processes);
    let alone = silos == [None];
    let labels = silos.iter().map(|silo| label(*silo, alone).len());
    page.label = labels.chain([NOT_RUNNING.len()]).max().unwrap_or(0);
    for silo in silos {
        let of_silo: Vec<&ProcessStatus> = processes.iter().filter(|process| process.silo.as_ref() == silo).collect();
        page.silo(label(silo, alone), silo.is_some() || alone, &of_silo);
    }
    for process in &troubles {
        let Some(why) = trouble(process) else { continue };
        page.line("", Tone::Bad, &format!("{} {}", process.name, escaped(&why).replace("\\u{a}", " ")));
    }
    page.absent(summary.absent);
    for PeerAnswer { silo, address, answers, start } in summary.peers {
        let address = escaped(address);
        if *answers {
            page.line("", Tone::Dim, &format!("{silo} answers at {address}"));
        } else {
            let text = format!("{silo} at {address} isn't answering; start it with `{}`", escaped(start));
            page.line("", Tone::Warn, &text);
        }
    }
    page.text.push('\n');
    page.text
}

const NOT_RUNNING: &str = "off";

/// The silos in their order, and then what they share.
fn silos(processes: &[ProcessStatus]) -> Vec<Option<&SiloName>> {
    let mut silos: Vec<Option<&SiloName>> = Vec::new();
    for silo in processes.iter().map(|process| process.silo.as_ref()) {
        if !silos.contains(&silo) {
            silos.push(silo);
        }
    }
    silos.sort_by_key(Option::is_none);
    silos
}

fn label(silo: Option<&SiloName>, alone: bool) -> &str {
    silo.map_or(if alone { "app" } else { "shared" }, SiloName::as_str)
}

/// Its name within its silo, which stands at the start of the line.
fn short(process: &ProcessStatus) -> &str {
    let name = process.name.as_str();
    match &process.silo {
        Some(silo) => name.strip_prefix(silo.as_str()).and_then(|rest| rest.strip_prefix('.')).unwrap_or(name),
        None => name,
    }
}

/// Why a process isn't as it should be, as a sentence that begins with its name.
fn trouble(process: &ProcessStatus) -> Option<String> {
    match (&process.phase, &process.hold) {
        (Phase::Ready | Phase::Done { .. }, _) => None,
        (Phase::Failed { failure }, _) => Some(format!("failed: {failure}")),
        (_, Some(hold @ Hold::Blocked { .. })) => Some(format!("is {hold}")),
        (_, Some(hold @ Hold::Waiting { .. })) => Some(format!("is {hold}")),
        (Phase::Backoff { .. }, _) => Some("keeps ending and is started again".into()),
        (Phase::Running { .. } | Phase::Starting, _) => Some("runs and isn't ready yet".into()),
        // It was stopped by hand: nothing is wrong with it.
        (Phase::Idle | Phase::Stopping { .. }, _) => None,
    }
}

/// The summary as it grows.
struct Page {
    colour: bool,
    columns: usize,
    /// The width of the first column.
    label: usize,
    text: String,
}

impl Page {
    const INDENT: usize = 2;

    fn heading(&mut self, tone: Tone, text: &str) {
        let mark = if tone == Tone::Good { "●" } else { "▲" };
        let (mark, text) = (tone.paint(mark, self.colour), Tone::Strong.paint(text, self.colour));
        let _infallible = writeln!(self.text, "{mark} {text}");
    }

    /// A silo: its addresses, then its services with the time each took.
    ///
    /// Where the first address is the silo's own, it needs no name.
    fn silo(&mut self, label: &str, own: bool, processes: &[&ProcessStatus]) {
        let mut label = label;
        let with_url = processes.iter().filter_map(|process| Some((process, escaped(process.url.as_deref()?))));
        for (index, (process, url)) in with_url.enumerate() {
            let mut note = if index > 0 || !own { format!(" {}", short(process)) } else { String::new() };
            let mut tone = Tone::Link;
            if process.phase != Phase::Ready {
                note.push_str(" isn't up");
                tone = Tone::Dim;
            }
            let width = url.chars().count() + note.len();
            let text = tone.paint(&url, self.colour) + &Tone::Dim.paint(&note, self.colour);
            self.row(label, &[Item { width, text }]);
            label = "";
        }
        let items: Vec<Item> = processes.iter().filter_map(|process| self.service(process)).collect();
        self.row(label, &items);
    }

    /// A service that is up or done; what isn't has a line of its own.
    fn service(&self, process: &ProcessStatus) -> Option<Item> {
        let name = short(process);
        let (detail, tone) = match (&process.phase, process.ready_after) {
            (Phase::Ready, Some(after)) => (brief(after), Tone::Dim),
            (Phase::Ready, None) => (String::new(), Tone::Dim),
            (Phase::Done { .. }, _) => ("done".into(), Tone::Dim),
            (Phase::Idle | Phase::Stopping { .. }, _) if trouble(process).is_none() => ("stopped".into(), Tone::Dim),
            _ => ("✗".into(), Tone::Bad),
        };
        let gap = if detail.is_empty() { "" } else { " " };
        let width = name.len() + gap.len() + detail.chars().count();
        Some(Item { width, text: format!("{name}{gap}{}", tone.paint(&detail, self.colour)) })
    }

    /// Items, wrapped, with a label in the first column of the first line.
    fn row(&mut self, label: &str, items: &[Item]) {
        let start = Self::INDENT + self.label + 2;
        let mut at = 0;
        for (index, item) in items.iter().enumerate() {
            let separator = if index + 1 < items.len() { "," } else { "" };
            if at > 0 && at + 1 + item.width + separator.len() > self.columns {
                self.text.push('\n');
                at = 0;
            }
            if at == 0 {
                let label = if index == 0 { label } else { "" };
                let padding = " ".repeat(self.label - label.len() + 2);
                let label = Tone::Strong.paint(label, self.colour);
                let _infallible = write!(self.text, "{:1$}{label}{padding}", "", Self::INDENT);
                at = start;
            } else {
                self.text.push(' ');
                at += 1;
            }
            self.text.push_str(&item.text);
            self.text.push_str(separator);
            at += item.width + separator.len();
        }
        self.text.push('\n');
    }

    /// A sentence, wrapped at words; what stands in backticks is one.
    fn line(&mut self, label: &str, tone: Tone, text: &str) {
        let mut quoted = false;
        let between = |character: char| {
            quoted ^= character == '`';
            character == ' ' && !quoted
        };
        let start = if label.is_empty() { Self::INDENT } else { Self::INDENT + self.label + 2 };
        let mut lines = vec![String::new()];
        for word in text.split(between) {
            let last = lines.last().map_or(0, |line| line.chars().count());
            if last > 0 && start + last + 1 + word.chars().count() > self.columns {
                lines.push(String::new());
            }
            if let Some(line) = lines.last_mut() {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
        for (index, line) in lines.iter().enumerate() {
            let (label, indent) = match index {
                0 if !label.is_empty() => (format!("{label:<width$}  ", width = self.label), Self::INDENT),
                0 => (String::new(), start),
                _ if label.is_empty() => (String::new(), start + 2),
                _ => (String::new(), start),
            };
            let label = Tone::Strong.paint(&label, self.colour);
            let line = tone.paint(line, self.colour);
            let _infallible = writeln!(self.text, "{:1$}{label}{line}", "", indent);
        }
    }

    /// What doesn't run, on one short line: the names of those with the same reason together.
    fn absent(&mut self, absent: &[(String, String)]) {
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for (name, reason) in absent {
            match reasons.iter_mut().find(|(known, _)| known == reason) {
                Some((_, names)) => names.push(name),
                None => reasons.push((reason, vec![name])),
            }
        }
        if reasons.is_empty() {
            return;
        }
        let all: Vec<String> = reasons
            .iter()
            .map(|(reason, names)| {
                let more = if names.len() > 2 { format!(" +{}", names.len() - 2) } else { String::new() };
                format!("{}{more} ({})", names[..names.len().min(2)].join(", "), escaped(reason))
            })
            .collect();
        self.line(NOT_RUNNING, Tone::Dim, &all.join("; "));
    }
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
