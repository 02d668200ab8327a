//! Tiny job filters in the text format, as `wat.rs` has policies.

use crate::wat::{Bytes, DATA, LOG, ZEROS, component, memory};

/// A guest of a world of filters.
pub(crate) struct Filter {
    /// Body of `configure(settings pointer, settings length) -> pointer`.
    pub configure: String,
    /// Body of `check(now, job …) -> pointer` of the interface `submission`; none: it is not exported.
    pub submission: Option<String>,
    /// Body of `revert(now, job …)`.
    pub revert: String,
    /// Body of `check(now, candidate …) -> pointer` of the interface `activation`; none: it is not exported.
    pub activation: Option<String>,
    /// More functions and globals.
    pub extra: String,
    /// Lies at [`DATA`].
    pub data: Bytes,
    /// Type of an answer's code, to get it wrong.
    pub code: &'static str,
}

impl Default for Filter {
    /// Takes any settings, looks at everything and lets it pass.
    fn default() -> Self {
        Filter {
            configure: ZEROS.to_owned(),
            submission: Some(ZEROS.to_owned()),
            revert: String::new(),
            activation: Some(ZEROS.to_owned()),
            extra: String::new(),
            data: Bytes::default(),
            code: "u32",
        }
    }
}

impl Filter {
    /// A filter that does this for each job that is about to start.
    pub(crate) fn doing(activation: &str) -> Self {
        Filter {
            activation: Some(activation.to_owned()),
            ..Filter::default()
        }
    }

    /// The binary component.
    pub(crate) fn build(&self) -> Vec<u8> {
        let Filter {
            configure,
            revert,
            extra,
            code,
            ..
        } = self;
        let (data, memory) = (self.data.wat(), memory(2));
        let check = self.submission.as_deref().unwrap_or(ZEROS);
        let start = self.activation.as_deref().unwrap_or(ZEROS);
        let lifted = |types: &str, function: &str| {
            format!(
                r#"(func ${function} {types} (canon lift (core func $guest "{function}")
                     (memory (core memory $memory "memory")) (realloc (core func $memory "realloc"))))"#
            )
        };
        let job = r#"(param "now" f64) (param "job" $job)"#;
        let functions = [
            lifted(
                r#"(param "settings" (list (tuple string string)))
                   (result (result (list (tuple string string)) (error string)))"#,
                "configure",
            ),
            lifted(&format!("{job} (result $verdict)"), "check"),
            lifted(job, "revert"),
            lifted(
                r#"(param "now" f64) (param "candidate" $candidate) (result $answer)"#,
                "start",
            ),
        ]
        .concat();
        let interface = |is: bool, text: &'static str| if is { text } else { "" };
        let submission = interface(
            self.submission.is_some(),
            r#"(instance $submission (export "check" (func $check)) (export "revert" (func $revert)))
               (export "jobyard:plugin/submission@0.1.0" (instance $submission))"#,
        );
        let activation = interface(
            self.activation.is_some(),
            r#"(instance $activation (export "check" (func $start)))
               (export "jobyard:plugin/activation@0.1.0" (instance $activation))"#,
        );
        component(&format!(
            r#"(component {LOG} {memory}
              (core func $log (canon lower (func $logs "log") (memory (core memory $memory "memory"))))
              (core module $guest
                (import "memory" "memory" (memory 1))
                (import "host" "log" (func $log (param i32 i32 i32)))
                (data (i32.const {DATA}) "{data}")
                {extra}
                (func (export "configure") (param i32 i32) (result i32) {configure})
                (func (export "check") (param f64 {JOB}) (result i32) {check})
                (func (export "revert") (param f64 {JOB}) {revert})
                (func (export "start") (param f64 {JOB} i32 i32 i32 i32 i32 i32 i32) (result i32) {start}))
              (core instance $guest (instantiate $guest
                (with "memory" (instance $memory))
                (with "host" (instance (export "log" (func $log))))))
              {TYPES}
              (type $answer-type (record (field "code" {code}) (field "until" f64) (field "text" string)))
              (export $answer "answer" (type $answer-type))
              {functions}
              (instance $filter (export "configure" (func $configure)))
              (export "jobyard:plugin/filter@0.1.0" (instance $filter))
              {submission} {activation})"#
        ))
    }
}

/// A job as parameters.
const JOB: &str = "i32 i32 i32 i32 i32";

/// The types of `wit/filter.wit`, but for `answer`.
const TYPES: &str = r#"
(type $property (tuple string string))
(type $job-type (record (field "id" u32)
  (field "properties" (list $property)) (field "tasks" (list (list $property)))))
(export $job "job" (type $job-type))
(type $holder-type (record (field "id" u32) (field "units" u32) (field "properties" (list $property))))
(export $holder "holder" (type $holder-type))
(type $change-type (record (field "task" u32) (field "name" string) (field "value" string)))
(export $change "change" (type $change-type))
(type $verdict-type (variant (case "accept") (case "change" (list $change)) (case "reject" string)))
(export $verdict "verdict" (type $verdict-type))
(type $candidate-type (record (field "job" $job) (field "pass" u32) (field "index" u32)
  (field "backfill" bool) (field "growing" bool) (field "units" u32) (field "holders" (list $holder))))
(export $candidate "candidate" (type $candidate-type))"#;
