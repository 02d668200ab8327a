//! Texts that a guest wrote, made fit to be kept.

/// The first `bytes_max` bytes of a text, or a little less so that no character is torn.
pub(crate) fn cut(mut text: String, bytes_max: usize) -> String {
    text.truncate(prefix(&text, bytes_max).len());
    text
}

/// As [`cut`], borrowed.
pub(crate) fn prefix(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let end = (0..=bytes_max)
        .rev()
        .find(|&end| text.is_char_boundary(end))
        .unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_is_torn() {
        assert_eq!(prefix("grün", 3), "gr");
        assert_eq!(prefix("grün", 4), "grü");
        assert_eq!(prefix("grün", 99), "grün");
        assert_eq!(prefix("ü", 0), "");
        assert_eq!(cut("ü".to_owned(), 1), "");
    }
}
