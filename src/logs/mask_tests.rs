//! What is a secret, and that no way of cutting a stream lets one through.

use proptest::prelude::*;

use super::*;

fn mask(values: &[&str], patterns: &[&str]) -> Mask {
    Mask::new(values.iter().copied(), patterns.iter().copied()).expect("good patterns")
}

#[test]
fn secret_values_are_told_by_the_names_of_their_variables() {
    let variables = [
        ("DJANGO_SECRET_KEY", "django-insecure-1"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7"),
        ("github_token", "ghp_0123456789"),
        ("ERRORS_DSN", "http://abc@127.0.0.1/1"),
        ("DB-CREDENTIALS", "user:password"),
        ("MONKEY", "not-a-segment"),
        ("PRIVATE_KEY", "/etc/keys/private.pem"),
        ("KEY_FILE", "~/keys/private.pem"),
        ("TOKEN_LIFETIME", "1234567890"),
        ("API_KEY", "short"),
        ("USE_TOKEN", "true"),
    ];
    assert_eq!(
        secrets(variables),
        ["django-insecure-1", "wJalrXUtnFEMI/K7", "ghp_0123456789", "http://abc@127.0.0.1/1", "user:password"]
    );
}

#[test]
fn a_secret_is_hidden_wherever_it_stands() {
    let mask =
        mask(&["hunter2hunter2", "first-line-of-it\nsecond-line-of-it", "it's \"quoted\""], &["(?i)bearer \\S+"]);
    for (said, shown) in [
        ("nothing here", "nothing here"),
        ("pw=hunter2hunter2;", "pw=••••;"),
        ("hunter2hunter2hunter2hunter2", "••••"),
        ("a second-line-of-it b", "a •••• b"),
        (r#"{"key": "it's \"quoted\""}"#, r#"{"key": "••••"}"#),
        (r#"KEY='it'\''s "quoted"'"#, "KEY='••••'"),
        ("Authorization: Bearer abc\nnext", "Authorization: ••••\nnext"),
    ] {
        assert_eq!(mask.text(said), shown);
    }
}

#[test]
fn secrets_that_overlap_are_hidden_together() {
    let mask = mask(&["aaaabbbb", "bbbbcccc"], &[]);
    assert_eq!(mask.text("-aaaabbbbcccc-"), "-••••-");
}

#[test]
fn many_secrets_are_found_as_few_are() {
    let many: Vec<String> = (0..300).map(|index| format!("secret-number-{index:03}")).collect();
    let mask = mask(&many.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    assert_eq!(mask.text("a secret-number-000 b secret-number-299 c"), "a •••• b •••• c");
}

#[test]
fn with_nothing_to_hide_nothing_is_looked_at() {
    let mask = Mask::default();
    let mut masking = Masking::default();
    assert!(mask.is_empty());
    assert_eq!((masking.let_out(&mask, b"line"), masking.next(&mask, b"line")), (4, None));
    assert_eq!(masking.before.capacity(), 0);
}

#[test]
fn of_a_line_that_pauses_only_what_may_be_a_secret_is_held_back() {
    let values = mask(&["hunter2hunter2", "ter2ways"], &[]);
    for (line, shown) in [
        ("Password: ", "Password: "),
        ("Password: hunt", "Password: "),
        ("Password: hunter2", "Password: "),
        ("Password: hunter2hunter2", "Password: "),
        ("Password: hunter2hunter2.", "Password: hunter2hunter2."),
    ] {
        assert_eq!(&line[..values.let_out(line.as_bytes())], shown, "{line}");
    }
    assert_eq!(mask(&[], &["key-\\S+"]).let_out(b"Your key: key-1"), 10);
}

#[test]
fn a_pattern_sees_what_of_its_line_was_let_out() {
    let mask = mask(&[], &["pw: \\S+"]);
    let mut masking = Masking::default();
    assert_eq!(masking.next(&mask, b"one\npw: "), None);
    assert_eq!(masking.next(&mask, b"word\npw\n"), Some("••••\npw\n".into()));
    assert_eq!(masking.next(&mask, b"word\n"), None, "another line");
}

#[test]
fn a_bad_pattern_is_named() {
    let error = Mask::new([], ["a("]).expect_err("it isn't closed");
    assert!(error.to_string().starts_with("can't mask `a(`: "), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_value_never_gets_out_wherever_the_line_pauses(
        parts in prop::collection::vec(prop::sample::select(vec!["abcabcab", "cabcabxx", "ab", "c", "x", " "]), 1..12),
        pauses in prop::collection::vec(1usize..9, 1..12),
    ) {
        let mask = mask(&["abcabcab", "cabcabxx"], &[]);
        let line = parts.concat();
        let (mut masking, mut out) = (Masking::default(), Vec::new());
        let (mut held, mut rest) = (Vec::new(), line.as_bytes());
        for pause in pauses {
            let (read, later) = rest.split_at(pause.min(rest.len()));
            held.extend_from_slice(read);
            rest = later;
            let let_out = masking.let_out(&mask, &held);
            let piece: Vec<u8> = held.drain(..let_out).collect();
            out.extend(masking.next(&mask, &piece).unwrap_or(piece));
        }
        held.extend_from_slice(rest);
        out.extend(masking.next(&mask, &held).unwrap_or(held));
        let out = String::from_utf8(out).expect("it was text");
        prop_assert!(!out.contains("abcabcab") && !out.contains("cabcabxx"), "{} of {}", out, line);
        prop_assert_eq!(out, mask.text(&line));
    }
}
