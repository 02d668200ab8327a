//! The `*` of parametric sweeps: what it becomes in command lines, names and file paths.

use std::borrow::Cow;

/// Replaces each run of k asterisks by `value` with at least k digits (zeros on the left). `^*` is an
/// asterisk, `^^` a caret, a caret before anything else is itself. HPC Pack's rule for sweeps and node tasks.
pub fn substitute(text: &str, value: u32) -> Cow<'_, str> {
    if !text.contains(['*', '^']) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('^', Some(&next @ ('*' | '^'))) => {
                out.push(next);
                chars.next();
            }
            ('*', _) => {
                let mut width = 1;
                while chars.next_if_eq(&'*').is_some() {
                    width += 1;
                }
                out.push_str(&format!("{value:0width$}"));
            }
            (c, _) => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::substitute;

    #[test]
    fn asterisks_become_the_value() {
        for (text, value, expected) in [
            ("echo *", 7, "echo 7"),
            ("frame-****.png", 42, "frame-0042.png"),
            ("frame-**.png", 1234, "frame-1234.png"),
            ("* and *", 3, "3 and 3"),
            ("2 ^* 3", 9, "2 * 3"),
            ("^^*", 5, "^5"),
            ("a^b^", 5, "a^b^"),
            ("^**", 5, "*5"),
            ("nothing", 5, "nothing"),
        ] {
            assert_eq!(substitute(text, value), expected, "{text}");
        }
    }
}
