//! Every row of the table of terminal attacks, and the promises that hold for any bytes.

use proptest::prelude::*;

use super::*;

fn sanitised(sanitiser: Sanitiser, line: &[u8]) -> String {
    let mut out = Vec::new();
    sanitiser.line(line, &mut out);
    String::from_utf8(out).expect("what comes out is text")
}

#[track_caller]
fn table(rows: &[(&[u8], &str)]) {
    for (line, expected) in rows {
        assert_eq!(sanitised(Sanitiser::coloured(), line), *expected, "{}", line.escape_ascii());
    }
}

#[test]
fn screen_clearing_cursor_moves_scroll_regions_and_resets_are_dropped() {
    table(&[
        (b"a\x1b[2Jb", "ab"),
        (b"a\x1b[Hb", "ab"),
        (b"a\x1b[10;20Hb", "ab"),
        (b"a\x1b[3Ab\x1b[Kc\x1b[2Jd", "abcd"),
        (b"a\x1b[5;10rb", "ab"),
        (b"a\x1bcb", "ab"),
        (b"a\x1b7b\x1b8c\x1bMd\x1b#8e\x1b(0f", "abcdef"),
        (b"a\x1b[1Lb\x1b[2@c\x1b[!pd", "abcd"),
    ]);
}

#[test]
fn titles_palettes_folders_progress_and_notifications_are_dropped() {
    table(&[
        (b"a\x1b]0;evil\x07b", "ab"),
        (b"a\x1b]2;evil\x1b\\b", "ab"),
        (b"a\x1b]4;1;rgb:ff/00/00\x07b\x1b]10;?\x07c\x1b]11;?\x1b\\d", "abcd"),
        (b"a\x1b]7;file://host/\x07b\x1b]9;4;1;50\x07c\x1b]777;notify;x;y\x07d\x1b]99;;hi\x1b\\e", "abcde"),
        (b"a\x1b]1337;File=inline=1:AAAA\x07b", "ab"),
    ]);
}

#[test]
fn the_clipboard_can_be_neither_written_nor_read() {
    table(&[(b"a\x1b]52;c;ZXZpbA==\x07b", "ab"), (b"a\x1b]52;c;?\x1b\\b", "ab")]);
}

#[test]
fn of_a_hyperlink_the_text_is_kept() {
    table(&[(b"\x1b]8;;https://example.com\x1b\\click\x1b]8;;\x1b\\ here", "click here")]);
}

#[test]
fn device_strings_are_dropped() {
    table(&[
        (b"a\x1bPq#0;2;0;0;0~\x1b\\b", "ab"),
        (b"a\x1bPtmux;\x1b\x1b]52;c;AA==\x07\x1b\\b", "ab"),
        (b"a\x1bXsos\x1b\\b\x1b^pm\x1b\\c\x1b_apc\x1b\\d", "abcd"),
    ]);
}

#[test]
fn queries_are_dropped() {
    table(&[(b"a\x1b[cb\x1b[6nc\x1b[>cd\x1bP$qm\x1b\\e\x1bP+q544e\x1b\\f\x1bZg\x1b[?6nh", "abcdefgh")]);
}

#[test]
fn modes_are_dropped() {
    table(&[(b"a\x1b[?1049hb\x1b[?1000;1006hc\x1b[?2004hd\x1b[>1ue\x1b[?25lf\x1b=g\x1b>h", "abcdefgh")]);
}

#[test]
fn eight_bit_controls_are_dropped_in_either_encoding() {
    table(&[
        (b"a\x9b2Jb", "a2Jb"),
        ("a\u{9b}2Jb".as_bytes(), "a2Jb"),
        ("a\u{9d}0;evil\u{9c}b\u{85}c\u{90}d".as_bytes(), "a0;evilbcd"),
        ("\u{1b}[31mred\u{9b}".as_bytes(), "\x1b[31mred\x1b[0m"),
        // What only looks like one is text.
        ("é à ✓ \u{a0}".as_bytes(), "é à ✓ \u{a0}"),
    ]);
}

