//! What `wit/` looks like in Rust: generated, one module a world. Private to this crate: the public types
//! are plain data, so that nobody else has to know wasmtime.

pub(crate) mod policy {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "scheduling-policy",
    });
}

pub(crate) mod filter {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "job-filter",
        with: {
            "jobyard:plugin/log": super::policy::jobyard::plugin::log,
        },
    });
}

pub(crate) mod executor {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "task-executor",
        imports: {
            "jobyard:plugin/process.next": async,
            "jobyard:plugin/files.exists": async,
            "jobyard:plugin/files.create-folder": async,
            "jobyard:plugin/files.remove-tree": async,
            "jobyard:plugin/files.list-folder": async,
        },
        exports: { default: async },
    });
}

pub(crate) mod prepare {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "prepare-task",
        with: {
            "jobyard:plugin/work": super::executor::jobyard::plugin::work,
            "jobyard:plugin/log": super::executor::jobyard::plugin::log,
            "jobyard:plugin/process": super::executor::jobyard::plugin::process,
            "jobyard:plugin/files": super::executor::jobyard::plugin::files,
        },
        exports: { default: async },
    });
}

pub(crate) mod release {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "release-task",
        with: {
            "jobyard:plugin/work": super::executor::jobyard::plugin::work,
            "jobyard:plugin/log": super::executor::jobyard::plugin::log,
            "jobyard:plugin/process": super::executor::jobyard::plugin::process,
            "jobyard:plugin/files": super::executor::jobyard::plugin::files,
        },
        exports: { default: async },
    });
}
