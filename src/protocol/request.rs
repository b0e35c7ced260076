//! What a client says: one request a line.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::{Selector, Signal, Via};

/// A request with what goes around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The version of the protocol that the client speaks; who writes by hand may leave it out.
    pub version: Option<u32>,
    /// Comes back with everything that belongs to it; 0 if it isn't given.
    pub id: u64,
    /// What kind of client it is, for the journal.
    pub via: Via,
    /// What is asked for.
    pub request: Request,
}

/// What may be asked for.
///
/// Only by names of what the stack has: no request has a command, a path or a variable in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// How everything stands.
    Status {
        /// Whether CPU and memory are measured too, which takes a fifth of a second.
        #[serde(default)]
        usage: bool,
    },
    /// Want these up, with what they stand on, and forget their failures.
    Start {
        /// Which.
        processes: Selector,
    },
    /// Want these down; answered when they are.
    Stop {
        /// Which.
        processes: Selector,
    },
    /// Stop these and start them again.
    Restart {
        /// Which.
        processes: Selector,
        /// Whether the answer waits until they are ready.
        #[serde(default)]
        wait: bool,
    },
    /// Send a signal to the main process of each.
    Signal {
        /// Which.
        processes: Selector,
        /// What: `USR1`, `HUP`.
        signal: Signal,
    },
    /// Wait until something is true of each of these; answered when it is, when it can't be any more, or when the
    /// time is up.
    Wait {
        /// Which.
        processes: Selector,
        /// What.
        #[serde(default)]
        until: Until,
        /// How long at most, in seconds; none for as long as it takes.
        #[serde(default)]
        timeout: Option<f64>,
    },
    /// Stop everything, in order, and end.
    Down,
    /// Get lines and events as they come, in one order.
    Subscribe {
        /// Which.
        #[serde(default)]
        filter: Filter,
    },
}

/// What a `wait` waits for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// It is ready; a oneshot has succeeded.
    #[default]
    Ready,
    /// Its present run has ended, however that was; or it isn't running.
    Exited,
    /// A line of its output matches this regular expression, from now on.
    Log(String),
    /// It has been ready, without a break, for so many seconds.
    Stable(f64),
}

/// Which lines and events a subscriber gets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Whose lines, and events about whom; events about nobody in particular always come. None for everybody's.
    pub processes: Option<Selector>,
    /// Whether there are lines.
    pub lines: bool,
    /// Whether there are events.
    pub events: bool,
    /// How much of what was before.
    pub history: History,
    /// Whether it goes on with what comes. Else it ends with what was.
    pub follow: bool,
}

impl Default for Filter {
    fn default() -> Self {
        Self { processes: None, lines: true, events: true, history: History::None, follow: true }
    }
}

/// How much of what was said and happened comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum History {
    /// Nothing.
    #[default]
    None,
    /// All that is kept.
    All,
    /// The last so many lines and events.
    Tail(usize),
}

impl Call {
    /// A request of this program's own.
    pub const fn new(id: u64, via: Via, request: Request) -> Self {
        Self { version: Some(super::VERSION), id, via, request }
    }

    /// Reads a line.
    ///
    /// # Errors
    /// With the `id` of the request as far as it can be told, and what is wrong with it in one sentence.
    pub fn parse(line: &[u8]) -> Result<Self, (u64, String)> {
        let mut object: Map<String, Value> =
            serde_json::from_slice(line).map_err(|error| (0, format!("that is no JSON object: {error}")))?;
        let id = object.remove("id");
        let id = match id.as_ref().map(Value::as_u64) {
            None => 0,
            Some(Some(id)) => id,
            Some(None) => return Err((0, "`id` has to be a whole number, not below 0".to_owned())),
        };
        let field = |name: &str, error: &serde_json::Error| (id, format!("`{name}`: {error}"));
        let version = object.remove("version").map(serde_json::from_value).transpose();
        let via = object.remove("via").map(serde_json::from_value).transpose();
        let version = version.map_err(|error| field("version", &error))?;
        let via = via.map_err(|error| field("via", &error))?.unwrap_or_default();
        if !object.contains_key("request") {
            return Err((id, "it says no `request`".to_owned()));
        }
        let request = serde_json::from_value(Value::Object(object)).map_err(|error| (id, error.to_string()))?;
        Ok(Self { version, id, via, request })
    }
}

impl Serialize for Call {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error as _;
        let Value::Object(request) = serde_json::to_value(&self.request).map_err(S::Error::custom)? else {
            return Err(S::Error::custom("a request is an object"));
        };
        let mut object = Map::new();
        if let Some(version) = self.version {
            object.insert("version".into(), version.into());
        }
        object.insert("id".into(), self.id.into());
        object.insert("via".into(), serde_json::to_value(self.via).map_err(S::Error::custom)?);
        object.extend(request);
        object.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_request_is_said_with_its_id() {
        for (line, id, why) in [
            ("hello", 0, "that is no JSON object: expected value at line 1 column 1"),
            ("[1]", 0, "that is no JSON object: invalid type: sequence, expected a map at line 1 column 0"),
            ("{}", 0, "it says no `request`"),
            (r#"{"id":-1}"#, 0, "`id` has to be a whole number, not below 0"),
            (r#"{"id":7,"request":"restrat"}"#, 7, "unknown variant `restrat`, expected one of"),
            (r#"{"id":7,"request":"restart"}"#, 7, "missing field `processes`"),
            (r#"{"id":7,"request":"restart","processes":"a","nmae":1}"#, 7, "unknown field `nmae`"),
            (r#"{"id":7,"request":"signal","processes":"a","signal":"FOO"}"#, 7, "`FOO` isn't a signal"),
            (r#"{"id":7,"version":"one","request":"down"}"#, 7, "`version`: invalid type: string"),
        ] {
            let (found, said) = Call::parse(line.as_bytes()).expect_err(line);
            assert!(found == id && said.starts_with(why), "{line}: {found} {said}");
        }
        let deep = "[".repeat(100_000);
        assert!(Call::parse(deep.as_bytes()).is_err(), "and the stack holds");
    }

    #[test]
    fn a_request_reads_as_it_was_written() {
        let request = Request::Restart { processes: Selector::new("region.*"), wait: true };
        let call = Call::new(7, Via::Cli, request);
        let line = super::super::line(&call);
        assert_eq!(Call::parse(&line), Ok(call));
        let by_hand = Call::parse(br#"{"request":"down"}"#);
        assert_eq!(by_hand, Ok(Call { version: None, id: 0, via: Via::Client, request: Request::Down }));
    }
}
