//! Input and output: files that the job names, captured output, its limit.

use crate::support::{Yard, exited, until};

#[tokio::test(flavor = "multi_thread")]
async fn named_files_are_read_made_and_emptied() {
    let mut yard = Yard::new();
    std::fs::write(yard.path("in"), "from the file").unwrap();
    std::fs::write(yard.path("out"), "much longer than what is written now").unwrap();
    let mut task = yard.task("cat; echo complaint >&2");
    task.standard_input = Some("in".into());
    task.standard_output = Some("out".into());
    task.standard_error = Some(yard.path("err").display().to_string());
    assert_eq!(yard.run(&task).await, (exited(0), String::new()));
    assert_eq!(yard.read("out"), "from the file");
    assert_eq!(yard.read("err"), "complaint\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_for_both_streams_holds_both() {
    let mut yard = Yard::new();
    let mut task = yard.task("echo one; echo two >&2; echo three");
    task.standard_output = Some("both".into());
    task.standard_error = Some("both".into());
    assert_eq!(yard.run(&task).await.0, exited(0));
    assert_eq!(yard.read("both"), "one\ntwo\nthree\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_pipe_does_not_hold_up_the_start() {
    let mut yard = Yard::new();
    assert_eq!(yard.command("mkfifo pipe").await.0, exited(0));
    let mut reader = yard.task("cat");
    reader.standard_input = Some("pipe".into());
    yard.start(&reader).await;
    assert_eq!(yard.started().await, reader.execution);
    let mut writer = yard.task("echo through");
    writer.standard_output = Some("pipe".into());
    // Without a reader that has opened it, a writer is refused rather than left hanging.
    until("the reader", || {
        yard.node
            .output_files(reader.execution)
            .0
            .parent()
            .map(|_| ())
    })
    .await;
    yard.stop(reader.execution, std::time::Duration::ZERO).await;
    yard.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn captured_output_is_in_files_and_its_end_in_the_report() {
    let mut yard = Yard::new();
    let task = yard.task("echo to output; echo to error >&2");
    let (output, error) = yard.node.output_files(task.execution);
    assert_eq!(output, yard.path("output/7/1.0.1.out"));
    assert_eq!(error, yard.path("output/7/1.0.1.err"));
    assert_eq!(
        yard.run(&task).await,
        (exited(0), "to output\nto error\n".into())
    );
    assert_eq!(std::fs::read_to_string(output).unwrap(), "to output\n");
    assert_eq!(std::fs::read_to_string(error).unwrap(), "to error\n");

    let (_, tail) = yard.command("yes | head -c 100000; echo end").await;
    assert!(
        tail.len() <= 4096 && tail.ends_with("y\nend\n"),
        "{} bytes",
        tail.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_work_leaves_no_files() {
    let mut yard = Yard::new();
    for _ in 0..20 {
        assert_eq!(yard.command("/bin/true").await.0, exited(0));
    }
    // Long enough that its files were named meanwhile.
    assert_eq!(
        yard.command("while [ ! -e output/7/21.0.1.out ]; do sleep 0.02; done")
            .await
            .0,
        exited(0)
    );
    let left: Vec<_> = walk(&yard.path("output"));
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn output_over_the_limit_is_cut_and_marked_while_the_work_runs() {
    let mut yard = Yard::with(|config| config.output_bytes_max = 1000);
    // Ends when it sees itself cut.
    let task = yard.task(
        "while ! grep -q 'was cut' output/7/1.0.1.out 2>/dev/null; do echo 0123456789; done; echo after",
    );
    let (ending, tail) = yard.run(&task).await;
    assert_eq!(ending, exited(0));
    let mark = "\n[jobyard: output over 1000 bytes was cut]\n";
    let text = yard.read("output/7/1.0.1.out");
    assert_eq!(
        (text.len(), text.ends_with(mark)),
        (1000 + mark.len(), true),
        "{text}"
    );
    assert!(tail.ends_with(mark));
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
