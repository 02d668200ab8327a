//! The release task `command`: runs the job's node release command line on a node, see [`jobyard_plugin_sdk::run`]. None: exit code 0.

#[cfg(target_arch = "wasm32")]
mod component {
    use jobyard_plugin_sdk::{
        bindings::release::exports::jobyard::plugin::release::Guest,
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

    jobyard_plugin_sdk::bindings::release::export_release!(Component);
}
