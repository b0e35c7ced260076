//! What the user asked for, unresolved.

use std::fmt;

use indexmap::IndexMap;

use crate::config::FlagValue;
use crate::model::FlagName;

/// What the user asked for on the command line, just as it was given.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// `--silo`, split at commas: names, or `all`. Empty for the project's default.
    pub silos: Vec<String>,
    /// Flags that were given, the last one of a name.
    pub flags: IndexMap<FlagName, FlagValue>,
    /// `--exit-code-from`: whose end is the end of the run, with its code.
    pub exit_code_from: Option<String>,
    /// ADDRESS.
    pub address: Option<Address>,
}

/// `HOST:PORT`, where the first port is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name, an IPv4 address, or an IPv6 address without its brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
}

/// An ADDRESS that isn't one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No colon, or nothing before it.
    #[error("expected HOST:PORT, got `{text}`")]
    Form {
        /// As given.
        text: String,
    },
    /// What is behind the colon is no port.
    #[error("`{port}` in `{text}` isn't a port; ports are 1 to 65535")]
    Port {
        /// As given.
        text: String,
        /// The part that should be a port.
        port: String,
    },
    /// An IPv6 address without brackets can't be told from its port.
    #[error("`{text}` has more than one colon; an IPv6 address stands in brackets")]
    Brackets {
        /// As given.
        text: String,
    },
}

impl AddressError {
    /// What to write instead.
    pub fn hint(&self) -> String {
        match self {
            Self::Form { text } if text.parse::<u16>().is_ok_and(|port| port > 0) => format!("write 127.0.0.1:{text}"),
            Self::Form { .. } | Self::Port { .. } => "write it as 127.0.0.1:8000 or [::1]:8000".into(),
            Self::Brackets { text } => match text.rsplit_once(':') {
                Some((host, port)) if !host.ends_with(':') => format!("write it as [{host}]:{port}"),
                Some(_) => format!("write it as [{text}]:8000"),
                None => "write it as [::1]:8000".into(),
            },
        }
    }
}

impl Address {
    /// Reads an ADDRESS.
    ///
    /// # Errors
    /// When it isn't `HOST:PORT` with a port from 1 to 65535.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let form = || AddressError::Form { text: text.to_owned() };
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => rest.split_once("]:").ok_or_else(form)?,
            None => text.rsplit_once(':').ok_or_else(form)?,
        };
        let is_ipv6 = |host: &str| {
            let groups = text.contains("::") || host.matches(':').count() > 1;
            groups && host.contains(':') && host.chars().all(|c| c.is_ascii_hexdigit() || c == ':')
        };
        if !text.starts_with('[') && is_ipv6(host) {
            return Err(AddressError::Brackets { text: text.to_owned() });
        }
        if text.starts_with('[') != host.contains(':') {
            return Err(form());
        }
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(form());
        }
        match port.parse() {
            Ok(number @ 1u16..) if port.chars().all(|c| c.is_ascii_digit()) => {
                Ok(Self { host: host.to_owned(), port: number })
            }
            _ => Err(AddressError::Port { text: text.to_owned(), port: port.to_owned() }),
        }
    }
}

impl Address {
    /// The host as it stands before a port: in brackets where it is an IPv6 address.
    pub fn url_host(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

/// With brackets where it is an IPv6 address.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.url_host(), self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_host_and_port() {
        for good in ["127.0.0.1:8000", "localhost:1", "[::1]:65535", "0.0.0.0:9000"] {
            assert_eq!(Address::parse(good).map(|address| address.to_string()), Ok(good.to_owned()));
        }
    }

    #[test]
    fn what_is_no_address_says_what_to_write() {
        let table = [
            ("8000", "expected HOST:PORT, got `8000`", "write 127.0.0.1:8000"),
            ("localhost", "expected HOST:PORT, got `localhost`", "write it as 127.0.0.1:8000 or [::1]:8000"),
            (":8000", "expected HOST:PORT, got `:8000`", "write it as 127.0.0.1:8000 or [::1]:8000"),
            ("h:0", "`0` in `h:0` isn't a port; ports are 1 to 65535", "write it as 127.0.0.1:8000 or [::1]:8000"),
            (
                "h:70000",
                "`70000` in `h:70000` isn't a port; ports are 1 to 65535",
                "write it as 127.0.0.1:8000 or [::1]:8000",
            ),
            (
                "h:+80",
                "`+80` in `h:+80` isn't a port; ports are 1 to 65535",
                "write it as 127.0.0.1:8000 or [::1]:8000",
            ),
            ("::1:80", "`::1:80` has more than one colon; an IPv6 address stands in brackets", "write it as [::1]:80"),
            (
                "http://localhost:80",
                "expected HOST:PORT, got `http://localhost:80`",
                "write it as 127.0.0.1:8000 or [::1]:8000",
            ),
            ("a:b:80", "expected HOST:PORT, got `a:b:80`", "write it as 127.0.0.1:8000 or [::1]:8000"),
            ("[::1]", "expected HOST:PORT, got `[::1]`", "write it as 127.0.0.1:8000 or [::1]:8000"),
            ("[localhost]:80", "expected HOST:PORT, got `[localhost]:80`", "write it as 127.0.0.1:8000 or [::1]:8000"),
        ];
        for (text, message, hint) in table {
            let error = Address::parse(text).expect_err(text);
            assert_eq!((error.to_string().as_str(), error.hint().as_str()), (message, hint));
        }
    }
}
