//! Output as nobody would wish it: without end, without newlines, of any bytes, or none any more.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use nix::sys::termios::{self, SetArg};

use super::pause::pause;
use super::{Wishes, note, say};

/// No more than this is poured out, whatever is asked for.
const MOST: u64 = 1 << 30;

/// Pours out what is asked for, once.
pub(super) fn pour(wishes: &Wishes) {
    if wishes.raw_terminal
        && let Ok(mut settings) = termios::tcgetattr(io::stdin())
    {
        termios::cfmakeraw(&mut settings);
        let _ = termios::tcsetattr(io::stdin(), SetArg::TCSANOW, &settings);
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let any = |_| {
        // xorshift: the same bytes each time.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    let bytes: Vec<u8> = (0..wishes.bytes.min(MOST)).map(any).collect();
    write(wishes, &bytes);
    let chunk = [b'x'; 1 << 16];
    let mut left = wishes.one_line.min(MOST);
    while left > 0 {
        let size = left.min(chunk.len() as u64);
        write(wishes, &chunk[..usize::try_from(size).unwrap_or_default()]);
        left -= size;
    }
    if let Some(text) = &wishes.partial {
        write(wishes, text.as_bytes());
    }
    if wishes.close_output {
        let _ = io::stdout().flush();
        // Nobody in here owns them. All three, as a daemon does: on a terminal each of them is the same.
        let _ = nix::unistd::close(0);
        let _ = nix::unistd::close(1);
        let _ = nix::unistd::close(2);
    }
}

fn write(wishes: &Wishes, bytes: &[u8]) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
        note(wishes, &format!("write failed: {error}"));
    }
}

/// Prints a line every so often, for ever.
pub(super) fn chatter(wishes: &Wishes, every: Option<Duration>) {
    let Some(every) = every else { return };
    let wishes = wishes.clone();
    thread::spawn(move || {
        for number in 1_u64.. {
            say(&wishes, &format!("chatter {number}"));
            if !every.is_zero() {
                pause(every);
            }
        }
    });
}
