//! What is tested: something that makes fresh policy instances. A component through the plugin host, or native code.

use jobyard_kernel::{Changes, Instant, Plan};
use jobyard_plugin::{ConfigureError, Limits, Plugin, PolicyInstance};

/// Names and values, of settings or of what a policy says of itself.
pub type Settings = Vec<(String, String)>;

/// Why an instance could not be had, or does not take settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// The policy refuses them, in its own words.
    #[error("{0}")]
    Refused(String),
    /// It faulted.
    #[error("{0}")]
    Faulted(String),
}

/// Makes instances of one policy.
pub trait Subject {
    /// A new instance that has been told nothing but these settings, all of them.
    ///
    /// # Errors
    /// The policy does not take them, or faults.
    fn fresh(&self, settings: &[(String, String)]) -> Result<Box<dyn Instance>, NotTaken>;
}

/// One instance: the contract of `wit/policy.wit`.
pub trait Instance {
    /// What it said of itself when it took its settings.
    fn traits(&self) -> &[(String, String)];

    /// Gives it other settings, all of them.
    ///
    /// # Errors
    /// It does not take them, and those that were in force stay; or it faults.
    fn configure(&mut self, settings: &[(String, String)]) -> Result<(), NotTaken>;

    /// One pass.
    ///
    /// # Errors
    /// A fault, in one line. The instance is not called again.
    fn schedule(&mut self, now: Instant, changes: Changes) -> Result<Plan, String>;

    /// What it holds of memory, in bytes, where that is known.
    fn memory_bytes(&self) -> Option<usize> {
        None
    }
}

/// A policy component, as the host runs it.
#[derive(Debug, Clone)]
pub struct Component {
    plugin: Plugin,
    limits: Limits,
}

impl Component {
    /// Of the world `scheduling-policy`, with the limits of each call.
    pub fn new(plugin: Plugin, limits: Limits) -> Self {
        Self { plugin, limits }
    }
}

impl Subject for Component {
    fn fresh(&self, settings: &[(String, String)]) -> Result<Box<dyn Instance>, NotTaken> {
        let instance = self.plugin.policy(self.limits, settings).map_err(not_taken);
        instance.map(|instance| Box::new(instance) as Box<dyn Instance>)
    }
}

impl Instance for PolicyInstance {
    fn traits(&self) -> &[(String, String)] {
        self.traits()
    }

    fn configure(&mut self, settings: &[(String, String)]) -> Result<(), NotTaken> {
        self.configure(settings).map_err(not_taken)
    }

    fn schedule(&mut self, now: Instant, changes: Changes) -> Result<Plan, String> {
        self.schedule(now, changes)
            .map_err(|fault| fault.to_string())
    }

    fn memory_bytes(&self) -> Option<usize> {
        Some(self.memory_bytes())
    }
}

fn not_taken(error: ConfigureError) -> NotTaken {
    match error {
        ConfigureError::Refused(text) => NotTaken::Refused(text),
        ConfigureError::Fault(fault) => NotTaken::Faulted(fault.to_string()),
    }
}
