//! Numbering, history and fan-out of blocks of lines and events. No I/O.
