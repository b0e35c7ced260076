//! Expressions, templates, ports and probes that come out as nothing that can run, each with the whole message.

use super::refused;

#[test]
fn an_unknown_name_in_an_expression_has_the_caret_below_itself() {
    refused(
        r#"[flag.celery-beat]
[setting]
use_relay = false
[ports]
web = "bind.port + offset"
api = "bind.prot + 1 if flag.celery_beat else silo.port"
[silo.region]
vars = { region = "us" }
[service.web]
command = ["run", "{{ flag.celery_baet }}", "{{ silo.regoin }}", "{{ each }}"]
when = "setting.use_rely or celery_beat"
port = "port.wbe"
url = "http://{{ silos.regoin.port }}/{{ env.HOME }}"
[[notice]]
when = "flag and setting['use_relay']"
text = "{{ list.consumers | join(', ') }}"
"#,
        r#"error: nothing is called `offset` here
 --> devserver.toml:5:20
  |
5 | web = "bind.port + offset"
  |                    ^^^^^^
  |
  = help: names begin with flag, setting, silo, port, bind, list, each, env, render, silos, selected, project, user, asked, given

error: nothing is called `bind.prot` here
 --> devserver.toml:6:8
  |
6 | api = "bind.prot + 1 if flag.celery_beat else silo.port"
  |        ^^^^^^^^^
  |
  = help: did you mean `bind.port`?

error: nothing is called `silo.port` here
 --> devserver.toml:6:47
  |
6 | api = "bind.prot + 1 if flag.celery_beat else silo.port"
  |                                               ^^^^^^^^^
  |
  = help: `silo` can't be used here: ports are worked out first

error: nothing is called `flag.celery_baet` here
  --> devserver.toml:10:23
   |
10 | command = ["run", "{{ flag.celery_baet }}", "{{ silo.regoin }}", "{{ each }}"]
   |                       ^^^^^^^^^^^^^^^^
   |
   = help: did you mean `flag.celery_beat`?

error: nothing is called `silo.regoin` here
  --> devserver.toml:10:49
   |
10 | command = ["run", "{{ flag.celery_baet }}", "{{ silo.regoin }}", "{{ each }}"]
   |                                                 ^^^^^^^^^^^
   |
   = help: did you mean `silo.region`?

error: nothing is called `each` here
  --> devserver.toml:10:70
   |
10 | command = ["run", "{{ flag.celery_baet }}", "{{ silo.regoin }}", "{{ each }}"]
   |                                                                      ^^^^
   |
   = help: `each` is known only in a service that has the key `each`

error: nothing is called `setting.use_rely` here
  --> devserver.toml:11:9
   |
11 | when = "setting.use_rely or celery_beat"
   |         ^^^^^^^^^^^^^^^^
   |
   = help: did you mean `setting.use_relay`?

error: nothing is called `celery_beat` here
  --> devserver.toml:11:29
   |
11 | when = "setting.use_rely or celery_beat"
   |                             ^^^^^^^^^^^
   |
   = help: did you mean `flag.celery_beat`?

error: nothing is called `port.wbe` here
  --> devserver.toml:12:9
   |
12 | port = "port.wbe"
   |         ^^^^^^^^
   |
   = help: did you mean `port.web`?

error: nothing is called `silos.regoin.port` here
  --> devserver.toml:13:18
   |
13 | url = "http://{{ silos.regoin.port }}/{{ env.HOME }}"
   |                  ^^^^^^^^^^^^^^^^^
   |
   = help: did you mean `silos.region`?

error: `flag` isn't one value
  --> devserver.toml:15:9
   |
15 | when = "flag and setting['use_relay']"
   |         ^^^^
   |
   = help: name one, as in `flag.NAME`; a name that is worked out can't be checked

error: `setting` isn't one value
  --> devserver.toml:15:18
   |
15 | when = "flag and setting['use_relay']"
   |                  ^^^^^^^
   |
   = help: name one, as in `setting.NAME`; a name that is worked out can't be checked

error: nothing is called `list.consumers` here
  --> devserver.toml:16:12
   |
16 | text = "{{ list.consumers | join(', ') }}"
   |            ^^^^^^^^^^^^^^
   |
   = help: no list is declared
"#,
    );
}

#[test]
fn an_expression_or_template_that_has_no_end() {
    refused(
        r#"[ports]
web = "bind.port +"
[service.web]
command = "run {{ bind.port"
when = "true and"
url = "{% if true %}x"
env = { A = "{{ bind.port | upercase }}" }
"#,
        r#"error: this expression can't be read: unexpected end of input, expected expression
 --> devserver.toml:2:7
  |
2 | web = "bind.port +"
  |       ^^^^^^^^^^^^^

error: this template can't be read: unexpected end of input, expected end of variable block
 --> devserver.toml:4:11
  |
4 | command = "run {{ bind.port"
  |           ^^^^^^^^^^^^^^^^^^

error: this expression can't be read: unexpected end of input, expected expression
 --> devserver.toml:5:8
  |
5 | when = "true and"
  |        ^^^^^^^^^^

error: this template can't be read: unexpected end of input, expected end of block
 --> devserver.toml:6:7
  |
6 | url = "{% if true %}x"
  |       ^^^^^^^^^^^^^^^^
"#,
    );
}

