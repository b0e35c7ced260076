//! The tiny single-threaded parent of each run: spawns it, reports its end, kills its whole tree.
