//! What must hold of any bytes: one function for each target of `make fuzz`, run by the tests over random bytes too.
//!
//! They name nothing but the library, since the crate in `fuzz/` takes in this very file.

use devserver::bus::Ending;
use devserver::config::{Engine, Expr, Layer, Origin, Scope, Sources, Template, Texts, load};
use devserver::logs::{Sanitiser, is_clean};
use devserver::plan::{Choices, Facts, plan};
use devserver::runner::{Piece, Splitter};
use devserver::shim::{Decoder, Report, Request, Spec, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A body: the first bytes may choose, the rest is the input.
pub type Body = fn(&[u8]);

/// Every target, by the name that it has in `fuzz/`.
pub const ALL: [(&str, Body); 5] = [
    ("config", config),
    ("expressions", expressions),
    ("protocol", protocol),
    ("splitter", splitter),
    ("sanitise", sanitise),
];

/// Any text is a configuration or is told why not, with places that are in it; and so is what it plans.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let layers = vec![Layer { name: "devserver.toml".into(), text: text.into() }];
    match load(&Texts { preset: None, layers, assignments: Vec::new() }) {
        Ok(config) => {
            let facts = Facts { folder: "/project".into(), ..Facts::default() };
            if let Err(errors) = plan(&config, &Choices::default(), &facts) {
                assert!(!errors.errors.is_empty(), "no plan, and no reason");
                errors.errors.iter().for_each(|error| assert!(!error.problem.to_string().is_empty()));
            }
        }
        Err(errors) => {
            assert!(!errors.errors.is_empty(), "no configuration, and no reason");
            for error in &errors.errors {
                assert!(!error.problem.to_string().is_empty());
                error.at.iter().chain(error.also.iter().map(|(at, _)| at)).for_each(|at| is_in(&errors.sources, at));
            }
        }
    }
}

fn is_in(sources: &Sources, at: &Origin) {
    let text = &sources.get(at.source).text;
    assert!(text.get(at.span.clone()).is_some(), "{:?} isn't in a text of {} bytes", at.span, text.len());
}

/// Any text is an expression with a value or an error with words, and so is any template.
pub fn expressions(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (engine, mut scope) = (Engine::new(), Scope::default());
    let silo = serde_json::json!({"name": "region", "port": 8010, "prefix": "region.", "tags": ["a", "b"]});
    scope.set("flag", serde_json::json!({"workers": true, "number": 3, "name": "x"}));
    scope.set("setting", serde_json::json!({"use_relay": false}));
    scope.set("env", serde_json::json!({"HOME": "/home/me"}));
    scope.set("silo", silo.clone());
    scope.set_silos(vec![("region".into(), silo)]);
    // A place is needed and looked at by nobody.
    let origin = Origin { source: Sources::default().add("fuzz", text), span: 0..text.len() };
    let template = Template { text: text.to_owned(), origin: origin.clone() };
    let expr = Expr { text: text.to_owned(), origin };
    let told = |why: String| assert!(!why.is_empty(), "an error without words");
    match engine.names_in_expression(text) {
        // What can't be loaded is never evaluated.
        Ok(_) => {
            let _ = engine.holds(&expr, &scope).map_err(|error| told(error.to_string()));
            let _ = engine.number(&expr, &scope).map_err(|error| told(error.to_string()));
            let _ = engine.data(&expr, &scope).map_err(|error| told(error.to_string()));
        }
        Err(error) => told(error.to_string()),
    }
    match engine.names_in_template(text) {
        Ok(_) => match engine.fill(&template, &scope) {
            Ok(filled) => assert_eq!(Ok(filled), engine.fill(&template, &scope), "the same twice"),
            Err(error) => told(error.to_string()),
        },
        Err(error) => told(error.to_string()),
    }
}

/// Any bytes in any chunks are the same messages or the same garbage, and a message that is sent comes back.
pub fn protocol(bytes: &[u8]) {
    let Some((chunk, bytes)) = bytes.split_first() else { return };
    let chunk = usize::from(*chunk).max(1);
    decoded::<Request>(bytes, chunk);
    decoded::<Report>(bytes, chunk);
    decoded::<Spec>(bytes, chunk);
    // A length in front makes of any bytes a message that is read to its end.
    let framed = [&u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes()[..], bytes].concat();
    decoded::<Request>(&framed, chunk);
    decoded::<Report>(&framed, chunk);
    decoded::<Spec>(&framed, chunk);
}

