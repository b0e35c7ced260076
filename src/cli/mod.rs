//! argv, discovery, preflight, wiring and the error report.
