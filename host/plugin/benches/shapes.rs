//! Two shapes for the jobs of a pass: a list of records, or a record of columns. The fields are those of
//! `wit/policy.wit`; the guest sums three of them. What it showed is in `wit/RATIONALE.md`.

use std::path::Path;

use divan::Bencher;
use divan::counter::ItemsCount;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};

mod bindings {
    wasmtime::component::bindgen!({
        inline: "
            package bench:shapes;
            interface shapes {
                record share { node: u32, cores: u32, gpus: u32 }
                record job {
                    id: u32, state: u8, %flags: u32, priority: u32, position: f64, submitted: f64,
                    started: f64, walltime: f64, unit: u8, min: u32, max: u32, demand: u32,
                    candidates: u32, shares: list<share>,
                }
                record jobs {
                    id: list<u32>, state: list<u8>, %flags: list<u32>, priority: list<u32>,
                    position: list<f64>, submitted: list<f64>, started: list<f64>,
                    walltime: list<f64>, unit: list<u8>, min: list<u32>, max: list<u32>,
                    demand: list<u32>, candidates: list<u32>, share-count: list<u32>,
                    share-node: list<u32>, share-cores: list<u32>, share-gpus: list<u32>,
                }
                records: func(jobs: list<job>) -> f64;
                columns: func(jobs: jobs) -> f64;
            }
            world bench { export shapes; }",
    });
}

use bindings::Bench;
use bindings::exports::bench::shapes::shapes::{Job, Jobs};

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

fn main() {
    divan::main();
}

#[divan::bench(args = SIZES, sample_count = 50)]
fn records(bencher: Bencher<'_, '_>, size: usize) {
    let (mut store, bench) = instance();
    let jobs = many_records(size);
    let expected = sum(&jobs);
    bencher.counter(ItemsCount::new(size)).bench_local(|| {
        let shapes = bench.bench_shapes_shapes();
        assert_eq!(shapes.call_records(&mut store, &jobs).unwrap(), expected);
    });
}

#[divan::bench(args = SIZES, sample_count = 50)]
fn columns(bencher: Bencher<'_, '_>, size: usize) {
    let (mut store, bench) = instance();
    let records = many_records(size);
    let (jobs, expected) = (many_columns(&records), sum(&records));
    bencher.counter(ItemsCount::new(size)).bench_local(|| {
        let shapes = bench.bench_shapes_shapes();
        assert_eq!(shapes.call_columns(&mut store, &jobs).unwrap(), expected);
    });
}

fn many_records(size: usize) -> Vec<Job> {
    (0..size as u32)
        .map(|n| Job {
            id: n,
            state: 0,
            flags: n % 32,
            priority: n % 4001,
            position: n.into(),
            submitted: 1e15 + f64::from(n),
            started: 0.0,
            walltime: f64::from(n % 86_400) * 1e6,
            unit: 0,
            min: 1 + n % 64,
            max: 64,
            demand: 1 + n % 64,
            candidates: 0,
            shares: Vec::new(),
        })
        .collect()
}

fn many_columns(jobs: &[Job]) -> Jobs {
    macro_rules! column {
        ($name:ident) => {
            jobs.iter().map(|job| job.$name).collect()
        };
    }
    Jobs {
        id: column!(id),
        state: column!(state),
        flags: column!(flags),
        priority: column!(priority),
        position: column!(position),
        submitted: column!(submitted),
        started: column!(started),
        walltime: column!(walltime),
        unit: column!(unit),
        min: column!(min),
        max: column!(max),
        demand: column!(demand),
        candidates: column!(candidates),
        share_count: vec![0; jobs.len()],
        share_node: Vec::new(),
        share_cores: Vec::new(),
        share_gpus: Vec::new(),
    }
}

fn sum(jobs: &[Job]) -> f64 {
    let of = |job: &Job| f64::from(job.priority) + job.walltime + f64::from(job.min);
    jobs.iter().fold(0.0, |sum, job| sum + of(job))
}

fn instance() -> (Store<()>, Bench) {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true);
    let engine = Engine::new(&config).unwrap();
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/shapes.wat");
    let component = Component::from_binary(&engine, &wat::parse_file(guest).unwrap()).unwrap();
    let mut store = Store::new(&engine, ());
    store.set_epoch_deadline(u64::MAX / 2);
    let bench = Bench::instantiate(&mut store, &component, &Linker::new(&engine)).unwrap();
    (store, bench)
}
