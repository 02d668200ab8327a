//! The release task `scratch`: removes the job's scratch folder from a node, and refuses to leave anything of it.

mod scratch;

pub use scratch::{Files, remove};

#[cfg(target_arch = "wasm32")]
mod component {
    use jobyard_plugin_sdk::{
        bindings::{
            imports::jobyard::plugin::files, release::exports::jobyard::plugin::release::Guest,
        },
        log,
        work::{Assignment, Exit, Failure},
    };

    struct Host;

    impl crate::Files for Host {
        fn exists(&mut self, path: &str) -> Result<bool, String> {
            files::exists(path)
        }
        fn remove_tree(&mut self, path: &str) -> Result<(), String> {
            files::remove_tree(path)
        }
        fn list_folder(&mut self, path: &str) -> Result<Vec<String>, String> {
            files::list_folder(path)
        }
    }

    struct Component;

    impl Guest for Component {
        fn run(visit: Assignment) -> Result<Exit, Failure> {
            log::install_panic_hook();
            crate::remove(&visit.scratch_folder, &mut Host)
        }
    }

    jobyard_plugin_sdk::bindings::release::export_release!(Component);
}
