//! Real lines of many programs, and what they say. The patterns are those that everyone has.

use super::*;

/// The built-in patterns, as the configuration reads them.
pub(crate) fn built_in() -> Rules {
    let table: toml::Table = include_str!("../../templates/log.toml").parse().expect("it is TOML");
    let text = |table: &toml::Table, key: &str| table.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    let patterns = table["pattern"].as_table().expect("it is a table");
    let rule = |(name, rule): (&String, &toml::Value)| {
        let rule = rule.as_table().expect("it is a table");
        LogRule {
            name: name.clone(),
            kind: text(rule, "kind").expect("it has one").parse().expect("it is one"),
            matches: text(rule, "match").expect("it has one"),
            level: text(rule, "level").map(|level| level.parse().expect("it is one")),
            within: text(rule, "within"),
            last: text(rule, "last"),
            joins: text(rule, "joins"),
            dim: text(rule, "dim"),
        }
    };
    let rules: Vec<LogRule> = patterns.iter().map(rule).collect();
    let words = table["level"].as_table().expect("it is a table").iter();
    let words = words
        .map(|(word, level)| (word.as_str(), level.as_str().and_then(|level| level.parse().ok()).expect("it is one")));
    Rules::new(&rules, words).expect("the built-in patterns are good")
}

#[test]
fn levels_are_known_in_the_lines_of_many_programs() {
    let rules = built_in();
    for (line, level) in [
        // Python's logging: basicConfig, the usual formats, and others.
        ("WARNING:root:disk is nearly full", "warn"),
        ("DEBUG:asyncio:Using selector: EpollSelector", "debug"),
        ("2026-11-23 10:00:00,123 ERROR acme.views: no such project", "error"),
        ("2026-11-23 10:00:00,123 - acme.views - CRITICAL - giving up", "fatal"),
        ("2026-11-23 10:00:00,123 [INFO] acme.views: hello", "info"),
        ("10:00:00 [WARNING] acme.utils.geo: GEOIP_PATH isn't set.", "warn"),
        ("10:00:00 [ERROR] acme.errors.events: preprocess.failed (cache_key='e:1')", "error"),
        ("[23/Nov/2026 10:00:00] acme ERROR no such project", ""),
        // Django.
        ("Internal Server Error: /api/0/", "error"),
        ("Not Found: /favicon.ico", "warn"),
        ("Forbidden (CSRF token missing.): /login/", "warn"),
        ("You have 3 unapplied migration(s). Your project may not work properly until you apply them.", "warn"),
        ("System check identified no issues (0 silenced).", ""),
        ("System check identified 2 issues (0 silenced).", "warn"),
        // Celery.
        ("[2026-11-23 10:00:00,123: WARNING/MainProcess] Connection to broker lost.", "warn"),
        ("[2026-11-23 10:00:00,123: ERROR/ForkPoolWorker-1] Task acme.tasks.count[6f1] raised unexpected", "error"),
        ("[2026-11-23 10:00:00,123: INFO/MainProcess] Task acme.tasks.count[6f1] received", "info"),
        // uWSGI.
        ("!!! no internal routing support, rebuild with pcre support !!!", "warn"),
        ("*** no app loaded. going in full dynamic mode ***", "warn"),
        ("DAMN ! worker 1 (pid: 4127) died, killed by signal 9 :( trying respawn ...", "error"),
        ("bind(): Address already in use [core/socket.c line 769]", "error"),
        ("*** Operational MODE: single process ***", ""),
        // gunicorn, uvicorn.
        ("[2026-11-23 10:00:00 +0000] [4127] [INFO] Booting worker with pid: 4128", "info"),
        ("INFO:     Started server process [4127]", "info"),
        ("ERROR:    Exception in ASGI application", "error"),
        // webpack, npm, node.
        ("ERROR in ./src/index.js 3:0-24", "error"),
        ("WARNING in asset size limit: 2 MiB", "warn"),
        ("webpack 5.88.2 compiled with 2 errors in 812 ms", "error"),
        ("webpack 5.88.2 compiled with 1 warning in 812 ms", "warn"),
        ("<w> [webpack-dev-server] \"hot: true\" automatically applies HMR plugin", "warn"),
        ("<i> [webpack-dev-server] Loopback: http://localhost:8000/", "info"),
        ("npm ERR! code ERESOLVE", "error"),
        ("npm warn deprecated inflight@1.0.6", "warn"),
        ("(node:4127) DeprecationWarning: `punycode` is deprecated", "warn"),
        // JSON and logfmt.
        (r#"{"level":"warning","event":"slow query","ms":812}"#, "warn"),
        (r#"{"time":"2026-11-23T10:00:00Z","severity":"ERROR","message":"no"}"#, "error"),
        (r#"{"level":50,"time":1795428000000,"msg":"no"}"#, "error"),
        (r#"{"msg":"the level is high"}"#, ""),
        ("ts=2026-11-23T10:00:00Z level=error msg=\"no\"", "error"),
        ("time=\"2026-11-23\" level=\"debug\" msg=x", "debug"),
        // Rust, PostgreSQL, Redis.
        ("2026-11-23T10:00:00.123456Z  INFO relay::server: spawning http server", "info"),
        ("2026-11-23T10:00:00Z [relay::setup] WARN: no upstream", "warn"),
        ("thread 'main' panicked at src/main.rs:2:5:", "error"),
        ("error[E0432]: unresolved import `x`", "error"),
        ("2026-11-23 10:00:00.123 UTC [4127] ERROR:  relation \"x\" does not exist at character 15", "error"),
        ("2026-11-23 10:00:00.123 UTC [4127] LOG:  checkpoint starting: time", "info"),
        ("4127:M 23 Nov 2026 10:00:00.000 # WARNING overcommit_memory is set to 0!", "warn"),
        // Nothing of the kind.
        ("task succeeded", ""),
        ("the error is in your hands", ""),
        ("levels of ERROR are many", ""),
        ("", ""),
    ] {
        let found = rules.read(line.as_bytes()).level.map(|level| level.to_string()).unwrap_or_default();
        assert_eq!(found, level, "{line}");
    }
}

#[test]
fn requests_are_known_with_their_method_and_status() {
    let rules = built_in();
    for (line, method, status, level) in [
        (r#"[23/Nov/2026 10:00:00] "GET /api/0/ HTTP/1.1" 200 1234"#, "GET", "200", Level::Info),
        (r#"[23/Nov/2026 10:00:00] "POST /login/ HTTP/1.1" 302 0"#, "POST", "302", Level::Info),
        (r#"INFO:     127.0.0.1:41234 - "GET /x HTTP/1.1" 500 Internal Server Error"#, "GET", "500", Level::Error),
        (
            r#"127.0.0.1 - - [23/Nov/2026:10:00:00 +0000] "DELETE /x HTTP/1.0" 404 12 "-" "curl/8""#,
            "DELETE",
            "404",
            Level::Warn,
        ),
        (r#"127.0.0.1 - - [23/Nov/2026 10:00:00] "PATCH /x HTTP/1.1" 405 -"#, "PATCH", "405", Level::Warn),
        (
            "[pid: 4127|app: 0|req: 1/1] 127.0.0.1 () {28 vars in 300 bytes} [Mon Nov 23 10:00:00 2026] GET /_health/ => generated 2 bytes in 3 msecs (HTTP/1.1 503) 2 headers",
            "GET",
            "503",
            Level::Error,
        ),
        ("GET 200 /_health/ HTTP/1.1 2", "GET", "200", Level::Info),
        ("[23/Nov/2026 10:00:00] POST 401 /api/0/auth/ HTTP/1.1 31", "POST", "401", Level::Warn),
        ("GET /api/projects/ 200 3.214 ms - 12", "GET", "200", Level::Info),
        ("relay: POST /api/1/store/ 429", "POST", "429", Level::Warn),
    ] {
        let reading = rules.read(line.as_bytes());
        let access = reading.access.unwrap_or_else(|| panic!("it is one: {line}"));
        let at = |range: Range<usize>| &line[range];
        assert_eq!((access.method.map(at), at(access.status)), (Some(method), status), "{line}");
        assert_eq!((access.class, reading.level), (status.as_bytes()[0] - b'0', Some(level)), "{line}");
    }
    for line in ["GET /api/ took 200", "he said \"GET out\" 200 times", "POST office 404"] {
        assert_eq!(rules.read(line.as_bytes()).access, None, "{line}");
    }
}

#[test]
fn moments_are_known() {
    let rules = built_in();
    for (line, landmark) in [
        ("WSGI app 0 (mountpoint='') ready in 3 seconds on interpreter 0x55d pid: 4127 (default app)", Landmark::Ready),
        ("Starting development server at http://127.0.0.1:8001/", Landmark::Ready),
        ("INFO:     Application startup complete.", Landmark::Ready),
        ("[2026-11-23 10:00:00 +0000] [4127] [INFO] Listening at: http://127.0.0.1:8001 (4127)", Landmark::Ready),
        ("[2026-11-23 10:00:00,123: INFO/MainProcess] celery@host ready.", Landmark::Ready),
        ("webpack 5.88.2 compiled successfully in 812 ms", Landmark::Ready),
        ("  VITE v5.0.0  ready in 312 ms", Landmark::Ready),
        ("/app/acme/views.py changed, reloading.", Landmark::Reloading),
        ("WARNING:  StatReload detected changes in 'app.py'. Reloading...", Landmark::Reloading),
        (" * Detected change in '/app/app.py', reloading", Landmark::Reloading),
        ("Gracefully killing worker 1 (pid: 4127)...", Landmark::Reloading),
        ("[uwsgi-python-reloader] module/file acme/views.py has been modified", Landmark::Reloading),
        ("[nodemon] restarting due to changes...", Landmark::Reloading),
    ] {
        assert_eq!(rules.read(line.as_bytes()).landmark, Some(landmark), "{line}");
    }
    for line in ["Watching for file changes with StatReloader", "not ready", "the worker is ready when it is"] {
        assert_eq!(rules.read(line.as_bytes()).landmark, None, "{line}");
    }
}

#[test]
fn prompts_are_known_and_other_unfinished_lines_are_not() {
    let rules = built_in();
    for line in [
        "(Pdb) ",
        "(Pdb++) ",
        "ipdb> ",
        ">>> ",
        "In [1]: ",
        "(lldb) ",
        "(gdb) ",
        "Proceed? [y/N] ",
        "Proceed? [Y/n]: ",
        "Type 'yes' to continue (yes/no): ",
        "Password: ",
        "Password for user acme: ",
        "Username (leave blank to use 'ana'): ",
    ] {
        assert!(rules.is_prompt(line.as_bytes()), "{line}");
    }
    for line in ["Downloading 41 %", "....", "Building...", "password: hunter", "(Pdb) n", ""] {
        assert!(!rules.is_prompt(line.as_bytes()), "{line}");
    }
}

#[test]
fn ones_own_patterns_come_first_and_words_are_ones_own() {
    let rule = |name: &str, kind, matches: &str, level| LogRule {
        name: name.into(),
        kind,
        matches: matches.into(),
        level,
        within: None,
        last: None,
        joins: None,
        dim: None,
    };
    let rules = [
        rule("own", LogKind::Level, "^<(?P<level>[a-z]+)>", None),
        rule("loud", LogKind::Level, "^<", Some(Level::Warn)),
    ];
    let rules = Rules::new(&rules, [("schlimm", Level::Error)]).expect("they are good");
    assert_eq!(rules.read(b"<schlimm> x").level, Some(Level::Error));
    assert_eq!(rules.read(b"<gut> x").level, Some(Level::Warn), "a word that is unknown says nothing");
    assert_eq!(rules.read(b"ERROR x").level, None);
    let bad = Rules::new(&[rule("bad", LogKind::Prompt, "(", None)], []).expect_err("it isn't one");
    assert_eq!(bad.name, "bad");
}
