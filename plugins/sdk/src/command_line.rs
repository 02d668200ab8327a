//! Turns a command line into the program to start: directly where a shell would do no more than split it, else through
//! `/bin/sh -c`.
//!
//! Why not always a shell? It is one process more for each task: starting it, and loading it, costs more than many small
//! tasks do. GNU make has started simple command lines directly for decades, by the same rule: no character that
//! means something to a shell, and no word at the front that a shell would treat itself. Where direct start and shell could
//! differ the shell gets it.

/// The shell that gets what is not simple.
pub const SHELL: &str = "/bin/sh";

/// A command line of words and blanks only, split; none if a shell is needed.
///
/// Also none for an empty line.
pub fn words(line: &str) -> Option<Vec<String>> {
    if line.contains(|c: char| SPECIAL.contains(c) || (c.is_control() && c != '\t')) {
        return None;
    }
    let words: Vec<String> = line
        .split([' ', '\t'])
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let first = words.first()?;
    // An assignment goes before the program's name; a shell's own words are no programs, or other ones.
    let special = first.contains('=') || SHELL_WORDS.contains(&first.as_str());
    (!special).then_some(words)
}

/// Program and arguments that hand the line to a shell as it is.
pub fn through_shell(line: &str) -> (String, Vec<String>) {
    (SHELL.to_owned(), vec!["-c".to_owned(), line.to_owned()])
}

/// Quotes, expansions, globs, comments, operators, escapes.
const SPECIAL: &str = "\"'`\\$*?[]~#!&|;<>(){}^";

/// Reserved words and built-ins of POSIX shells. `true` and `false` are built in too, but as programs they do the same.
const SHELL_WORDS: &[&str] = &[
    ".", ":", "[", "alias", "bg", "bind", "break", "builtin", "case", "cd", "command", "continue",
    "declare", "do", "done", "echo", "elif", "else", "esac", "eval", "exec", "exit", "export",
    "fc", "fg", "fi", "for", "function", "getopts", "hash", "if", "in", "jobs", "kill", "let",
    "local", "printf", "pwd", "read", "readonly", "return", "select", "set", "shift", "source",
    "test", "then", "time", "times", "trap", "type", "typeset", "ulimit", "umask", "unalias",
    "unset", "until", "wait", "while",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_lines_are_split() {
        let rows: &[(&str, &[&str])] = &[
            ("/bin/true", &["/bin/true"]),
            ("  make   -j4\tall ", &["make", "-j4", "all"]),
            (
                "gcc -DX=1 -o a.out a.c",
                &["gcc", "-DX=1", "-o", "a.out", "a.c"],
            ),
            (
                "prog --rate=5% user@host:/path,x +y",
                &["prog", "--rate=5%", "user@host:/path,x", "+y"],
            ),
            ("größe ünïcode", &["größe", "ünïcode"]),
            ("true", &["true"]),
            ("./cd", &["./cd"]),
        ];
        for (line, expected) in rows {
            assert_eq!(
                words(line).as_deref(),
                Some(expected.map_strings().as_slice()),
                "{line}"
            );
        }
    }

    trait MapStrings {
        fn map_strings(&self) -> Vec<String>;
    }
    impl MapStrings for &[&str] {
        fn map_strings(&self) -> Vec<String> {
            self.iter().map(|word| (*word).to_owned()).collect()
        }
    }

    #[test]
    fn anything_that_a_shell_reads_goes_to_the_shell() {
        let lines = [
            "",
            "  ",
            "echo hello",
            "cd /tmp",
            "X=1 prog",
            "a=b",
            "ls *.c",
            "ls ?",
            "ls [ab]",
            "cat <in",
            "a >out",
            "a | b",
            "a && b",
            "a; b",
            "a &",
            "(a)",
            "{ a }",
            "echo $HOME",
            "`a`",
            "$(a)",
            "ls ~",
            "a # b",
            "! a",
            "'a b'",
            "\"a\"",
            "a\\ b",
            "a\nb",
            "a\rb",
            "a\0b",
            "for x in y",
            "exit 3",
            "test -f x",
            "[ -f x ]",
            ". ./env",
            "printf x",
            "time make",
            "a^b",
        ];
        for line in lines {
            assert_eq!(words(line), None, "{line:?}");
        }
    }

    #[test]
    fn the_shell_gets_the_line_as_it_is() {
        let (program, arguments) = through_shell("a  'b' | c");
        assert_eq!(program, "/bin/sh");
        assert_eq!(arguments, ["-c", "a  'b' | c"]);
    }
}