#[test]
fn a_string_that_is_never_ended_ends_with_its_line_or_after_4_kib() {
    table(&[(b"a\x1b]0;evil", "a"), (b"a\x1bPevil", "a"), (b"a\x1b_evil", "a")]);
    let long = [b"a\x1b]0;".as_slice(), &b"x".repeat(5000), b"end"].concat();
    let shown = sanitised(Sanitiser::coloured(), &long);
    assert_eq!(shown, format!("a{}end", "x".repeat(5000 + 2 - STRING)));
}

#[test]
fn a_line_that_rewrites_itself_shows_its_last_state() {
    table(&[
        (b"10%\r20%\r100%", "100%"),
        (b"10%\r20%\r", "20%"),
        (b"text\r\r", "text"),
        (b"\r", ""),
        (b"\x1b[31m10%\r20%", "\x1b[31m20%\x1b[0m"),
        (b"\x1b[31m10%\r\x1b[0m\x1b[32m20%", "\x1b[32m20%\x1b[0m"),
        (b"\x1b[31m10%\r\x1b[0m", "\x1b[31m10%\x1b[0m"),
        (b"a\x08b\x07c\x7fd\x0be\x0cf\0g", "abcdefg"),
        (b"a\tb", "a\tb"),
    ]);
}

#[test]
fn a_spinner_that_goes_back_by_a_cursor_sequence_shows_its_last_state() {
    table(&[
        ("\x1b[1G\x1b[0K⠹ reify\x1b[1G\x1b[0K⠸ reify".as_bytes(), "⠸ reify"),
        (b"10%\x1b[G20%\x1b[0G30%\x1b[`40%", "40%"),
        (b"10%\x1b[1G", "10%"),
        (b"text\x1b[5G more", "text more"),
        (b"\x1b[31mone\x1b[1G\x1b[Ktwo", "\x1b[31mtwo\x1b[0m"),
    ]);
}

#[test]
fn an_erased_line_is_empty() {
    table(&[
        (b"10%\x1b[2K", ""),
        (b"10%\x1b[2Kdone", "done"),
        (b"10%\x1b[1Kdone", "done"),
        (b"10%\r\x1b[K", ""),
        (b"10%\r\x1b[J", ""),
        (b"10%\r\x1b[1K20%", "20%"),
        (b"10%\x1b[K\x1b[J", "10%"),
        (b"\x1b[31mred\x1b[2K", "\x1b[31m\x1b[0m"),
    ]);
}

#[test]
fn in_our_own_fields_what_deceives_the_eye_is_escaped() {
    assert_eq!(escaped("region.server é ✓"), "region.server é ✓");
    assert_eq!(escaped("a\u{202e}b\u{2066}c\u{200b}d\u{e0041}e"), r"a\u{202e}b\u{2066}c\u{200b}d\u{e0041}e");
    assert_eq!(escaped("a\x1b[2J\nb\u{9b}"), r"a\u{1b}[2J\u{a}b\u{9b}");
}