fn decoded<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(bytes: &[u8], chunk: usize) {
    let read = |chunk: usize| {
        let (mut decoder, mut messages) = (Decoder::default(), Vec::<T>::new());
        for part in bytes.chunks(chunk) {
            decoder.push(part);
            loop {
                match decoder.take() {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    // What comes after garbage means nothing.
                    Err(garbage) => return (messages, Some(garbage.to_string())),
                }
            }
        }
        (messages, None)
    };
    let (messages, garbage) = read(chunk);
    assert_eq!((&messages, &garbage), (&read(1).0, &read(1).1), "in other chunks");
    for message in messages {
        let mut decoder = Decoder::default();
        decoder.push(&encode(&message).expect("it came in, so it goes out"));
        assert_eq!(decoder.take::<T>().expect("it is ours"), Some(message));
    }
}

/// Any bytes in any chunks are the same lines, none too long, and nothing is lost or added.
pub fn splitter(bytes: &[u8]) {
    let [limit, chunk, bytes @ ..] = bytes else { return };
    let (limit, chunk) = (usize::from(*limit).max(8), usize::from(*chunk).max(1));
    let lines = split(bytes, chunk, limit);
    assert_eq!(lines, split(bytes, 1, limit), "in other chunks");
    assert_eq!(lines.iter().flat_map(|(line, _)| line.clone()).collect::<Vec<u8>>(), bytes, "lost or added");
    for (line, ending) in lines {
        assert!(line.len() <= limit + 1, "a line of {} bytes", line.len());
        assert_eq!(line.ends_with(b"\n"), ending == Ending::Newline);
    }
}

fn split(bytes: &[u8], chunk: usize, limit: usize) -> Vec<(Vec<u8>, Ending)> {
    let mut splitter = Splitter::new(limit);
    let mut pieces: Vec<Piece> = Vec::new();
    for part in bytes.chunks(chunk.min(limit)) {
        splitter.buffer.extend_from_slice(part);
        while let Some(piece) = splitter.take(<[u8]>::len) {
            pieces.push(piece);
        }
    }
    pieces.extend(splitter.tail(Ending::EndOfFile));
    let mut lines = Vec::new();
    for piece in pieces {
        let count = piece.bytes.split_inclusive(|byte| *byte == b'\n').count();
        for (index, line) in piece.bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let ending = if index + 1 == count { piece.ending } else { Ending::Newline };
            lines.push((line.to_vec(), ending));
        }
    }
    lines
}

/// Of any bytes nothing but text, tabs and colours that end comes out; twice is the same as once; and how the bytes
/// were cut into chunks doesn't matter.
pub fn sanitise(bytes: &[u8]) {
    let Some((chunk, bytes)) = bytes.split_first() else { return };
    for (sanitiser, colour) in [(Sanitiser::coloured(), true), (Sanitiser::plain(), false)] {
        let shown = |chunk: usize| -> Vec<Vec<u8>> {
            let lines = split(bytes, chunk, usize::MAX);
            let one = |(line, _): &(Vec<u8>, Ending)| {
                let mut out = Vec::new();
                sanitiser.line(line.strip_suffix(b"\n").unwrap_or(line), &mut out);
                out
            };
            lines.iter().map(one).collect()
        };
        let lines = shown(usize::from(*chunk).max(1));
        assert_eq!(lines, shown(1), "in other chunks");
        for line in lines {
            let text = std::str::from_utf8(&line).expect("what comes out is text");
            assert!(is_harmless(text, colour), "{text:?}");
            let mut again = Vec::new();
            sanitiser.line(&line, &mut again);
            assert_eq!(again, line, "twice isn't the same as once: {text:?}");
            assert!(colour || is_clean(&line), "{text:?}");
        }
    }
}

/// Printable characters, tabs and, where they are allowed, colours that end with their line.
fn is_harmless(text: &str, colour: bool) -> bool {
    let is_bad = |character: char| character.is_control() && character != '\t';
    let (mut rest, mut open) = (text, false);
    while let Some(at) = rest.find('\x1b') {
        let Some((numbers, after)) = rest[at + 1..].strip_prefix('[').and_then(|body| body.split_once('m')) else {
            return false;
        };
        let digits = numbers.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b';' | b':'));
        if !digits || !colour || numbers.is_empty() || numbers.len() > 120 || rest[..at].contains(is_bad) {
            return false;
        }
        open = numbers != "0";
        rest = after;
    }
    !(rest.contains(is_bad) || open)
}
