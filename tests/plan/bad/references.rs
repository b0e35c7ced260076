//! What is named and not declared, circles, and flags that clash, each with the whole message.

use super::refused;

#[test]
fn what_is_named_and_not_declared_is_told_with_its_neighbour() {
    refused(
        r#"[project]
silos = ["contrl"]
[silo.control]
defaults = { wrkers = true }
force = { workers = "no" }
[silo.region]
[silo.de]
extends = "regoin"
[flag.workers]
[flag.ingest]
implies = ["worker"]
requires = ["relay"]
[flag.host]
value = "HOST"
[flag.tunnel]
implies = ["host"]
[[list.consumers]]
items = ["a"]
[[env]]
silos = ["region", "europe"]
services = ["serv"]
except = ["wroker"]
[service.worker]
command = "run"
each = "consumer"
depends_on = ["serve", "regio.server", "region.webpack"]
[service.server]
command = "run"
silos = ["contol"]
"#,
        r#"error: the project names `contrl`, but no silo is called that
 --> devserver.toml:2:10
  |
2 | silos = ["contrl"]
  |          ^^^^^^^^
  |
  = help: did you mean `control`?

error: silo `control` sets the flag `wrkers`, but no flag is called that
 --> devserver.toml:4:14
  |
4 | defaults = { wrkers = true }
  |              ^^^^^^
  |
  = help: did you mean `workers`?

error: `silo.control.force.workers` must be true or false, not a string
 --> devserver.toml:5:21
  |
5 | force = { workers = "no" }
  |                     ^^^^

error: silo `de` extends `regoin`, but no silo is called that
 --> devserver.toml:8:11
  |
8 | extends = "regoin"
  |           ^^^^^^^^
  |
  = help: did you mean `region`?

error: flag `ingest` implies `worker`, but no flag is called that
  --> devserver.toml:11:12
   |
11 | implies = ["worker"]
   |            ^^^^^^^^
   |
   = help: did you mean `workers`?

error: flag `ingest` requires `relay`, but no flag is called that
  --> devserver.toml:12:13
   |
12 | requires = ["relay"]
   |             ^^^^^^^
   |
   = help: flags are `workers`, `ingest`, `host` and `tunnel`

error: `flag.tunnel.implies` can't be `host`: only a switch can be implied
  --> devserver.toml:16:12
   |
16 | implies = ["host"]
   |            ^^^^^^

error: an environment block names `europe`, but no silo is called that
  --> devserver.toml:20:20
   |
20 | silos = ["region", "europe"]
   |                    ^^^^^^^^
   |
   = help: silos are `control`, `region` and `de`

error: an environment block names `serv`, but no service is called that
  --> devserver.toml:21:13
   |
21 | services = ["serv"]
   |             ^^^^^^
   |
   = help: did you mean `server`?

error: an environment block names `wroker`, but no service is called that
  --> devserver.toml:22:11
   |
22 | except = ["wroker"]
   |           ^^^^^^^^
   |
   = help: did you mean `worker`?

error: service `worker` is repeated over `consumer`, but no list is called that
  --> devserver.toml:25:8
   |
25 | each = "consumer"
   |        ^^^^^^^^^^
   |
   = help: did you mean `consumers`?

error: service `worker` depends on `serve`, but no service is called that
  --> devserver.toml:26:15
   |
26 | depends_on = ["serve", "regio.server", "region.webpack"]
   |               ^^^^^^^
   |
   = help: did you mean `server`?

error: service `worker` depends on `regio`, but no silo is called that
  --> devserver.toml:26:24
   |
26 | depends_on = ["serve", "regio.server", "region.webpack"]
   |                        ^^^^^^^^^^^^^^
   |
   = help: did you mean `region`?

error: service `worker` depends on `webpack`, but no service is called that
  --> devserver.toml:26:40
   |
26 | depends_on = ["serve", "regio.server", "region.webpack"]
   |                                        ^^^^^^^^^^^^^^^^
   |
   = help: services are `worker` and `server`

error: service `server` names `contol`, but no silo is called that
  --> devserver.toml:29:10
   |
29 | silos = ["contol"]
   |          ^^^^^^^^
   |
   = help: did you mean `control`?
"#,
    );
}

#[test]
fn services_that_wait_for_each_other_are_told_with_the_whole_circle() {
    refused(
        r#"[service.a]
command = "run"
depends_on = ["b"]
[service.b]
command = "run"
depends_on = { c = "started" }
[service.c]
command = "run"
depends_on = ["a", "d"]
[service.d]
command = "run"
depends_on = ["d"]
"#,
        r#"error: these services wait for each other and could never start: a → b → c → a
 --> devserver.toml:9:15
  |
3 | depends_on = ["b"]
  |               --- `a` waits for it
...
6 | depends_on = { c = "started" }
  |                - `b` waits for it
...
9 | depends_on = ["a", "d"]
  |               ^^^
  |
  = help: remove one of these `depends_on`

error: service `d` waits for itself and could never start
  --> devserver.toml:12:15
   |
12 | depends_on = ["d"]
   |               ^^^
   |
   = help: take it out of its own `depends_on`
"#,
    );
}

