//! The end: how urgent it is, and what is said of it.

use crate::model::{ExitStatus, Failure, Phase, ProcessName, Signal, Verdict};

use super::process::Process;

/// How far the end of the session is.
#[derive(Debug, Default)]
pub(super) struct Shutdown {
    begun: Option<Reason>,
    interrupts: u32,
}

/// Why everything is being stopped.
#[derive(Debug, Clone)]
pub(super) enum Reason {
    /// Somebody asked for it.
    Asked,
    /// A process with `exit_on_end` ended.
    Ended(ProcessName, ExitStatus),
    /// A process with `exit_on_end` failed without having ended by itself.
    GaveUp(ProcessName),
}

/// What an interrupt asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Urgency {
    /// Stop everything, in order.
    Orderly,
    /// Kill what is left.
    Now,
    /// Leave.
    Leave,
    /// Nothing more than is under way.
    AsBefore,
}

impl Shutdown {
    /// Whether nothing is to be up any more.
    pub(super) fn is_under_way(&self) -> bool {
        self.begun.is_some()
    }

    /// Begins, unless it has begun: the first reason counts.
    pub(super) fn begin(&mut self, reason: Reason) {
        self.begun.get_or_insert(reason);
    }

    /// Takes in an interrupt.
    pub(super) fn interrupted(&mut self, signal: Signal) -> Urgency {
        // A terminal that closes sends HUP twice, once from the kernel and once through the shell; nobody
        // pressed anything a second time.
        if signal == Signal::HUP && self.interrupts > 0 {
            return Urgency::AsBefore;
        }
        self.interrupts += 1;
        match self.interrupts {
            1 => Urgency::Orderly,
            2 => Urgency::Now,
            _ => Urgency::Leave,
        }
    }

    /// What the session came to, with nothing alive.
    pub(super) fn verdict(&self, processes: &[Process]) -> Verdict {
        let failed = |unkillable: bool| -> Vec<ProcessName> {
            let those = processes.iter().filter(|process| match &process.phase {
                Phase::Failed { failure } => matches!(failure, Failure::Unkillable { .. }) == unkillable,
                _ => false,
            });
            those.map(|process| process.name().clone()).collect()
        };
        let (unkillable, failed) = (failed(true), failed(false));
        match &self.begun {
            _ if !unkillable.is_empty() => Verdict::Unstoppable(unkillable),
            Some(_) if self.interrupts > 1 => Verdict::Killed,
            Some(Reason::Asked) => Verdict::Fine,
            Some(Reason::Ended(process, status)) => Verdict::Ended { process: process.clone(), status: *status },
            Some(Reason::GaveUp(process)) => Verdict::GaveUp(vec![process.clone()]),
            None if !failed.is_empty() => Verdict::GaveUp(failed),
            None => Verdict::Fine,
        }
    }
}
