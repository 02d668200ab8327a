//! `jobyard node-process`: holds the work of a `jobyard serve`, and outlives it. See [`jobyard::node::process`].

use std::process::ExitCode;

use jobyard::node::{ProcessConfig, process};
use jobyard::{LocalNode, builtin};

use crate::args::{Common, NodeProcess};
use crate::failure::Failure;
use crate::policy;

pub(crate) fn main(args: &NodeProcess, common: &Common) -> Result<ExitCode, Failure> {
    let data = std::path::absolute(&args.data).map_err(Failure::input)?;
    let host = policy::host(common)?;
    let plugins = builtin::node_plugins(&host).map_err(Failure::work)?;
    let defaults = ProcessConfig::new(LocalNode::this_machine(&data).config);
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::work)?;
    let served = runtime.block_on(process::serve(&data, defaults, plugins));
    served.map_err(Failure::input)?;
    Ok(ExitCode::SUCCESS)
}
