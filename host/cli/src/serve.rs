//! `jobyard serve`: the engine behind a socket, from the lock on its data folder to a clean stop.

pub(crate) mod log;
pub(crate) mod telemetry;
mod watch;

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jobyard::{Builder, Engine};
use jobyard_server::{DataFolder, Service};
use tracing::{error, info, warn};

use self::telemetry::Sender;
use self::watch::watch;
use crate::args::{Common, Serve};
use crate::config::{Config, Wanted, differing, http, regroup, tasks, wanted};
use crate::failure::Failure;
use crate::signals::{Hangups, Signals};
use crate::{filters, folders, policy};

pub(crate) fn main(args: Serve, common: Common) -> Result<ExitCode, Failure> {
    let file = args.config.clone();
    let config = file.as_deref().map(Config::read).transpose()?;
    let config = config.unwrap_or_default();
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::work)?;
    let sender = {
        let _within = runtime.enter();
        Sender::start(&config.telemetry)?
    };
    log::start(config.log, sender.as_ref());
    let (args, common) = config.under(args, common);
    let path = folders::data(args.data.data.as_deref()).ok_or_else(|| {
        Failure::Input("there is no home folder to keep jobs in: name a folder with --data".into())
    })?;
    let folder = DataFolder::claim(&path, args.group.as_deref()).map_err(Failure::input)?;
    let served = serve(&args, &common, folder, (file, config));
    let (folder, failure) = runtime.block_on(served)?;
    if let Some(sender) = sender {
        sender.end();
    }
    // What runs goes on in the node processes, and the next daemon hears of it. The lock goes when all else has gone.
    drop(runtime);
    drop(folder);
    match failure {
        None => Ok(ExitCode::SUCCESS),
        Some(text) => Err(Failure::work(text)),
    }
}

/// Returns when a signal came, or with the reason when the engine stopped by itself.
async fn serve(
    args: &Serve,
    common: &Common,
    folder: DataFolder,
    (file, config): (Option<PathBuf>, Config),
) -> Result<(DataFolder, Option<String>), Failure> {
    // From here on a signal is a request to stop cleanly, or to read the configuration again.
    let mut signals = Signals::listen()?;
    let mut hangups = Hangups::listen()?;
    let run_as = config.tasks.run_as(args.root_tasks);
    let nodes = wanted(&config, args.cores, &run_as, &folder)?;
    let names = nodes.iter().map(|node| node.spec.name.clone()).collect();
    let engine = open_engine(args, common, &folder, &nodes).await?;
    regroup(&engine, &config).await?;
    let differ = differing(&engine, &nodes).await?;
    differ.iter().for_each(|text| warn!("{text}"));
    let mut failed = watch(engine.notices());
    let data = folder.path().to_path_buf();
    let rate = config.http.requests_per_second();
    let service = Service::listen(folder, engine.clone(), names, rate);
    let mut service = service.map_err(Failure::input)?;
    http::listen(&mut service, args.listen.as_deref(), &config.http, &data).await?;
    if let Some(group) = &args.operators {
        service = service.operators(group).map_err(Failure::input)?;
    }
    tasks::say(&run_as);
    ready(&service);

    let mut failure = None;
    let stop = async {
        loop {
            tokio::select! {
                _ = signals.next() => return,
                said = &mut failed => {
                    failure = Some(said.unwrap_or_else(|e| e.to_string()));
                    return;
                }
                () = hangups.next() => reload(&engine, file.as_deref(), &config).await,
            }
        }
    };
    let folder = service.run(stop).await;
    Ok((folder, failure))
}

/// Reads the configuration again and does what can be done while everything goes on: nodes are put into other groups. What is wrong
/// with it is said, and everything stays as it was.
async fn reload(engine: &Engine, file: Option<&Path>, old: &Config) {
    let Some(file) = file else {
        return warn!("there is no configuration to be read again: --config names none");
    };
    let settled = match Config::read(file) {
        Ok(new) => regroup(engine, &new).await.map(|()| new),
        Err(failure) => Err(failure),
    };
    match settled {
        Ok(new) => {
            info!("{} was read again", file.display());
            for key in new.differs_from(old) {
                warn!("{key} is not as it was at the start; that counts from the next start on");
            }
        }
        Err(failure) => error!("everything stays as it was: {failure}"),
    }
}

/// The engine on its journal, with its nodes, each in a process that outlives this one.
async fn open_engine(
    args: &Serve,
    common: &Common,
    folder: &DataFolder,
    nodes: &[Wanted],
) -> Result<Engine, Failure> {
    let mut builder = Engine::builder()
        .plugin_host(policy::host(common)?)
        .data(folder.path());
    for node in nodes {
        let mut process = node.process.clone();
        if let Some(cache) = &common.cache {
            let cache = std::path::absolute(cache).map_err(Failure::input)?;
            process.arguments.extend(["--cache".into(), cache.into()]);
        }
        builder = builder.node_process(node.spec.clone(), process);
    }
    let builder = with_components(builder, args)?;
    builder.build().await.map_err(Failure::input)
}

/// The policy and the filters that were chosen. Without a word the policy that was in force is in force again.
pub(crate) fn with_components(mut builder: Builder, args: &Serve) -> Result<Builder, Failure> {
    if args.policy.policy.is_some() {
        let chosen = policy::choose(&args.policy)?;
        builder = builder.policy(chosen.name, chosen.bytes);
        if let Some(manifest) = chosen.manifest {
            builder = builder.policy_manifest(manifest);
        }
    }
    for (name, value) in &args.policy.settings {
        builder = builder.setting(name, value);
    }
    for filter in filters::choose(&args.filters)? {
        builder = builder.filter(filter.name, filter.bytes, filter.settings);
    }
    Ok(builder)
}

/// Tells people, and a service manager that asked for it (`sd_notify`), that requests are taken.
fn ready(service: &Service) {
    let socket = service.socket();
    let socket = socket.display();
    info!(%socket, "ready on {socket}");
    if let Some(address) = std::env::var_os("NOTIFY_SOCKET")
        && let Err(error) = notify(&address.into_vec())
    {
        warn!("the service manager could not be told: {error}");
    }
}

/// An address that begins with `@` is abstract: it is in no file system.
fn notify(address: &[u8]) -> io::Result<()> {
    let address = match address.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(address))?,
    };
    UnixDatagram::unbound()?
        .send_to_addr(b"READY=1", &address)
        .map(drop)
}
