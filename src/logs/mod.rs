//! What a line means: sanitising, levels, folding. Pure.
