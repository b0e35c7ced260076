//! Places where a test breaks us on purpose. A build without the feature `test-fakes` has none of it.

/// Panics or hangs here, if a test asks for that: `DEVSERVER_TEST_FAULT=panic:PLACE` or `hang:PLACE`, with
/// `:FILE` behind it from the moment on when that file is there.
#[cfg(feature = "test-fakes")]
#[expect(clippy::disallowed_methods, reason = "no part of what is installed")]
pub fn point(place: &str) {
    let Ok(asked) = std::env::var("DEVSERVER_TEST_FAULT") else { return };
    let mut parts = asked.splitn(3, ':');
    let (what, wanted, file) = (parts.next(), parts.next(), parts.next());
    if wanted != Some(place) || file.is_some_and(|file| !std::path::Path::new(file).exists()) {
        return;
    }
    match what {
        Some("hang") => loop {
            std::thread::park();
        },
        _ => panic!("broken on purpose: {place}"),
    }
}

/// Nothing.
#[cfg(not(feature = "test-fakes"))]
pub const fn point(_place: &str) {}
