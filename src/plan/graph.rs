//! Dependencies between processes: who waits for whom, in which order, and circles.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::config::Config;
use crate::model::{Condition, ProcessName, ServiceName};

use super::error::PlanProblem;
use super::spec::{Dependency, ProcessSpec};

/// Fills in `depends_on`: each name becomes the processes that it means. One that isn't in this run doesn't
/// gate: its flag is off, or another supervisor has it.
pub(super) fn connect(config: &Config, processes: &mut [ProcessSpec]) {
    let known: Vec<(ProcessName, ProcessSpec)> =
        processes.iter().map(|spec| (spec.name.clone(), spec.clone())).collect();
    for process in processes.iter_mut() {
        let Some(service) = config.services.get(&process.service) else { continue };
        let mut edges: IndexMap<ProcessName, Condition> = IndexMap::new();
        for (target, condition) in &service.depends_on {
            let (silo, wanted) =
                target.name.split_once('.').map_or((None, target.name.as_str()), |(s, w)| (Some(s), w));
            let means = |spec: &ProcessSpec| {
                let own = process.silo.as_ref().map(|silo| silo.as_str());
                let theirs = spec.silo.as_ref().map(|silo| silo.as_str());
                let in_silo = match silo {
                    Some(silo) => theirs == Some(silo),
                    // A shared process waits for the service in every silo, and everyone for a shared one.
                    None => theirs.is_none() || own.is_none() || theirs == own,
                };
                spec.service.as_str() == wanted && in_silo
            };
            for (name, _) in known.iter().filter(|(name, spec)| *name != process.name && means(spec)) {
                edges.insert(name.clone(), *condition);
            }
        }
        process.depends_on = edges.into_iter().map(|(process, condition)| Dependency { process, condition }).collect();
    }
}

/// The processes, each after what it depends on, else in their own order.
///
/// # Errors
/// With a circle, and the service of the first in it.
pub(super) fn order(processes: Vec<ProcessSpec>) -> Result<Vec<Arc<ProcessSpec>>, (ServiceName, PlanProblem)> {
    let mut waiting: Vec<Arc<ProcessSpec>> = processes.into_iter().map(Arc::new).collect();
    let mut ordered: Vec<Arc<ProcessSpec>> = Vec::new();
    while !waiting.is_empty() {
        let is_free = |spec: &Arc<ProcessSpec>| {
            spec.depends_on.iter().all(|edge| !waiting.iter().any(|other| other.name == edge.process))
        };
        match waiting.iter().position(is_free) {
            Some(index) => ordered.push(waiting.remove(index)),
            None => {
                let path = circle(&waiting);
                let first = waiting.iter().find(|spec| path.first().is_some_and(|name| name == spec.name.as_str()));
                let service = first.or(waiting.first()).expect("somebody is waiting").service.clone();
                return Err((service, PlanProblem::Cycle { path }));
            }
        }
    }
    Ok(ordered)
}

/// One circle among processes of which each waits for another of them.
fn circle(waiting: &[Arc<ProcessSpec>]) -> Vec<String> {
    let mut path: Vec<&ProcessName> = Vec::new();
    let mut at = waiting.first().map(|spec| &spec.name);
    while let Some(name) = at {
        if let Some(first) = path.iter().position(|seen| *seen == name) {
            return path[first..].iter().chain([&name]).map(|name| name.to_string()).collect();
        }
        path.push(name);
        let spec = waiting.iter().find(|spec| spec.name == *name);
        let next =
            spec.and_then(|spec| spec.depends_on.iter().find(|edge| waiting.iter().any(|o| o.name == edge.process)));
        at = next.map(|edge| &edge.process);
    }
    path.into_iter().map(ProcessName::to_string).collect()
}