#[test]
fn a_template_that_gives_no_text_is_told_for_whom_and_why() {
    refused(
        r#"[flag.workers]
[setting]
hosts = ["a", "b"]
[service.web]
command = ["run", "{{ flag.workers }}", "{{ env.NOWHERE }}"]
env = { HOSTS = "{{ setting.hosts }}", HALF = "{{ bind.port / 0 }}" }
[service.worker]
command = "run"
[[env]]
set = { TOKEN = "{{ env.TOKEN }}" }
[[notice]]
text = "{{ env.EDITOR }} will open"
"#,
        r#"error: command of web: `flag.workers` is true or false, which has no text of its own
 --> devserver.toml:5:23
  |
5 | command = ["run", "{{ flag.workers }}", "{{ env.NOWHERE }}"]
  |                       ^^^^^^^^^^^^
  |
  = help: say which text is meant: {{ 'yes' if flag.workers else '' }}

error: command of web: `env.NOWHERE` is not set
 --> devserver.toml:5:45
  |
5 | command = ["run", "{{ flag.workers }}", "{{ env.NOWHERE }}"]
  |                                             ^^^^^^^^^^^
  |
  = help: export NOWHERE, or write {{ env.NOWHERE | default('…') }}

error: env.HOSTS of web: `setting.hosts` is a list, which has no text of its own
 --> devserver.toml:6:21
  |
6 | env = { HOSTS = "{{ setting.hosts }}", HALF = "{{ bind.port / 0 }}" }
  |                     ^^^^^^^^^^^^^
  |
  = help: join its items: {{ setting.hosts | join(' ') }}

error: env.HALF of web: unable to calculate 8000 / 0
 --> devserver.toml:6:47
  |
6 | env = { HOSTS = "{{ setting.hosts }}", HALF = "{{ bind.port / 0 }}" }
  |                                               ^^^^^^^^^^^^^^^^^^^^^

error: env.TOKEN of web and 1 more: `env.TOKEN` is not set
  --> devserver.toml:10:21
   |
10 | set = { TOKEN = "{{ env.TOKEN }}" }
   |                     ^^^^^^^^^
   |
   = help: export TOKEN, or write {{ env.TOKEN | default('…') }}

error: text of a notice: `env.EDITOR` is not set
  --> devserver.toml:12:12
   |
12 | text = "{{ env.EDITOR }} will open"
   |            ^^^^^^^^^^
   |
   = help: export EDITOR, or write {{ env.EDITOR | default('…') }}
"#,
    );
}

#[test]
fn a_value_that_only_some_silos_have() {
    refused(
        r#"[project]
silos = ["control", "region"]
[silo.control]
[silo.region]
vars = { region = "us" }
[service.server]
command = "run {{ silo.region }}"
"#,
        r#"error: command of control.server: `silo.region` is not set
 --> devserver.toml:7:19
  |
7 | command = "run {{ silo.region }}"
  |                   ^^^^^^^^^^^
  |
  = help: give every silo that uses it a value under `vars`
"#,
    );
}

#[test]
fn a_port_is_a_number_that_a_machine_has() {
    refused(
        r#"[setting]
offset = "ten"
[ports]
high = "bind.port + 60000"
low = "bind.port - 8000"
word = "setting.offset"
sum = "bind.port + setting.offset"
[service.web]
command = "run"
"#,
        r#"error: ports.high would be 68000; ports are 1 to 65535
 --> devserver.toml:4:8
  |
4 | high = "bind.port + 60000"
  |        ^^^^^^^^^^^^^^^^^^^

error: ports.low would be 0; ports are 1 to 65535
 --> devserver.toml:5:7
  |
5 | low = "bind.port - 8000"
  |       ^^^^^^^^^^^^^^^^^^

error: ports.word: it gives `ten`, not a whole number
 --> devserver.toml:6:8
  |
6 | word = "setting.offset"
  |        ^^^^^^^^^^^^^^^^

error: ports.sum: tried to use + operator on unsupported types number and string
 --> devserver.toml:7:7
  |
7 | sum = "bind.port + setting.offset"
  |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
"#,
    );
}

#[test]
fn two_services_on_one_port_are_both_shown() {
    refused(
        r#"[service.web]
command = "run"
port = 8000
[service.api]
command = "run"
port = "bind.port"
"#,
        r#"error: web and api both want port 8000
 --> devserver.toml:6:8
  |
3 | port = 8000
  |        ---- the other one
...
6 | port = "bind.port"
  |        ^^^^^^^^^^^
  |
  = help: give one of them another port
"#,
    );
}

