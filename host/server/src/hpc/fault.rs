//! What is answered when a request is not carried out: HPC Pack's fault, made of the problem that the rest of the server would answer.

use serde::Serialize;

use crate::Problem;

/// The number where HPC Pack has none that fits: its own for an error that is not known.
const UNKNOWN: u32 = 0x0FF0_0000;

/// HPC Pack's numbers for problems, by their codes.
const CODES: &[(&str, u32)] = &[
    ("ForAdministrators", 0x8004_020B),
    ("Invalid", 0x8004_05E8),
    ("InvalidCancelJobState", 0x8004_0208),
    ("InvalidHold", 0x8004_02CB),
    ("InvalidTaskState", 0x8004_0209),
    ("JobDeletionForbidden", 0x8004_0250),
    ("MayNotAdd", 0x8004_020B),
    ("MessageTooLong", 0x8004_02D3),
    ("NotRerunnable", 0x8004_0612),
    ("PermissionDenied", 0x8004_020B),
    ("TemplateForbidden", 0x8004_0219),
    ("UnknownInstance", 0x8004_0207),
    ("UnknownJob", 0x8004_0206),
    ("UnknownTask", 0x8004_0207),
];

/// `HpcWebServiceFault`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Fault {
    /// HPC Pack's number, signed as its clients have it.
    code: i32,
    message: String,
    values: Vec<Entry>,
}

/// A key and a value.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    key: &'static str,
    value: String,
}

impl Fault {
    pub(super) fn of(problem: Problem) -> Fault {
        let code = CODES.iter().find(|(code, _)| *code == problem.code);
        Fault {
            code: code.map_or(UNKNOWN, |(_, number)| *number).cast_signed(),
            message: problem.detail,
            values: vec![Entry {
                key: "Code",
                value: problem.code,
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_problems_have_hpc_packs_numbers() {
        assert!(CODES.is_sorted());
        let code = |code: &str| Fault::of(Problem::bad(code, "")).code;
        assert_eq!(code("InvalidCancelJobState"), -2_147_220_984);
        assert_eq!(code("BadQuery"), 267_386_880);
    }
}
