//! Endings at random moments, for as long as one likes: `make soak`. A short form runs with every test.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::endings::{ALL, Scene};
use crate::support::isolated::{is_isolated, isolated};

/// Without a time: so many.
const SHORT: u32 = 6;

/// The latest moment: by then all of it is up on an idle machine.
const LATEST: u64 = 1_500;

/// What an environment variable holds, as a number.
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The same numbers for the same seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// `DEVSERVER_SOAK` is how many seconds, `DEVSERVER_SEED` where to begin.
#[test]
fn at_whatever_moment_it_ends_nothing_is_left() {
    isolated("soak::at_whatever_moment_it_ends_nothing_is_left", || {
        let seed = asked("DEVSERVER_SEED").unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
            now.map_or(0, |now| now.as_secs())
        });
        let seconds = asked("DEVSERVER_SOAK").map(Duration::from_secs);
        let mut say = {
            let mut out = std::io::stderr();
            move |text: String| out.write_all(text.as_bytes()).expect("somebody reads")
        };
        say(format!("endings at random moments, DEVSERVER_SEED={seed}\n"));
        let (mut random, began, mut endings, mut way) = (Random(seed), Instant::now(), 0, None);
        let mut told = began;
        while seconds.map_or(endings < SHORT, |seconds| began.elapsed() < seconds) {
            let ending = ALL[usize::try_from(random.below(ALL.len() as u64)).expect("few")];
            let moment = Duration::from_millis(random.below(LATEST));
            let mut scene = Scene::start(ending);
            let started = Instant::now();
            while started.elapsed() < moment {
                std::thread::park_timeout(moment.saturating_sub(started.elapsed()));
            }
            scene.end(true);
            way = Some(scene.check(true));
            endings += 1;
            if told.elapsed() > Duration::from_secs(10) {
                told = Instant::now();
                say(format!("{endings} endings, 0 left so far\n"));
            }
        }
        let took = began.elapsed().as_secs();
        let way = way.map(|way| way.to_string()).unwrap_or_default();
        say(format!("{endings} endings at random moments in {took} s, 0 left; counted: {way}\n"));
        assert!(is_isolated() || way.contains("marker"));
    });
}
