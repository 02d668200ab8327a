//! Why a host could not be made, a component not loaded, settings not taken.

use crate::{Fault, PACKAGE_VERSION, World};

/// A plugin host could not be made.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Wasmtime refused its settings on this machine.
    #[error("cannot set up the WebAssembly engine: {0}")]
    Engine(String),
    /// The thread that measures deadlines could not be started.
    #[error("cannot start the thread that measures deadlines: {0}")]
    Thread(#[from] std::io::Error),
}

/// A component was refused. Each text says what it is, what the host serves, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// No bytes.
    #[error("{name}: the file is empty; a WebAssembly component is wanted")]
    Empty {
        /// The plugin's name.
        name: String,
    },
    /// Larger than the host loads.
    #[error("{name}: {bytes} bytes is more than the {bytes_max} bytes a component may have")]
    TooLarge {
        /// The plugin's name.
        name: String,
        /// How large it is.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Neither a component nor anything like it.
    #[error("{name}: not WebAssembly: it begins with {begins}; a WebAssembly component is wanted")]
    NotWebAssembly {
        /// The plugin's name.
        name: String,
        /// Its first bytes, readable.
        begins: String,
    },
    /// The text format.
    #[error(
        "{name}: this is WebAssembly text; convert it to a binary component first (`wasm-tools parse`)"
    )]
    Text {
        /// The plugin's name.
        name: String,
    },
    /// A core module.
    #[error(
        "{name}: this is a core WebAssembly module, not a component; link it with \
         `wasm-component-ld` or wrap it with `wasm-tools component new`"
    )]
    CoreModule {
        /// The plugin's name.
        name: String,
    },
    /// Compiled code.
    #[error(
        "{name}: this is compiled code, which is not loaded; give the component that it came from"
    )]
    Compiled {
        /// The plugin's name.
        name: String,
    },
    /// It is damaged, or uses what this host does not have.
    #[error("{name}: not a valid component: {reason}")]
    Invalid {
        /// The plugin's name.
        name: String,
        /// What the validator said.
        reason: String,
    },
    /// It exports nothing of ours, or something of another world.
    #[error("{name}: wanted a {wanted}, which exports jobyard:plugin/{}@{PACKAGE_VERSION}; {has}", wanted.export())]
    WrongWorld {
        /// The plugin's name.
        name: String,
        /// What it was to be.
        wanted: World,
        /// What it is, in words.
        has: String,
    },
    /// A ranked policy or a ranker by itself.
    #[error(
        "{name}: this is a {world}, and half of a policy: compose a ranked-policy with a job-ranker, with `jobyard policy compose`"
    )]
    Half {
        /// The plugin's name.
        name: String,
        /// Which half it is.
        world: World,
    },
    /// It was built against another generation of the package.
    #[error(
        "{name}: {direction} {interface}@{version}, and this host serves version {PACKAGE_VERSION} \
         of the world {world}: rebuild it against jobyard:plugin@{PACKAGE_VERSION}"
    )]
    WrongVersion {
        /// The plugin's name.
        name: String,
        /// What it was to be.
        world: World,
        /// `exports` or `imports`.
        direction: &'static str,
        /// The interface, with its package.
        interface: String,
        /// The version that it has.
        version: String,
    },
    /// It asks for more than its world is given.
    #[error(
        "{name}: imports {}, which a {world} is not given (it has {}): build it without, for Rust \
         with the target wasm32-unknown-unknown", imports.join(", "), served.join(", ")
    )]
    NotServed {
        /// The plugin's name.
        name: String,
        /// What it was to be.
        world: World,
        /// What is not served.
        imports: Vec<String>,
        /// What is.
        served: Vec<String>,
    },
    /// Its manifest is about another component.
    #[error("{name}: {reason}")]
    Manifest {
        /// The plugin's name.
        name: String,
        /// Which one it is about.
        reason: String,
    },
    /// Names and versions fit and the types do not.
    #[error(
        "{name}: its types are not those of the world {world} in jobyard:plugin@{PACKAGE_VERSION} \
         ({reason}): rebuild it against the released WIT of that version"
    )]
    WrongTypes {
        /// The plugin's name.
        name: String,
        /// What it was to be.
        world: World,
        /// Which function, and how it differs.
        reason: String,
    },
}

/// Two components could not be made one policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// One of them is not what it should be.
    #[error(transparent)]
    Part(#[from] LoadError),
    /// Each is, and they do not go together.
    #[error(
        "{policy} and {ranker} do not fit together ({reason}): rebuild both against \
         jobyard:plugin@{PACKAGE_VERSION}"
    )]
    Misfit {
        /// The policy's name.
        policy: String,
        /// The ranker's name.
        ranker: String,
        /// Where they differ.
        reason: String,
    },
}

/// A policy instance could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigureError {
    /// The policy does not take these settings, in its own words.
    #[error("settings refused: {0}")]
    Refused(String),
    /// It faulted.
    #[error(transparent)]
    Fault(#[from] Fault),
}