#[test]
fn processes_that_wait_for_each_other_over_silos_are_told_with_the_whole_circle() {
    refused(
        r#"[project]
silos = ["control", "region"]
[silo.control]
[silo.region]
[service.server]
command = "run"
silos = ["control"]
depends_on = ["region.relay"]
[service.relay]
command = "run"
silos = ["region"]
depends_on = ["control.server"]
"#,
        r#"error: these processes wait for each other and could never start: control.server → region.relay → control.server
 --> devserver.toml:8:15
  |
8 | depends_on = ["region.relay"]
  |               ^^^^^^^^^^^^^^
  |
  = help: remove one of these `depends_on`
"#,
    );
}

#[test]
fn silos_that_extend_each_other_or_nobody() {
    refused(
        r#"[silo.a]
extends = "b"
[silo.b]
extends = "a"
[silo.c]
extends = "c"
[silo.region]
[silo.de]
extends = "regoin"
[service.server]
command = "run"
silos = ["a"]
"#,
        r#"error: these silos extend each other: a → b → a
 --> devserver.toml:4:11
  |
4 | extends = "a"
  |           ^^^
  |
  = help: remove one of these `extends`

error: silo `c` extends itself
 --> devserver.toml:6:11
  |
6 | extends = "c"
  |           ^^^
  |
  = help: remove one of these `extends`

error: silo `de` extends `regoin`, but no silo is called that
 --> devserver.toml:9:11
  |
9 | extends = "regoin"
  |           ^^^^^^^^
  |
  = help: did you mean `region`?
"#,
    );
}

#[test]
fn flags_that_clash_with_those_of_every_command_or_with_each_other() {
    refused(
        r#"[flag.help]
[flag.silo]
value = "NAME"
[flag.no-workers]
[flag.workers]
short = "h"
[flag.watchers]
short = "w"
[flag.web-only]
short = "w"
[flag.beat]
short = "be"
"#,
        r#"error: the flag `help` can't be declared: that name is devserver's own
 --> devserver.toml:1:1
  |
1 | [flag.help]
  | ^^^^^^^^^^^
  |
  = help: give the flag another name

error: the flag `silo` can't be declared: that name is devserver's own
 --> devserver.toml:2:1
  |
2 | [flag.silo]
  | ^^^^^^^^^^^
  |
  = help: give the flag another name

error: the flag `no-workers` can't be declared: `--no-` before a name turns that flag off
 --> devserver.toml:4:1
  |
4 | [flag.no-workers]
  | ^^^^^^^^^^^^^^^^^
  |
  = help: give the flag another name

error: the flag `workers` can't have the short name -h: it is devserver's own
 --> devserver.toml:6:9
  |
6 | short = "h"
  |         ^^^
  |
  = help: give it another letter, or none

error: the flags `watchers` and `web-only` have the same short name -w
  --> devserver.toml:10:9
   |
 8 | short = "w"
   |         --- the other one
 9 | [flag.web-only]
10 | short = "w"
   |         ^^^
   |
   = help: give one of them another letter, or none

error: `flag.beat.short` can't be `be`: a short name is one letter or digit
  --> devserver.toml:12:9
   |
12 | short = "be"
   |         ^^^^
"#,
    );
}

#[test]
fn the_default_of_a_flag_is_of_its_kind() {
    refused(
        r#"[flag.workers]
default = "yes"
[flag.host]
value = "HOST"
default = true
[flag.loglevel]
value = "LEVEL"
choices = ["debug", "info"]
default = "inof"
[setting]
generation = { default = "24", choices = ["23", "late"] }
"#,
        r#"error: `flag.workers.default` must be true or false, not a string
 --> devserver.toml:2:11
  |
2 | default = "yes"
  |           ^^^^^
  |
  = help: a flag that takes a value says so: value = "NAME"

error: `flag.host.default` must be a string, not `true`
 --> devserver.toml:5:11
  |
5 | default = true
  |           ^^^^
  |
  = help: a switch has no `value`

error: `flag.loglevel.default` can't be `inof`
 --> devserver.toml:9:11
  |
9 | default = "inof"
  |           ^^^^^^
  |
  = help: did you mean `info`?

error: `setting.generation` can't be `24`
  --> devserver.toml:11:26
   |
11 | generation = { default = "24", choices = ["23", "late"] }
   |                          ^^^^
   |
   = help: did you mean `23`?
"#,
    );
}
