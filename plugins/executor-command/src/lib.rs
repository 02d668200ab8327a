//! The task executor `command`: runs the command line of a task, see [`jobyard_plugin_sdk::run`].

#[cfg(target_arch = "wasm32")]
mod component {
    use jobyard_plugin_sdk::{
        bindings::executor::exports::jobyard::plugin::executor::Guest,
        log, run,
        work::{Assignment, Exit, Failure},
    };

    struct Component;

    impl Guest for Component {
        fn run(task: Assignment) -> Result<Exit, Failure> {
            log::install_panic_hook();
            run::run(task, &mut run::Host)
        }
    }

    jobyard_plugin_sdk::bindings::executor::export_executor!(Component);
}