#[test]
fn colours_end_with_their_line_and_have_bounded_parameters() {
    table(&[
        (b"\x1b[31mred", "\x1b[31mred\x1b[0m"),
        (b"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        (b"\x1b[31mred\x1b[m", "\x1b[31mred\x1b[0m"),
        (b"\x1b[1;31mred\x1b[39m", "\x1b[1;31mred\x1b[39m\x1b[0m"),
        (b"\x1b[5;8mhidden", "hidden"),
    ]);
    let many = format!("\x1b[{}mx", "1;".repeat(5000));
    assert!(sanitised(Sanitiser::coloured(), many.as_bytes()).len() < 60);
}

#[test]
fn a_line_cannot_pretend_to_be_another_process() {
    table(&[(b"\x1b[1A\x1b[2K\rweb | all is well", "web | all is well"), (b"x\r\x1b[1Gweb | fine", "web | fine")]);
}

#[test]
fn without_colour_there_are_none() {
    assert_eq!(sanitised(Sanitiser::plain(), b"\x1b[31mred\x1b[0m \x1b[1mbold"), "red bold");
    assert_eq!(sanitised(Sanitiser::plain(), b"\x1b[31m1%\r\x1b[31mred"), "red");
}

#[test]
fn what_is_no_text_is_shown_as_such() {
    table(&[
        (b"a\xffb", "a\u{fffd}b"),
        (b"caf\xe9!", "caf\u{fffd}!"),
        (b"\xe2\x82", "\u{fffd}"),
        (b"\xe2\x82\x1b[0m", "\u{fffd}\x1b[0m"),
        (b"\xe2\x82\x1b]0;x\x07\xac", "\u{fffd}\u{fffd}"),
        (b"\xef\xbb\xbfbom", "\u{feff}bom"),
    ]);
}

/// Bytes that make sequences likely.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[ -~]{0,8}".prop_map(String::into_bytes),
        2 => "\\PC{0,3}".prop_map(String::into_bytes),
        3 => "\x1b\\[[0-9;:]{0,9}m".prop_map(String::into_bytes),
        2 => "\x1b[\\[\\]PX^_(#c7\\\\][0-9;:?$ -/]{0,5}[@-~]?".prop_map(String::into_bytes),
        2 => prop::collection::vec(any::<u8>(), 0..4),
        2 => prop::sample::select(vec![b"\r".to_vec(), b"\t".to_vec(), b"\x07".to_vec(), b"\x1b".to_vec(),
            b"\x1b\\".to_vec(), b"\x18".to_vec(), b"\xc2\x9b".to_vec(), b"\xe2\x82".to_vec(), b"\x9d".to_vec()]),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| {
        let mut line = pieces.concat();
        line.retain(|byte| *byte != b'\n');
        line
    })
}

/// Whether text is made of printable characters, tabs and, where allowed, colours that end.
fn harmless(text: &str, colour: bool) -> bool {
    let mut rest = text;
    let mut open = false;
    while let Some(at) = rest.find('\x1b') {
        let Some((params, after)) = rest[at + 1..].strip_prefix('[').and_then(|body| body.split_once('m')) else {
            return false;
        };
        let digits = params.bytes().all(|byte| byte.is_ascii_digit() || byte == b';' || byte == b':');
        if !digits || !colour || params.is_empty() || params.len() > 120 || rest[..at].contains(bad) {
            return false;
        }
        open = params != "0";
        rest = after;
    }
    !(rest.contains(bad) || open && rest.is_empty())
}

fn bad(character: char) -> bool {
    character.is_control() && character != '\t'
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_goes_in_only_text_tabs_and_colours_come_out(line in line()) {
        for (sanitiser, colour) in [(Sanitiser::coloured(), true), (Sanitiser::plain(), false)] {
            let once = sanitised(sanitiser, &line);
            prop_assert!(harmless(&once, colour), "{:?}", once);
            prop_assert_eq!(&sanitised(sanitiser, once.as_bytes()), &once, "idempotent");
        }
    }

    #[test]
    fn a_clean_line_stays_as_it_is(line in "[ -~\t\u{a0}-\u{2fff}]{0,40}") {
        if is_clean(line.as_bytes()) {
            prop_assert_eq!(sanitised(Sanitiser::coloured(), line.as_bytes()), line);
        }
    }

    #[test]
    fn the_quick_way_and_the_parser_agree(line in line()) {
        let trimmed = match line.iter().rposition(|byte| *byte != b'\r') {
            Some(last) => &line[..=last],
            None => &[],
        };
        let (mut quick, mut parsed) = (Vec::new(), Vec::new());
        if let Some(open) = Sanitiser::coloured().simple(trimmed, &mut quick) {
            let also_open = Sanitiser::coloured().parse(trimmed, Extent::Whole, &mut parsed);
            prop_assert_eq!((String::from_utf8_lossy(&quick), open), (String::from_utf8_lossy(&parsed), also_open));
        }
    }

    #[test]
    fn the_beginning_of_a_line_is_how_its_text_begins(mut line in line(), at in 0usize..100) {
        // Nothing that rewrites or erases it.
        line.retain(|byte| !matches!(byte, b'\r' | b'G' | b'`' | b'K' | b'J'));
        let mut beginning = Vec::new();
        Sanitiser::coloured().beginning(&line[..at.min(line.len())], &mut beginning);
        let whole = sanitised(Sanitiser::coloured(), &line);
        prop_assert!(whole.as_bytes().starts_with(&beginning), "{:?} {:?}", String::from_utf8_lossy(&beginning), whole);
    }
}
