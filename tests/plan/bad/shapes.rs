//! What isn't TOML, what isn't a key, and what isn't of the right type, each with the whole message.

use super::refused;

#[test]
fn every_line_that_is_no_toml_is_told_at_once() {
    refused(
        r#"schema = one
[project]
name = "acme
root =
[service.web]
command = ["python3", "-m"
[service.web]
pty = True
restart = "on\failure"
"#,
        r#"error: this isn't TOML: `one` is no value
 --> devserver.toml:1:10
  |
1 | schema = one
  |          ^^^
  |
  = help: a text stands in quotes: "one"

error: this isn't TOML: this string has no end
 --> devserver.toml:3:13
  |
3 | name = "acme
  |             ^
  |
  = help: end it with `"`

error: this isn't TOML: there is no value behind the `=`
 --> devserver.toml:4:7
  |
4 | root =
  |       ^

error: this isn't TOML: the list has neither a comma nor an end here
 --> devserver.toml:7:1
  |
7 | [service.web]
  | ^
  |
  = help: part the items of a list by commas, and end it with `]`
"#,
    );
}

#[test]
fn a_table_that_is_there_twice_and_one_that_has_no_end() {
    refused(
        r#"[service.web]
command = "run"
[service.web]
port 8000
[flag.x
"#,
        r#"error: this isn't TOML: `web` is there already
 --> devserver.toml:3:10
  |
3 | [service.web]
  |          ^^^
  |
  = help: keep one of the two

error: this isn't TOML: `port` has no value
 --> devserver.toml:4:6
  |
4 | port 8000
  |      ^
  |
  = help: write port = …

error: this isn't TOML: unclosed table, expected `]`
 --> devserver.toml:5:8
  |
5 | [flag.x
  |        ^
"#,
    );
}

#[test]
fn an_unknown_key_is_told_with_its_neighbour_or_with_all_that_are_known() {
    refused(
        r#"colour = true
[project]
nmae = "acme"
[service.web]
command = "run"
comand = "walk"
wait = "10s"
ready = { htpp = "http://127.0.0.1:8000/" }
[[notice]]
txt = "hello"
text = "hello"
"#,
        r#"error: unknown key `colour` in the file
 --> devserver.toml:1:1
  |
1 | colour = true
  | ^^^^^^
  |
  = help: known keys are `schema`, `preset`, `project`, `bind`, `setting`, `flag`, `ports`, `silo`, `env`, `list`, `service-defaults`, `service`, `render`, `check`, `notice`, `database` and `log`

error: unknown key `nmae` in the project
 --> devserver.toml:3:1
  |
3 | nmae = "acme"
  | ^^^^
  |
  = help: did you mean `name`?

error: unknown key `comand` in service `web`
 --> devserver.toml:6:1
  |
6 | comand = "walk"
  | ^^^^^^
  |
  = help: did you mean `command`?

error: unknown key `wait` in service `web`
 --> devserver.toml:7:1
  |
7 | wait = "10s"
  | ^^^^
  |
  = help: known keys are `help`, `command`, `silos`, `when`, `shared`, `each`, `cwd`, `env`, `port`, `url`, `depends_on`, `ready`, `stop`, `restart`, `backoff`, `pty`, `oneshot`, `creates`, `inputs`, `input_variables`, `exit_on_end`, `database` and `log`

error: unknown key `htpp` in the readiness of `service.web`
 --> devserver.toml:8:11
  |
8 | ready = { htpp = "http://127.0.0.1:8000/" }
  |           ^^^^
  |
  = help: did you mean `http`?

error: unknown key `txt` in notice
  --> devserver.toml:10:1
   |
10 | txt = "hello"
   | ^^^
   |
   = help: did you mean `text`?
"#,
    );
}

#[test]
fn a_key_that_must_be_there_is_missed() {
    refused(
        r#"[setting]
region = { help = "where" }
[service.web]
port = 8000
[[check]]
tcp = "127.0.0.1:9092"
[render.tunnel]
when = "true"
"#,
        r#"error: setting `region` has no `default`
 --> devserver.toml:2:10
  |
2 | region = { help = "where" }
  |          ^^^^^^^^^^^^^^^^^^
  |
  = help: add `default = …`

error: service `web` has no `command`
 --> devserver.toml:3:1
  |
3 | [service.web]
  | ^^^^^^^^^^^^^
  |
  = help: say what to run: command = ["program", "argument"]

error: check has no `message`
 --> devserver.toml:5:1
  |
5 | [[check]]
  | ^^^^^^^^^
  |
  = help: add `message = …`

error: render `tunnel` has no `template`
 --> devserver.toml:7:1
  |
7 | [render.tunnel]
  | ^^^^^^^^^^^^^^^
  |
  = help: add `template = …`
"#,
    );
}

#[test]
fn a_value_of_another_type_is_told_with_what_was_meant() {
    refused(
        r#"service-defaults = true
[service.web]
command = ["run", 3]
pty = "true"
silos = "monolith"
port = [8000]
restart = 3
oneshot = "perhaps"
creates = "build"
env = { DEBUG = true, RATIO = 0.5 }
[service.worker]
command = "run"
ready = { timeout = 30, status = "200" }
[list.things]
items = ["a"]
[bind]
port = "8000"
"#,
        r#"error: `service-defaults` must be a table, not `true`
 --> devserver.toml:1:20
  |
1 | service-defaults = true
  |                    ^^^^

error: `service.web.command[1]` must be a string, not the number 3
 --> devserver.toml:3:19
  |
3 | command = ["run", 3]
  |                   ^
  |
  = help: write it in quotes: "3"

error: `service.web.pty` must be true or false, not a string
 --> devserver.toml:4:7
  |
4 | pty = "true"
  |       ^^^^^^
  |
  = help: write it without quotes: true

error: `service.web.silos` must be a list of strings, not a string
 --> devserver.toml:5:9
  |
5 | silos = "monolith"
  |         ^^^^^^^^^^
  |
  = help: write it as a list: ["monolith"]

error: `service.web.port` must be a port or an expression for one, not a list
 --> devserver.toml:6:8
  |
6 | port = [8000]
  |        ^^^^^^

error: `service.web.restart` must be one of `never`, `on-failure` and `always`, not the number 3
 --> devserver.toml:7:11
  |
7 | restart = 3
  |           ^

error: `service.web.oneshot` must be true or false, not a string
 --> devserver.toml:8:11
  |
8 | oneshot = "perhaps"
  |           ^^^^^^^^^

error: `service.web.creates` must be a list of strings, not a string
 --> devserver.toml:9:11
  |
9 | creates = "build"
  |           ^^^^^^^
  |
  = help: write it as a list: ["build"]

error: `service.web.env.DEBUG` must be a string or a whole number, not `true`
  --> devserver.toml:10:17
   |
10 | env = { DEBUG = true, RATIO = 0.5 }
   |                 ^^^^
   |
   = help: write it in quotes: "true"

error: `service.web.env.RATIO` must be a string or a whole number, not the number 0.5
  --> devserver.toml:10:31
   |
10 | env = { DEBUG = true, RATIO = 0.5 }
   |                               ^^^
   |
   = help: write it in quotes: "0.5"

error: `service.worker.ready.timeout` must be a duration such as "10s", not the number 30
  --> devserver.toml:13:21
   |
13 | ready = { timeout = 30, status = "200" }
   |                     ^^
   |
   = help: write it with a unit: "30s"

error: `service.worker.ready.status` must be a whole number, not a string
  --> devserver.toml:13:34
   |
13 | ready = { timeout = 30, status = "200" }
   |                                  ^^^^^
   |
   = help: write it without quotes: 200

error: `list.things` must be a list of tables, each a part of a list, not a table
  --> devserver.toml:14:1
   |
14 | [list.things]
   | ^^^^^^^^^^^^^
   |
   = help: write it as [[list.things]]

error: `bind.port` must be a whole number, not a string
  --> devserver.toml:17:8
   |
17 | port = "8000"
   |        ^^^^^^
   |
   = help: write it without quotes: 8000
"#,
    );
}

#[test]
fn a_number_or_word_that_is_not_among_the_possible_ones_is_told_with_them() {
    refused(
        r#"[bind]
port = 80000
[service.web]
command = "run"
restart = "sometimes"
stop = [{ signal = "TREM" }, { signal = "STOP", to = "all" }]
ready = { http = "http://127.0.0.1:1/", status = 42, owner = "nobody" }
backoff = { give_up_after = 0 }
depends_on = { worker = "redy" }
[service.worker]
command = "run"
"#,
        r#"error: `bind.port` can't be 80000; it is between 1 and 65535
 --> devserver.toml:2:8
  |
2 | port = 80000
  |        ^^^^^

error: `service.web.restart` can't be `sometimes`
 --> devserver.toml:5:11
  |
5 | restart = "sometimes"
  |           ^^^^^^^^^^^
  |
  = help: possible values are `never`, `on-failure` and `always`

error: `service.web.stop[0].signal` can't be `TREM`
 --> devserver.toml:6:20
  |
6 | stop = [{ signal = "TREM" }, { signal = "STOP", to = "all" }]
  |                    ^^^^^^
  |
  = help: did you mean `TERM`?

error: `service.web.stop[1].signal` can't be `STOP`
 --> devserver.toml:6:41
  |
6 | stop = [{ signal = "TREM" }, { signal = "STOP", to = "all" }]
  |                                         ^^^^^^
  |
  = help: possible values are `TERM`, `INT`, `QUIT`, `HUP`, `USR1`, `USR2` and `KILL`

error: `service.web.stop[1].to` can't be `all`
 --> devserver.toml:6:54
  |
6 | stop = [{ signal = "TREM" }, { signal = "STOP", to = "all" }]
  |                                                      ^^^^^
  |
  = help: possible values are `group` and `main`

error: `service.web.ready.status` can't be 42; it is between 100 and 599
 --> devserver.toml:7:50
  |
7 | ready = { http = "http://127.0.0.1:1/", status = 42, owner = "nobody" }
  |                                                  ^^

error: `service.web.ready.owner` can't be `nobody`
 --> devserver.toml:7:62
  |
7 | ready = { http = "http://127.0.0.1:1/", status = 42, owner = "nobody" }
  |                                                              ^^^^^^^^
  |
  = help: possible values are `own` and `any`

error: `service.web.backoff.give_up_after` can't be 0; it is between 1 and 1000
 --> devserver.toml:8:29
  |
8 | backoff = { give_up_after = 0 }
  |                             ^

error: `service.web.depends_on.worker` can't be `redy`
 --> devserver.toml:9:25
  |
9 | depends_on = { worker = "redy" }
  |                         ^^^^^^
  |
  = help: did you mean `ready`?
"#,
    );
}

#[test]
fn a_duration_is_told_how_to_be_written() {
    refused(
        r#"[service.web]
command = "run"
ready = { tcp = "127.0.0.1:1", timeout = "10 sceonds", interval = "-1s" }
stop = { timeout = "100 days" }
backoff = { min = "5" }
"#,
        r#"error: `service.web.ready.timeout`: `10 sceonds` isn't a duration
 --> devserver.toml:3:42
  |
3 | ready = { tcp = "127.0.0.1:1", timeout = "10 sceonds", interval = "-1s" }
  |                                          ^^^^^^^^^^^^
  |
  = help: write it as `500ms`, `10s`, `2m` or `1h 30m`; it is between 0s and a week

error: `service.web.ready.interval`: `-1s` is negative
 --> devserver.toml:3:67
  |
3 | ready = { tcp = "127.0.0.1:1", timeout = "10 sceonds", interval = "-1s" }
  |                                                                   ^^^^^
  |
  = help: write it as `500ms`, `10s`, `2m` or `1h 30m`; it is between 0s and a week

error: `service.web.stop.timeout`: `100 days` isn't a duration
 --> devserver.toml:4:20
  |
4 | stop = { timeout = "100 days" }
  |                    ^^^^^^^^^^
  |
  = help: write it as `500ms`, `10s`, `2m` or `1h 30m`; it is between 0s and a week

error: `service.web.backoff.min`: `5` isn't a duration
 --> devserver.toml:5:19
  |
5 | backoff = { min = "5" }
  |                   ^^^
  |
  = help: write it as `500ms`, `10s`, `2m` or `1h 30m`; it is between 0s and a week
"#,
    );
}

#[test]
fn a_pattern_of_lines_must_say_what_it_is_about() {
    refused(
        r#"[log.pattern.slow]
kind = "levels"
match = "^SLOW"
[log.pattern.request]
kind = "access"
match = "^GET "
[service.web]
command = "run"
log = { pattern = { loud = { kind = "level", match = "^[A-Z]+:" } } }
"#,
        r#"error: `log.pattern.slow.kind` can't be `levels`
 --> devserver.toml:2:8
  |
2 | kind = "levels"
  |        ^^^^^^^^
  |
  = help: did you mean `level`?

error: `log.pattern.request.match` can't be `^GET `: a request is known by its group `status`: (?P<status>\d{3})
 --> devserver.toml:6:9
  |
6 | match = "^GET "
  |         ^^^^^^^

error: `service.web.log.pattern.loud.match` can't be `^[A-Z]+:`: a level is in a group, (?P<level>[A-Z]+), or else in the key `level`
 --> devserver.toml:9:54
  |
9 | log = { pattern = { loud = { kind = "level", match = "^[A-Z]+:" } } }
  |                                                      ^^^^^^^^^^
"#,
    );
}

#[test]
fn a_pattern_that_is_none_is_told_why() {
    refused(
        r#"[service.web]
command = "run"
ready = { log = "listening on (" }
[flag.host]
value = "HOST"
pattern = "[a-z"
"#,
        r#"error: `service.web.ready.log` isn't a regular expression: unclosed group
 --> devserver.toml:3:17
  |
3 | ready = { log = "listening on (" }
  |                 ^^^^^^^^^^^^^^^^

error: `flag.host.pattern` isn't a regular expression: unclosed character class
 --> devserver.toml:6:11
  |
6 | pattern = "[a-z"
  |           ^^^^^^
"#,
    );
}

#[test]
fn names_have_a_small_alphabet() {
    refused(
        r#"[flag."Dry Run"]
[setting]
use-relay = true
[ports]
Web = 8000
[silo."eu/de"]
[service."My Service"]
command = "run"
env = { "MY-VAR" = "1" }
"#,
        r#"error: `Dry Run` has the character 'D'; a name is made of lowercase letters, digits, `-` and `_`, and starts with a letter or digit
 --> devserver.toml:1:7
  |
1 | [flag."Dry Run"]
  |       ^^^^^^^^^
  |
  = help: call it `dry-run`

error: `use-relay` can't be used in expressions: lowercase letters, digits and `_` can
 --> devserver.toml:3:1
  |
3 | use-relay = true
  | ^^^^^^^^^
  |
  = help: call it `use_relay`

error: `Web` can't be used in expressions: lowercase letters, digits and `_` can
 --> devserver.toml:5:1
  |
5 | Web = 8000
  | ^^^
  |
  = help: call it `web`

error: `eu/de` has the character '/'; a name is made of lowercase letters, digits, `-` and `_`, and starts with a letter or digit
 --> devserver.toml:6:7
  |
6 | [silo."eu/de"]
  |       ^^^^^^^
  |
  = help: call it `eu-de`

error: `My Service` has the character 'M'; a name is made of lowercase letters, digits, `-` and `_`, and starts with a letter or digit
 --> devserver.toml:7:10
  |
7 | [service."My Service"]
  |          ^^^^^^^^^^^^
  |
  = help: call it `my-service`

error: `MY-VAR` can't be the name of an environment variable
 --> devserver.toml:9:9
  |
9 | env = { "MY-VAR" = "1" }
  |         ^^^^^^^^
  |
  = help: call it `MY_VAR`
"#,
    );
}

#[test]
fn a_minimum_above_its_maximum_is_told_where_it_is_said() {
    refused(
        r#"[service-defaults]
backoff = { min = "20s" }
[service.a]
command = "run"
[service.b]
command = "run"
backoff = { min = "5s", max = "1s" }
[service.c]
command = "run"
backoff = { max = "30s" }
"#,
        r#"error: `service.a.backoff`: `min` (20s) is above `max` (10s)
 --> devserver.toml:2:19
  |
2 | backoff = { min = "20s" }
  |                   ^^^^^
  |
  = help: set `max` too

error: `service.b.backoff`: `min` (5s) is above `max` (1s)
 --> devserver.toml:7:19
  |
7 | backoff = { min = "5s", max = "1s" }
  |                   ^^^^
  |
  = help: swap them, or leave one out
"#,
    );
}

#[test]
fn liveness_needs_something_to_ask() {
    refused(
        "[service.web]\ncommand = [\"web\"]\nready = { notify = true, liveness = true }\n",
        "error: web can't be asked whether it is ready: ready.liveness is true, but no probe of it can be asked again
 --> devserver.toml:1:1
  |
1 | [service.web]
  | ^^^^^^^^^^^^^
  |
  = help: give it ready.tcp, ready.http or ready.exec, or leave ready.liveness out
",
    );
}
