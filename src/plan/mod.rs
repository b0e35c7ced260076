//! `Config` + `Choices` + `Facts` → `Plan`: what shall run, resolved.
//!
//! Pure: it never reads a file, the environment, the clock or PATH; `Facts` is handed in. It returns
//! every error it finds, not the first.

mod spec;

pub use spec::{
    Absent, Check, CheckTest, Condition, Dependency, EnvValue, Oneshot, Owner, Peer, Plan, PlannedSilo, Probe,
    ProcessSpec, Readiness, RenderedFile, RestartPolicy, RestartWhen, Rung, StopLadder, Target,
};
