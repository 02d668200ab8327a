//! `jobyard policy compose`.

use std::process::ExitCode;

use crate::failure::Failure;
use crate::policy;
use crate::policy::args::Compose;

pub(crate) fn main(args: &Compose) -> Result<ExitCode, Failure> {
    let bytes = policy::composed(&args.policy, &args.ranker)?;
    std::fs::write(&args.output, &bytes).map_err(|error| {
        let file = args.output.display();
        Failure::Input(format!("--output {file}: {error}"))
    })?;
    println!("{}: {} bytes", args.output.display(), bytes.len());
    Ok(ExitCode::SUCCESS)
}
