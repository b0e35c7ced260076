//! Processes, ptys, probes and the loop: does what the supervisor says. It never decides.
