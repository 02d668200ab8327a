//! What is to be done on a node, and how it may end: the types of `wit/work.wit`, and the codes of a failure.

pub use crate::bindings::imports::jobyard::plugin::work::{
    Assignment, Execution, Exit, Failure, Share,
};

/// [`Failure::code`]: the program could not be started.
pub const COULD_NOT_START: u32 = 1;
/// [`Failure::code`]: the plugin was asked for something that it must not do.
pub const NOT_GRANTED: u32 = 2;
/// [`Failure::code`]: the file for standard input, output or error cannot be used.
pub const INPUT_OR_OUTPUT: u32 = 3;
/// [`Failure::code`]: something is left on the node (prepare and release).
pub const NOT_LEFT_CLEAN: u32 = 4;

/// Bytes of [`Failure::text`] at most: `wit/work.wit`.
pub const FAILURE_TEXT_BYTES_MAX: usize = 1024;

/// A failure whose text is within its limit: what is over is cut, at a whole character.
pub fn failure(code: u32, mut text: String) -> Failure {
    text.truncate(text.floor_char_boundary(FAILURE_TEXT_BYTES_MAX));
    Failure { code, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_cut_at_a_whole_character() {
        let text = failure(1, "é".repeat(600)).text;
        assert_eq!(text.len(), 1024);
        let text = failure(1, format!("a{}", "é".repeat(600))).text;
        assert_eq!(text.len(), 1023);
        assert_eq!(
            failure(2, "short".into()),
            Failure {
                code: 2,
                text: "short".into()
            }
        );
    }
}