#[test]
fn one_service_on_one_port_in_two_silos() {
    refused(
        r#"[project]
silos = ["control", "region"]
[silo.control]
[silo.region]
[service.web]
command = "run"
port = 8000
"#,
        r#"error: control.web and region.web both want port 8000
 --> devserver.toml:7:8
  |
7 | port = 8000
  |        ^^^^
  |
  = help: give each silo a port of its own, and the service `port = "silo.port"`
"#,
    );
}

#[test]
fn probes_have_a_target() {
    refused(
        r#"[service.web]
command = "run"
ready = { tcp = "localhost", http = "https://localhost/" }
[service.api]
command = "run"
ready = { tcp = "127.0.0.1:{{ bind.port + 60000 }}" }
"#,
        r#"error: web can't be asked whether it is ready: ready.tcp is `localhost`, which isn't HOST:PORT
 --> devserver.toml:3:17
  |
3 | ready = { tcp = "localhost", http = "https://localhost/" }
  |                 ^^^^^^^^^^^
  |
  = help: write it as HOST:PORT, with a port from 1 to 65535

error: web can't be asked whether it is ready: ready.http is `https://localhost/`, which isn't http://HOST:PORT/PATH
 --> devserver.toml:3:37
  |
3 | ready = { tcp = "localhost", http = "https://localhost/" }
  |                                     ^^^^^^^^^^^^^^^^^^^^
  |
  = help: write it as http://HOST:PORT/PATH, with a port from 1 to 65535

error: api can't be asked whether it is ready: ready.tcp is `127.0.0.1:68000`, which isn't HOST:PORT
 --> devserver.toml:6:17
  |
6 | ready = { tcp = "127.0.0.1:{{ bind.port + 60000 }}" }
  |                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write it as HOST:PORT, with a port from 1 to 65535
"#,
    );
}

#[test]
fn items_become_processes_each_with_a_name_of_its_own() {
    refused(
        r#"[[list.consumers]]
items = ["ingest", "Ingest Spans", { argv = "x" }, "server"]
[service.consumer]
each = "consumers"
command = ["run", "{{ each }}"]
[service.server]
command = "run"
"#,
        r#"error: an item of service `consumer` can't be a process: `Ingest Spans` has the character 'I'; a name is made of lowercase letters, digits, `-` and `_`, and starts with a letter or digit
 --> devserver.toml:3:1
  |
3 | [service.consumer]
  | ^^^^^^^^^^^^^^^^^^

error: an item of service `consumer` has no name
 --> devserver.toml:3:1
  |
3 | [service.consumer]
  | ^^^^^^^^^^^^^^^^^^
  |
  = help: write each item as "name" or { name = "…" }

error: two processes are called `server`
 --> devserver.toml:6:1
  |
6 | [service.server]
  | ^^^^^^^^^^^^^^^^
  |
  = help: rename one of the services or items
"#,
    );
}

#[test]
fn a_command_that_comes_out_empty() {
    refused(
        r#"[setting]
program = ""
[service.web]
command = "{{ setting.program }}"
"#,
        r#"error: the command of web comes out empty
 --> devserver.toml:3:1
  |
3 | [service.web]
  | ^^^^^^^^^^^^^
"#,
    );
}

#[test]
fn a_command_without_words() {
    refused(
        r#"[service.api]
command = []
[service.worker]
command = ""
"#,
        r#"error: service `api` has no `command`
 --> devserver.toml:2:11
  |
2 | command = []
  |           ^^
  |
  = help: say what to run: command = ["program", "argument"]

error: service `worker` has no `command`
 --> devserver.toml:4:11
  |
4 | command = ""
  |           ^^
  |
  = help: say what to run: command = ["program", "argument"]
"#,
    );
}

#[test]
fn a_preset_that_is_not_built_in() {
    refused(
        r#"preset = "sentri"
"#,
        r#"error: there is no preset `sentri`
 --> devserver.toml:1:10
  |
1 | preset = "sentri"
  |          ^^^^^^^^
  |
  = help: did you mean `sentry`?
"#,
    );
}

#[test]
fn a_template_whose_file_is_not_there() {
    refused(
        r#"[render.tunnels]
template = "templates/tunnels.yml"
[service.web]
command = "run"
"#,
        r#"error: the template `templates/tunnels.yml` of render.tunnels isn't there
 --> devserver.toml:2:12
  |
2 | template = "templates/tunnels.yml"
  |            ^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write templates/tunnels.yml, or take [render] out
"#,
    );
}

#[test]
fn what_is_wrong_in_a_preset_by_what_lies_over_it_is_shown_in_the_preset() {
    refused(
        r#"preset = "sentry"
[flag.watchers]
value = "WHAT"
"#,
        r#"error: `flag.watchers.default` must be a string, not `true`
  --> preset sentry:63:11
   |
63 | default = true
   |           ^^^^
   |
   = help: a switch has no `value`

error: `silo.region.force.watchers` must be a string, not true or false
   --> preset sentry:134:22
    |
134 | force = { watchers = false }
    |                      ^^^^^
"#,
    );
}
