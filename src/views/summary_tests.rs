//! The summary as it is read, at 80 columns.

use std::time::Duration;

use super::*;
use crate::model::{ExitStatus, Failure, Health, ProcessName, ServiceName};

fn process(silo: &str, service: &str, phase: Phase, millis: u64) -> ProcessStatus {
    let oneshot = matches!(phase, Phase::Done { .. });
    ProcessStatus {
        name: ProcessName::join(silo, service).expect("a name"),
        silo: SiloName::new(silo).ok(),
        service: ServiceName::new(service).expect("a name"),
        oneshot,
        ready_after: (phase == Phase::Ready).then(|| Duration::from_millis(millis)),
        phase,
        health: Health::Ok,
        run: None,
        pid: None,
        started: None,
        probe: None,
        restarts: 0,
        hold: None,
        url: None,
        port: None,
        depends_on: Vec::new(),
    }
}

fn ready(silo: &str, service: &str, millis: u64) -> ProcessStatus {
    process(silo, service, Phase::Ready, millis)
}

fn with_url(process: ProcessStatus, url: &str) -> ProcessStatus {
    ProcessStatus { url: Some(url.into()), ..process }
}

fn both() -> Vec<ProcessStatus> {
    let done = Phase::Done { status: ExitStatus::Code(0) };
    vec![
        process("", "migrate", done, 0),
        with_url(ready("", "webpack", 9_800), "http://127.0.0.1:8000"),
        with_url(ready("control", "server", 2_300), "http://127.0.0.1:8001"),
        ready("control", "worker", 1_200),
        ready("control", "celery-beat", 400),
        with_url(ready("region", "server", 2_140), "http://127.0.0.1:8010"),
        ready("region", "worker", 1_400),
        with_url(ready("region", "relay", 3_020), "http://127.0.0.1:7899"),
        ready("region", "ingest-events", 4_100),
        ready("region", "ingest-attachments", 4_000),
        ready("region", "ingest-transactions", 4_200),
    ]
}

fn shown(processes: Vec<ProcessStatus>, peers: &[PeerAnswer], absent: &[(&str, &str)], colour: bool) -> String {
    let status = Status { at: Moment::after_start(Duration::from_millis(14_200)), processes };
    let absent: Vec<_> = absent.iter().map(|(name, why)| ((*name).to_owned(), (*why).to_owned())).collect();
    let text = summary(&Summary { status: &status, peers, absent: &absent, colour, columns: 80 });
    if !colour {
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
    text.replace('\x1b', "␛")
}

#[test]
fn everything_is_up() {
    insta::assert_snapshot!(shown(both(), &[], &[], false), @r"

    ● everything is up after 14s
      control  http://127.0.0.1:8001
               server 2.3s, worker 1.2s, celery-beat 0.4s
      region   http://127.0.0.1:8010
               http://127.0.0.1:7899 relay
               server 2.1s, worker 1.4s, relay 3s, ingest-events 4.1s,
               ingest-attachments 4s, ingest-transactions 4.2s
      shared   http://127.0.0.1:8000 webpack
               migrate done, webpack 9.8s
    ");
}

#[test]
fn one_silo_alone_with_things_that_do_not_run() {
    let processes = both().into_iter().filter(|process| process.silo != SiloName::new("control").ok()).collect();
    let peers = [PeerAnswer {
        silo: SiloName::new("control").expect("a name"),
        address: "127.0.0.1:8001".into(),
        answers: false,
        start: "devserver --silo=control".into(),
    }];
    let absent = [
        ("celery-beat", "--celery-beat is off"),
        ("subscription-consumer", "process_subscriptions is off"),
        ("post-process-forwarder", "--ingest is off"),
        ("ingest-profiles", "--ingest is off"),
        ("ingest-metrics", "--ingest is off"),
    ];
    insta::assert_snapshot!(shown(processes, &peers, &absent, false), @r"

    ● everything is up after 14s
      region  http://127.0.0.1:8010
              http://127.0.0.1:7899 relay
              server 2.1s, worker 1.4s, relay 3s, ingest-events 4.1s,
              ingest-attachments 4s, ingest-transactions 4.2s
      shared  http://127.0.0.1:8000 webpack
              migrate done, webpack 9.8s
      off     celery-beat (--celery-beat is off); subscription-consumer
              (process_subscriptions is off); post-process-forwarder,
              ingest-profiles +1 (--ingest is off)
      control at 127.0.0.1:8001 isn't answering; start it with
        `devserver --silo=control`
    ");
}

#[test]
fn what_failed_says_why_and_who_waits_for_it() {
    let mut processes = both();
    let gave_up = Failure::GaveUp { runs: 5, last: Some(ExitStatus::Code(1)) };
    processes[5].phase = Phase::Failed { failure: gave_up.clone() };
    processes[5].hold = Some(Hold::Failed { failure: gave_up.clone() });
    let server = processes[5].name.clone();
    processes[7].phase = Phase::Idle;
    processes[7].hold = Some(Hold::Blocked { dependency: server, failure: gave_up });
    processes[8].phase = Phase::Idle;
    processes[8].hold = Some(Hold::NotWanted);
    let peers = [PeerAnswer {
        silo: SiloName::new("us2").expect("a name"),
        address: "127.0.0.1:8020".into(),
        answers: true,
        start: String::new(),
    }];
    insta::assert_snapshot!(shown(processes, &peers, &[], false), @r"

    ▲ 7 of 9 are up after 14s
      control  http://127.0.0.1:8001
               server 2.3s, worker 1.2s, celery-beat 0.4s
      region   http://127.0.0.1:8010 isn't up
               http://127.0.0.1:7899 relay isn't up
               server ✗, worker 1.4s, relay ✗, ingest-events stopped,
               ingest-attachments 4s, ingest-transactions 4.2s
      shared   http://127.0.0.1:8000 webpack
               migrate done, webpack 9.8s
      region.server failed: 5 runs in a row ended early; the last one exited with 1
      region.relay is waiting for region.server, which failed: 5 runs in a row ended
        early; the last one exited with 1
      us2 answers at 127.0.0.1:8020
    ");
}

#[test]
fn on_a_terminal_it_has_colours() {
    let few = both().into_iter().take(3).collect();
    insta::assert_snapshot!(shown(few, &[], &[("worker", "--workers is off")], true), @r"

    ␛[32m●␛[0m ␛[1meverything is up after 14s␛[0m
      ␛[1mcontrol␛[0m  ␛[36mhttp://127.0.0.1:8001␛[0m
               server ␛[2m2.3s␛[0m
      ␛[1mshared␛[0m   ␛[36mhttp://127.0.0.1:8000␛[0m␛[2m webpack␛[0m
               migrate ␛[2mdone␛[0m, webpack ␛[2m9.8s␛[0m
      ␛[1moff      ␛[0m␛[2mworker (--workers is off)␛[0m
    ");
}

#[test]
fn a_single_app_without_silos() {
    let processes = vec![with_url(ready("", "server", 900), "http://127.0.0.1:8000"), ready("", "worker", 300)];
    insta::assert_snapshot!(shown(processes, &[], &[], false), @r"

    ● everything is up after 14s
      app  http://127.0.0.1:8000
           server 0.9s, worker 0.3s
    ");
}
