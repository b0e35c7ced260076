//! Port arithmetic: every named port, for every silo, selected or not; and two that collide.

use std::sync::Arc;

use indexmap::IndexMap;

use super::error::{PlanError, PlanProblem};
use super::scope::Scopes;
use super::spec::ProcessSpec;

/// Works out `[ports]`.
pub(super) fn ports(scopes: &Scopes<'_>, errors: &mut Vec<PlanError>) -> IndexMap<String, u16> {
    let scope = scopes.for_ports();
    let mut ports = IndexMap::new();
    for (name, expr) in &scopes.config.ports {
        match scopes.engine.number(expr, &scope) {
            Ok(number) => match in_range(number) {
                Some(port) => {
                    ports.insert(name.clone(), port);
                }
                None => errors.push(PlanError::at(&expr.origin, out_of_range(format!("ports.{name}"), number, scopes))),
            },
            Err(error) => {
                let what = format!("ports.{name}");
                errors.push(PlanError::evaluate(&scopes.config.sources, &expr.origin, what, error));
            }
        }
    }
    ports
}

/// The number as a port, if it is one.
pub(super) fn in_range(number: i64) -> Option<u16> {
    u16::try_from(number).ok().filter(|port| *port > 0)
}

/// The error for a number that isn't a port.
pub(super) fn out_of_range(what: String, port: i64, scopes: &Scopes<'_>) -> PlanProblem {
    let default = &scopes.config.bind;
    let moved = scopes.bind.port != default.port;
    PlanProblem::PortRange { what, port, moved }
}

/// Processes that want a port that another has.
pub(super) fn clashes(processes: &[Arc<ProcessSpec>]) -> Vec<(&ProcessSpec, &ProcessSpec, PlanProblem)> {
    let mut taken: IndexMap<u16, &ProcessSpec> = IndexMap::new();
    let mut clashes = Vec::new();
    for process in processes {
        let Some(port) = process.port else { continue };
        match taken.get(&port) {
            Some(first) => {
                let problem = PlanProblem::SamePort { first: first.name.clone(), second: process.name.clone(), port };
                clashes.push((*first, process.as_ref(), problem));
            }
            None => {
                taken.insert(port, process);
            }
        }
    }
    clashes
}
