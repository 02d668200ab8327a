//! Words for the people who run the host: the `log` interface, and what makes a panic's message reach it.
//!
//! Natively (tests, benches) nothing is written.

pub use crate::bindings::imports::jobyard::plugin::log::Level;

/// Writes one message to the host's log. The host cuts it after 4,096 bytes.
pub fn log(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::bindings::imports::jobyard::plugin::log::log(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    let _ = (level, message);
}

/// Something failed; a person should look.
pub fn error(message: &str) {
    log(Level::Error, message);
}

/// Something is odd, and the work went on.
pub fn warn(message: &str) {
    log(Level::Warn, message);
}

/// What a person may want to know of an ordinary run.
pub fn info(message: &str) {
    log(Level::Info, message);
}

/// What only the plugin's author wants to know.
pub fn debug(message: &str) {
    log(Level::Debug, message);
}

/// Makes the message of a panic a log line, so that the report of the fault shows it: the trap itself says `unreachable`
/// only. The guest layer calls this first in every export; from the second time on it does nothing.
pub fn install_panic_hook() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|info| error(&info.to_string()))));
}
