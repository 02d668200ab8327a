//! What the binary says of itself. Black-box tests of what it does are in the package `jobyard-tests`.

use std::process::Command;

#[test]
fn help_names_every_verb_and_version_is_the_packages() {
    let run = |argument: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_jobyard"))
            .arg(argument)
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let help = run("--help");
    assert!(
        help.contains("run ") && help.contains("simulate "),
        "{help}"
    );
    assert_eq!(
        run("--version").trim(),
        concat!("jobyard ", env!("CARGO_PKG_VERSION"))
    );
}
