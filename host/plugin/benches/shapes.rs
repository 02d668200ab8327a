//! Two shapes for the jobs of a pass: a list of records, or a record of columns; and the records twice, as the generated types
//! lower them and as the host does. The fields are those of `wit/policy.wit`; the guest sums three of them. What
//! it showed is in `wit/RATIONALE.md`.

use std::path::Path;

use divan::Bencher;
use divan::counter::ItemsCount;
use jobyard_kernel::{JobId, JobRow, SetId};
use wasmtime::component::{Component, Linker, TypedFunc};
use wasmtime::{Config, Engine, Store};

mod bindings {
    wasmtime::component::bindgen!({
        inline: "
            package bench:shapes;
            interface shapes {
                record job {
                    id: u32, %flags: u32, priority: u32, unit: u32, min: u32, max: u32, demand: u32,
                    candidates: u32, position: f64, submitted: f64, walltime: f64,
                }
                record jobs {
                    id: list<u32>, %flags: list<u32>, priority: list<u32>, unit: list<u32>,
                    min: list<u32>, max: list<u32>, demand: list<u32>, candidates: list<u32>,
                    position: list<f64>, submitted: list<f64>, walltime: list<f64>,
                }
                records: func(jobs: list<job>) -> f64;
                columns: func(jobs: jobs) -> f64;
            }
            world bench { export shapes; }",
    });
}

#[path = "../src/rows.rs"]
mod rows_of_the_host;

use bindings::Bench;
use bindings::exports::bench::shapes::shapes::{Job, Jobs};
use rows_of_the_host::Rows;

const SIZES: [usize; 3] = [1_000, 10_000, 100_000];

fn main() {
    divan::main();
}

#[divan::bench(args = SIZES, sample_count = 50)]
fn records(bencher: Bencher<'_, '_>, size: usize) {
    let (mut store, bench, _) = instance();
    let jobs = many_records(size);
    let expected = sum(&jobs);
    bencher.counter(ItemsCount::new(size)).bench_local(|| {
        let shapes = bench.bench_shapes_shapes();
        assert_eq!(shapes.call_records(&mut store, &jobs).unwrap(), expected);
    });
}

/// The same function of the guest, with rows as the host writes them.
#[divan::bench(args = SIZES, sample_count = 50)]
fn rows(bencher: Bencher<'_, '_>, size: usize) {
    let (mut store, _, records) = instance();
    let jobs = many_records(size);
    let expected = sum(&jobs);
    let jobs = jobs.iter().map(row).collect::<Vec<_>>();
    bencher
        .counter(ItemsCount::new(size))
        .with_inputs(|| Rows(jobs.clone()))
        .bench_local_values(|rows| {
            assert_eq!(records.call(&mut store, (rows,)).unwrap(), (expected,));
        });
}

#[divan::bench(args = SIZES, sample_count = 50)]
fn columns(bencher: Bencher<'_, '_>, size: usize) {
    let (mut store, bench, _) = instance();
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
            flags: n % 32,
            priority: n % 4001,
            unit: 0,
            min: 1 + n % 64,
            max: 64,
            demand: 1 + n % 64,
            candidates: 0,
            position: n.into(),
            submitted: 1e15 + f64::from(n),
            walltime: f64::from(n % 86_400) * 1e6,
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
        flags: column!(flags),
        priority: column!(priority),
        unit: column!(unit),
        min: column!(min),
        max: column!(max),
        demand: column!(demand),
        candidates: column!(candidates),
        position: column!(position),
        submitted: column!(submitted),
        walltime: column!(walltime),
    }
}

fn row(job: &Job) -> JobRow {
    JobRow {
        id: JobId(job.id),
        flags: job.flags,
        priority: job.priority,
        unit: job.unit,
        min: job.min,
        max: job.max,
        demand: job.demand,
        candidates: SetId(job.candidates),
        position: job.position,
        submitted: job.submitted,
        walltime: job.walltime,
    }
}

fn sum(jobs: &[Job]) -> f64 {
    let of = |job: &Job| f64::from(job.priority) + job.walltime + f64::from(job.min);
    jobs.iter().fold(0.0, |sum, job| sum + of(job))
}

type Records = TypedFunc<(Rows<JobRow>,), (f64,)>;

fn instance() -> (Store<()>, Bench, Records) {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true);
    let engine = Engine::new(&config).unwrap();
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/shapes.wat");
    let component = Component::from_binary(&engine, &wat::parse_file(guest).unwrap()).unwrap();
    let mut store = Store::new(&engine, ());
    store.set_epoch_deadline(u64::MAX / 2);
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    let bench = Bench::new(&mut store, &instance).unwrap();
    let shapes = instance.get_export_index(&mut store, None, "bench:shapes/shapes");
    let records = instance.get_export_index(&mut store, shapes.as_ref(), "records");
    let records = instance
        .get_typed_func(&mut store, records.unwrap())
        .unwrap();
    (store, bench, records)
}
