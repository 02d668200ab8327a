//! `jobyard policy compose`.

use std::path::Path;
use std::process::ExitCode;

use crate::failure::Failure;
use crate::policy;
use crate::policy::args::Compose;

pub(crate) fn main(args: &Compose) -> Result<ExitCode, Failure> {
    let whole = policy::composed(&args.policy, &args.ranker)?;
    let manifest = args.output.with_extension("toml");
    write(&args.output, &whole.bytes)?;
    write(&manifest, whole.manifest.unwrap_or_default().as_bytes())?;
    let bytes = whole.bytes.len();
    println!("{}: {bytes} bytes", args.output.display());
    println!("{}: its manifest", manifest.display());
    Ok(ExitCode::SUCCESS)
}

fn write(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(file, bytes)
        .map_err(|error| Failure::Input(format!("--output {}: {error}", file.display())))
}
