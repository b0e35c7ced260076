//! What is stored comes back as it was, whatever happens to the files meanwhile.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;
use crate::bus::Stream;
use crate::model::RunId;
use crate::views::store::{Reader, Stored};

fn name(text: &str) -> ProcessName {
    ProcessName::new(text).expect("a name")
}

fn new(folder: &Path, max_size: u64, max_total: u64) -> Store {
    let options = StoreOptions { folder: folder.to_path_buf(), max_size, max_total, session: 1 };
    Store { options, session: 7, files: HashMap::new(), told: false }
}

/// Stores these bytes, and returns what is said about it.
fn put(store: &mut Store, process: &str, seq: Seq, text: &str, now: Instant) -> Vec<String> {
    let run = RunId { process: name(process), number: 1 };
    let ending = if text.ends_with('\n') { Ending::Newline } else { Ending::Paused };
    let stream = Stream { run, origin: Origin::Stdout };
    let at = Timestamp::from_microsecond(seq.cast_signed()).expect("a time");
    let block = Block::new(stream, at, text.to_owned().into(), false, ending).expect("there are bytes");
    let session = store.session;
    store.file(&name(process)).take_in(session, seq, &block);
    store.write(now)
}

fn all(folder: &Path) -> Vec<Stored> {
    Reader::new(folder).news(|_| true).expect("it is readable")
}

/// What is stored of a process: text, and gaps as their size.
fn text(folder: &Path, process: &str) -> String {
    let own = all(folder).into_iter().filter(|stored| stored.process == name(process));
    let part = |stored: Stored| match stored.block().expect("it is readable") {
        Some(block) => String::from_utf8_lossy(&block.bytes).into_owned(),
        None => format!("({} missing)", stored.entry.lines),
    };
    own.map(part).collect()
}

#[test]
fn lines_come_back_as_they_were_over_many_files_and_restarts() {
    let folder = tempfile::tempdir().expect("a folder");
    let (folder, mut expected) = (folder.path().join("logs"), String::new());
    let mut seq = 1;
    let mut reader = Reader::new(&folder);
    let mut followed = 0;
    for restart in 0..4 {
        let mut store = new(&folder, 300, 1 << 20);
        store.session += restart;
        for _ in 0..20 {
            let line = format!("line {seq} of web\nand\n");
            assert_eq!(put(&mut store, "web", seq, &line, now()), Vec::<String>::new());
            assert_eq!(put(&mut store, "worker", seq, "x\n", now()), Vec::<String>::new());
            expected.push_str(&line);
            seq += 2;
            followed += reader.news(|process| *process == name("web")).expect("it is readable").len();
        }
    }
    assert_eq!(text(&folder, "web"), expected);
    assert_eq!(text(&folder, "worker"), "x\n".repeat(80));
    assert_eq!(followed, 80, "whoever follows gets each once");
    assert!(folder.join("web~000003.log").exists(), "it was rotated");
    assert_eq!(fs::metadata(&folder).expect("it is there").permissions().mode() & 0o777, 0o700);
    for entry in fs::read_dir(&folder).expect("a folder") {
        let entry = entry.expect("it is readable");
        assert_eq!(entry.metadata().expect("it is there").permissions().mode() & 0o777, 0o600, "{entry:?}");
    }
}

#[test]
fn full_files_make_room_the_oldest_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = new(folder.path(), 1000, 6000);
    for seq in 1..200 {
        put(&mut store, "web", seq, &format!("{seq:099}\n"), now());
    }
    let sizes = fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.and_then(|entry| entry.metadata()).map_or(0, |meta| meta.len()));
    let total: u64 = sizes.sum();
    assert!((3000..8000).contains(&total), "{total}");
    let text = text(folder.path(), "web");
    assert!(text.ends_with(&format!("{:099}\n", 199)) && !text.contains(&format!("{:099}\n", 1)), "{text}");
}

#[test]
fn what_a_crash_left_half_done_is_mended() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let write =
        |seq, text: &str| assert!(put(&mut new(folder.path(), 1 << 20, 1 << 20), "web", seq, text, now()).is_empty());
    write(1, "one\n");
    write(2, "two\n");
    // The bytes of the last entry didn't all come, and half an entry more.
    fs::OpenOptions::new().write(true).open(file("web.log")).and_then(|log| log.set_len(6)).expect("it is cut");
    let mut index = fs::read(file("web.index")).expect("it is there");
    index.extend_from_slice(&[1; 17]);
    fs::write(file("web.index"), index).expect("it is written");
    assert_eq!(text(folder.path(), "web"), "one\n", "a reader doesn't trip");
    write(3, "three\n");
    assert_eq!(text(folder.path(), "web"), "one\nthree\n");
    // The log was put aside and its index wasn't.
    fs::rename(file("web.log"), file("web~000001.log")).expect("it is renamed");
    write(4, "four\n");
    assert_eq!(text(folder.path(), "web"), "one\nthree\nfour\n");
}

#[test]
fn where_nothing_can_be_written_it_is_said_once_and_the_gap_is_marked() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("logs");
    fs::write(&place, "in the way").expect("it is written");
    let (mut store, start) = (new(&place, 1 << 20, 1 << 20), now());
    let said = put(&mut store, "web", 1, "one\n", start);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with(&format!("lines of web can't be stored in {}: ", place.display())), "{said:?}");
    assert!(put(&mut store, "web", 2, "two\n", start).is_empty());
    assert!(put(&mut store, "web", 3, "three\n", start + AGAIN).is_empty());
    fs::remove_file(&place).expect("it is there");
    let said = put(&mut store, "web", 4, "four\n", start + 2 * AGAIN);
    assert_eq!(said, [format!("lines are stored again in {}; 3 of them are missing there", place.display())]);
    assert_eq!(text(&place, "web"), "(3 missing)four\n");
}

#[test]
fn files_that_were_taken_away_are_made_anew_and_links_are_not_followed() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("logs");
    let (mut store, start) = (new(&place, 1 << 20, 1 << 20), now());
    assert!(put(&mut store, "web", 1, "one\n", start).is_empty());
    fs::remove_dir_all(&place).expect("it is there");
    let said = put(&mut store, "web", 2, "two\n", start + AGAIN);
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(text(&place, "web"), "(1 missing)two\n");
    fs::remove_file(place.join("web.log")).expect("it is there");
    std::os::unix::fs::symlink("/dev/null", place.join("web.log")).expect("a link");
    let said = put(&mut store, "web", 3, "three\n", start + 3 * AGAIN);
    assert!(said.len() == 1 && said[0].contains("can't be stored"), "{said:?}");
}

#[test]
fn two_supervisors_never_write_the_same_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut first, mut second) = (new(folder.path(), 1 << 20, 1 << 20), new(folder.path(), 1 << 20, 1 << 20));
    assert!(put(&mut first, "web", 1, "one\n", now()).is_empty());
    let said = put(&mut second, "web", 1, "two\n", now());
    assert!(said.len() == 1 && said[0].contains("another devserver writes it"), "{said:?}");
    assert_eq!(text(folder.path(), "web"), "one\n");
}
