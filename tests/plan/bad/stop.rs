//! Stops that can't be: each with the whole message.

use super::refused;

#[test]
fn a_stop_command_that_cannot_be_one_is_told_with_the_fix() {
    refused(
        r#"[service-defaults]
stop = { command = "halt", to = "main" }
[service.web]
command = "run"
stop = [{ signal = "INT" }, { command = ["halt"], signal = "TERM" }]
[service.worker]
command = "run"
stop = { command = [] }
[service.beat]
command = "run"
stop = { command = "halt {{ silo.prot }}" }
"#,
        r#"error: `service-defaults.stop.command`: a rung has a command or a signal, not both
 --> devserver.toml:2:10
  |
2 | stop = { command = "halt", to = "main" }
  |          ^^^^^^^
  |
  = help: write two rungs: stop = [{ command = … }, { signal = … }]

error: `service.web.stop[1].command`: a rung has a command or a signal, not both
 --> devserver.toml:5:31
  |
5 | stop = [{ signal = "INT" }, { command = ["halt"], signal = "TERM" }]
  |                               ^^^^^^^
  |
  = help: write two rungs: stop = [{ command = … }, { signal = … }]

error: `service.web.stop[1].command`: a command comes before all signals, and there is one at most
 --> devserver.toml:5:31
  |
5 | stop = [{ signal = "INT" }, { command = ["halt"], signal = "TERM" }]
  |                               ^^^^^^^
  |
  = help: put it first, or leave it out

error: `service.worker.stop.command`: it is empty
 --> devserver.toml:8:10
  |
8 | stop = { command = [] }
  |          ^^^^^^^
  |
  = help: say what to run: command = ["program", "argument"]

error: nothing is called `silo.prot` here
  --> devserver.toml:11:29
   |
11 | stop = { command = "halt {{ silo.prot }}" }
   |                             ^^^^^^^^^
   |
   = help: did you mean `silo.port`?
"#,
    );
}

#[test]
fn a_rung_that_is_no_rung_is_told_with_what_may_be_there() {
    refused(
        r#"[service.web]
command = "run"
stop = { signal = "SIGTREM", timeout = "-5s" }
[service.worker]
command = "run"
stop = { signal = "SIGTERM", timeout = "3000h" }
[service.beat]
command = "run"
stop = { cmd = "halt", signal = "CONT", timeout = "soon" }
"#,
        r#"error: `service.web.stop.signal` can't be `SIGTREM`
 --> devserver.toml:3:19
  |
3 | stop = { signal = "SIGTREM", timeout = "-5s" }
  |                   ^^^^^^^^^
  |
  = help: did you mean `TERM`?

error: `service.web.stop.timeout`: `-5s` is negative
 --> devserver.toml:3:40
  |
3 | stop = { signal = "SIGTREM", timeout = "-5s" }
  |                                        ^^^^^
  |
  = help: write it as `500ms`, `10s`, `2m` or `1h 30m`; it is between 0s and a week

error: `service.worker.stop.timeout`: `3000h` is longer than a week
 --> devserver.toml:6:40
  |
6 | stop = { signal = "SIGTERM", timeout = "3000h" }
  |                                        ^^^^^^^
  |
  = help: write it as `500ms`, `10s`, `2m` or `1h 30m`; it is between 0s and a week

error: unknown key `cmd` in the rung of a stop ladder of `service.beat`
 --> devserver.toml:9:10
  |
9 | stop = { cmd = "halt", signal = "CONT", timeout = "soon" }
  |          ^^^
  |
  = help: known keys are `command`, `signal`, `to` and `timeout`

error: `service.beat.stop.signal` can't be `CONT`
 --> devserver.toml:9:33
  |
9 | stop = { cmd = "halt", signal = "CONT", timeout = "soon" }
  |                                 ^^^^^^
  |
  = help: possible values are `TERM`, `INT`, `QUIT`, `HUP`, `USR1`, `USR2` and `KILL`

error: `service.beat.stop.timeout`: `soon` isn't a duration
 --> devserver.toml:9:51
  |
9 | stop = { cmd = "halt", signal = "CONT", timeout = "soon" }
  |                                                   ^^^^^^
  |
  = help: write it as `500ms`, `10s`, `2m` or `1h 30m`; it is between 0s and a week
"#,
    );
}

#[test]
fn a_status_that_nothing_answers_with_is_told() {
    refused(
        r#"[service.web]
command = "true"
ready = { status = 204 }
"#,
        r#"error: web can't be asked whether it is ready: ready.status is given, but no ready.http that could answer with it
 --> devserver.toml:1:1
  |
1 | [service.web]
  | ^^^^^^^^^^^^^
  |
  = help: give it ready.http, or leave ready.status out
"#,
    );
}
