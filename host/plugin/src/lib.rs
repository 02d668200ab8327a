//! Loads and runs plugins: the only crate that names wasmtime.
//!
//! A [`PluginHost`] turns the bytes of a component into a [`Plugin`], or says in one line why not. A policy's
//! instances are made by [`Plugin::policy`], and kept alive through faults by [`recovery::PolicySlot`]; work on a node is
//! done by [`Plugin::run`] with what the node grants through [`Processes`]. Every call has a limit of memory, time and words
//! ([`Limits`]); what a plugin does wrong ends that call with a [`Fault`] and nothing else.
//!
//! A ranked policy and a ranker are made one policy by [`compose`].
//!
//! Called by the engine (policies), the node (work) and the simulator. It knows nothing of jobs beyond the kernel's
//! plain data, and decides nothing.
//!
//! ```
//! use jobyard_plugin::{PluginHost, World};
//!
//! let host = PluginHost::new(None)?;
//! let refused = host.load("fair", b"#!/bin/sh", World::SchedulingPolicy).unwrap_err();
//! assert!(refused.to_string().starts_with("fair: not WebAssembly"));
//! # Ok::<(), jobyard_plugin::HostError>(())
//! ```

mod bindings;
mod cache;
mod changes;
mod compose;
mod convert;
mod digest;
mod error;
mod fault;
mod filter;
mod host;
mod inspect;
mod instance;
mod limits;
mod log;
mod manifest;
mod mapping;
mod memory;
mod policy;
mod policy_memory;
pub mod recovery;
mod rows;
mod schema;
mod text;
mod ticker;
mod work;
mod world;

pub use cache::CacheRefusal;
pub use compose::{Part, compose};
pub use digest::{Half, HalfOf, digest_of, half_of};
pub use error::{ComposeError, ConfigureError, HostError, LoadError};
pub use fault::{Fault, FaultKind, FaultReport};
pub use filter::{Answered, FilterSlot};
pub use host::{Plugin, PluginHost};
pub use limits::{
    BACKTRACE_FRAMES_MAX, COMPONENT_BYTES_MAX, DECISIONS_MAX, FAULT_LOG_LINES_MAX,
    FILTER_ANSWER_BYTES_MAX, LOG_LINES_MAX, LOG_MESSAGE_BYTES_MAX, Limits, POLICY_ANSWER_BYTES_MAX,
    PROCESSES_MAX, SHARES_MAX, TEXT_BYTES_MAX, TRAITS_MAX, WORK_ANSWER_BYTES_MAX,
};
pub use log::{LogLevel, LogLine};
pub use manifest::{MANIFEST_BYTES_MAX, Manifest, ManifestError};
pub use policy::PolicyInstance;
pub use recovery::{PassOutcome, PolicyChoice, PolicySlot, SwapError};
pub use schema::{BadSetting, Schema, SchemaError};
pub use work::{Input, Output, ProcessCommand, ProcessEvent, Processes, WorkExit, WorkFailure};
pub use world::{PACKAGE, PACKAGE_VERSION, World};
