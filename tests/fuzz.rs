//! The bodies of the fuzz targets over random bytes, so that they can't rot; and that `fuzz/` has a target for each.

mod bodies;

use std::path::Path;

use proptest::prelude::*;

/// Bytes that reach further than noise does: pieces of what each of them reads.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let scraps: Vec<&[u8]> = vec![
        b"[service.web]\ncommand = [\"x\"]\n",
        b"[silo.region]\n",
        b"[flag.workers]\n",
        b"when = \"flag.workers and not silo.port > 3\"\n",
        b"{{ silo.port + 1 }}",
        b"{% for a in silos %}{{ a.name }}{% endfor %}",
        b"silos | map(attribute='name') | join(',')",
        b"\x04\0\0\0\"Ki\"",
        b"\x06\0\0\0\"Kill\"",
        b"{\"Stop\":{\"signal\":15,\"target\":\"Group\"}}",
        b"{\"Started\":{\"pid\":7}}",
        b"\x1b[31m",
        b"\x1b]0;title\x07",
        b"\x1b[2J",
        b"\r",
        b"\n",
        b"\xe2\x82\xac",
        b"\xc2\x9b",
    ];
    let piece = prop_oneof![
        3 => prop::sample::select(scraps).prop_map(<[u8]>::to_vec),
        2 => "[ -~\n]{0,12}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_the_fuzzer_looks_for_holds_of_random_bytes(bytes in bytes()) {
        bodies::ALL.iter().for_each(|(_, body)| body(&bytes));
    }
}

#[test]
fn what_the_fuzzer_looks_for_holds_of_its_seeds() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    for (name, body) in bodies::ALL {
        let mut count = 0;
        for file in std::fs::read_dir(seeds.join(name)).expect("each target has seeds").flatten() {
            body(&std::fs::read(file.path()).expect("it is a file"));
            count += 1;
        }
        assert!(count > 0, "{name} has no seeds");
    }
}

#[test]
fn every_body_has_its_target() {
    let manifest = include_str!("../fuzz/Cargo.toml");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    for (name, _) in bodies::ALL {
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "fuzz/Cargo.toml doesn't name {name}");
        let text = std::fs::read_to_string(folder.join(format!("{name}.rs"))).expect("it has a file");
        assert!(text.contains(&format!("bodies::{name}(bytes)")), "{text}");
    }
    assert_eq!(std::fs::read_dir(folder).expect("it is there").count(), bodies::ALL.len(), "and no others");
    let makefile = include_str!("../Makefile");
    let line = makefile.lines().find_map(|line| line.strip_prefix("FUZZ ?= ")).expect("make fuzz names them");
    assert_eq!(line.split(' ').collect::<Vec<_>>(), bodies::ALL.map(|(name, _)| name));
}
