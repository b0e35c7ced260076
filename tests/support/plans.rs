//! Plans to start from: a test changes what it is about.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use devserver::model::{Owner, ProcessName, RestartPolicy, RestartWhen, Rung, ServiceName, Signal, StopLadder, Target};
use devserver::plan::{Plan, Probe, ProcessSpec, Readiness};

/// A process that asks for nothing in particular: probed, no dependencies, TERM for ten seconds.
pub(crate) fn process(name: &str) -> ProcessSpec {
    ProcessSpec {
        name: ProcessName::new(name).expect("a name"),
        silo: None,
        service: ServiceName::new(name.rsplit('.').next().unwrap_or(name)).expect("a name"),
        item: None,
        oneshot: None,
        command: vec![name.into()],
        cwd: PathBuf::from("/"),
        env: indexmap::IndexMap::new(),
        env_removed: Vec::new(),
        port: None,
        url: None,
        depends_on: Vec::new(),
        ready: Readiness {
            probes: vec![Probe::Tcp { host: "127.0.0.1".into(), port: 1 }],
            timeout: Some(Duration::from_secs(60)),
            interval: Duration::from_millis(100),
            owner: Owner::Own,
            health_interval: Duration::from_millis(20),
            liveness: None,
        },
        stop: StopLadder {
            command: None,
            rungs: vec![Rung { signal: Signal::TERM, target: Target::Group, timeout: Duration::from_secs(10) }],
        },
        restart: RestartPolicy {
            when: RestartWhen::OnFailure,
            min: Duration::from_millis(500),
            max: Duration::from_secs(10),
            reset_after: Duration::from_secs(30),
            give_up_after: 3,
        },
        pty: false,
        exit_on_end: false,
    }
}

/// A plan of these processes and nothing else.
pub(crate) fn plan(processes: Vec<ProcessSpec>) -> Plan {
    Plan {
        project: "sim".into(),
        root: PathBuf::from("/"),
        address: "127.0.0.1:8000".into(),
        port_flags: Vec::new(),
        processes: processes.into_iter().map(Arc::new).collect(),
        absent: Vec::new(),
        silos: Vec::new(),
        ports: indexmap::IndexMap::new(),
        files: Vec::new(),
        checks: Vec::new(),
        notices: Vec::new(),
        peers: Vec::new(),
    }
}
