//! `jobyard config check`: whether a daemon could be started with a configuration.
//!
//! Everything is tried on an engine in memory that has no node process: components are compiled and take their settings, nodes are
//! added. Nothing is written but compiled components.

use std::process::ExitCode;

use jobyard::kernel::Command;
use jobyard::{Engine, LocalNode};
use jobyard_server::check_group;

use super::Config;
use crate::args::{Common, ConfigCheck};
use crate::failure::Failure;
use crate::serve::with_components;
use crate::{filters, folders, policy};

pub(crate) fn main(args: ConfigCheck, common: Common) -> Result<ExitCode, Failure> {
    let path = args.config.display().to_string();
    let config = Config::read(&args.config)?;
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::work)?;
    let checked = runtime.block_on(check(&config, common));
    let text = checked.map_err(|failure| match failure {
        Failure::Input(text) => Failure::Input(format!("{path}: {text}")),
        other => other,
    })?;
    println!("{path}: nothing is wrong with it\n{text}");
    Ok(ExitCode::SUCCESS)
}

/// What there would be, a line each.
async fn check(config: &Config, common: Common) -> Result<String, Failure> {
    let (args, common) = config.under(crate::args::Serve::default(), common);
    for group in [&args.group, &args.operators].into_iter().flatten() {
        check_group(group).map_err(Failure::input)?;
    }
    let builder = Engine::builder().plugin_host(policy::host(&common)?);
    let builder = with_components(builder, &args)?;
    let engine = builder.build().await.map_err(Failure::input)?;
    let mut text = match folders::data(args.data.data.as_deref()) {
        Some(data) => format!("data    {}\n", data.display()),
        None => String::new(),
    };
    let policy = args.policy.policy.as_deref();
    let policy = policy.unwrap_or("the one that was in force, at first backfill");
    text += &format!("policy  {policy}\n");
    for filter in &args.filters.filters {
        text += &format!("filter  {}\n", filters::name_of(filter));
    }
    for node in config.pool() {
        let spec = node.over(LocalNode::this_machine("").spec);
        text += &format!(
            "node    {}: {} cores, {} sockets, {} GPUs, {} MiB{}\n",
            spec.name,
            spec.cores,
            spec.sockets,
            spec.gpus,
            spec.memory_mb,
            match &spec.groups[..] {
                [] => String::new(),
                groups => format!(", in {}", groups.join(", ")),
            }
        );
        let added = engine.command(Command::AddNode(spec)).await;
        added.map_err(Failure::input)?;
    }
    engine.shutdown(std::time::Duration::ZERO).await;
    Ok(text.trim_end().to_string())
}
