//! Sizes as people write them.

/// Reads a size as people write it: `500KB`, `10MB`, `1GB`, in powers of 1024. None where it isn't one.
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim().to_ascii_uppercase().as_str() {
        "KB" | "KIB" | "K" => 1 << 10,
        "MB" | "MIB" | "M" => 1 << 20,
        "GB" | "GIB" | "G" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit).filter(|size| *size > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        for (text, size) in [
            ("10MB", Some(10 << 20)),
            ("1 GiB", Some(1 << 30)),
            ("64k", Some(64 << 10)),
            ("10", None),
            ("MB", None),
            ("0MB", None),
            ("-1MB", None),
            ("1.5MB", None),
        ] {
            assert_eq!(parse_size(text), size, "{text}");
        }
    }
}
