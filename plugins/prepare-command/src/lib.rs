//! The prepare task `command`: runs the job's node prepare command line on a node, see [`jobyard_plugin_sdk::run`]. None: exit code 0.

#[cfg(target_arch = "wasm32")]
mod component {
    use jobyard_plugin_sdk::{
        bindings::prepare::exports::jobyard::plugin::prepare::Guest,
        log, run,
        work::{Assignment, Exit, Failure},
    };

    struct Component;

    impl Guest for Component {
        fn run(visit: Assignment) -> Result<Exit, Failure> {
            log::install_panic_hook();
            run::run(visit, &mut run::Host)
        }
    }

    jobyard_plugin_sdk::bindings::prepare::export_prepare!(Component);
}
