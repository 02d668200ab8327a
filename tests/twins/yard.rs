//! A node with jobs of some accounts that come, run and end: sends what the host would, columns too, and believes what a policy starts.

use jobyard_kernel::{
    AllocationRow, Changes, Column, ColumnValues, Decision, JobId, JobRow, NodeId, NodeRow, Plan,
    SetId, Share,
};

const CORES: u32 = 64;
const NODE: NodeId = NodeId(1);
const MINUTE: f64 = 60e6;
const PROJECTS: [&str; 3] = ["red", "blue", ""];
const OWNERS: [&str; 3] = ["ann", "bob", "cid"];

/// The node and its jobs.
pub(crate) struct Yard {
    random: u64,
    now: f64,
    next_job: u32,
    free: u32,
    /// What the policy does not know yet.
    changes: Changes,
    /// Jobs that run: when they end, and their cores.
    running: Vec<(f64, JobId, u32)>,
    queued: Vec<JobRow>,
}

impl Yard {
    /// An idle node, and the first jobs.
    pub(crate) fn new(seed: u64) -> Yard {
        let mut yard = Yard {
            random: seed,
            now: 1_000.0 * MINUTE,
            next_job: 1,
            free: CORES,
            changes: Changes::default(),
            running: Vec::new(),
            queued: Vec::new(),
        };
        yard.accounts();
        (0..40).for_each(|_| yard.arrival());
        yard
    }

    pub(crate) fn now(&self) -> f64 {
        self.now
    }

    /// What changed since this was last called.
    pub(crate) fn changes(&mut self) -> Changes {
        let node = NodeRow {
            id: NODE,
            state: 0,
            cores: CORES,
            free_cores: self.free,
            sockets: 1,
            gpus: 0,
            free_gpus: 0,
            memory: 0,
        };
        self.changes.nodes.push(node);
        std::mem::take(&mut self.changes)
    }

    /// Starts what the plan starts, and answers how many jobs that were.
    pub(crate) fn carry_out(&mut self, plan: &Plan) -> usize {
        let mut started = 0;
        for decision in &plan.decisions {
            let Decision::Start { job, shares } = decision else {
                continue;
            };
            let at = self.queued.iter().position(|row| row.id == *job);
            let row = self.queued.remove(at.expect("it is queued"));
            let cores: u32 = shares.iter().map(|share| share.cores).sum();
            self.free = self.free.checked_sub(cores).expect("there are so many");
            let runs = row.walltime / f64::from(1 + self.below(3));
            self.running.push((self.now + runs, *job, cores));
            self.changes.allocations.push(AllocationRow {
                job: *job,
                state: 1,
                demand: row.min,
                share_count: 1,
                started: self.now,
            });
            self.changes.shares.push(Share {
                node: NODE,
                cores,
                gpus: 0,
            });
            started += 1;
        }
        started
    }

    /// Some time passes: jobs end and come, accounts have used more.
    pub(crate) fn step(&mut self) {
        self.now += f64::from(1 + self.below(20)) * MINUTE;
        let now = self.now;
        // What the policy has not been told of yet goes on.
        let told = |job: JobId| self.changes.allocations.iter().all(|row| row.job != job);
        let (ended, running) =
            (self.running.iter()).partition(|(end, job, _)| *end <= now && told(*job));
        self.running = running;
        let ended: Vec<(f64, JobId, u32)> = ended;
        for (_, job, cores) in ended {
            self.free += cores;
            self.changes.removed_jobs.push(job);
        }
        (0..self.below(6)).for_each(|_| self.arrival());
        self.accounts();
    }

    fn arrival(&mut self) {
        let id = JobId(self.next_job);
        self.next_job += 1;
        let min = 1 + self.below(CORES / 2);
        let row = JobRow {
            id,
            flags: 0,
            priority: [1000, 2000, 2000, 3000][self.below(4) as usize],
            unit: 0,
            min,
            max: min,
            demand: min,
            candidates: SetId(0),
            position: f64::from(id.0),
            submitted: self.now,
            walltime: f64::from(1 + self.below(120)) * MINUTE,
        };
        self.changes.jobs.push(row);
        self.queued.push(row);
        let (project, owner) = (self.below(3) as usize, self.below(3) as usize);
        self.text("job.project", PROJECTS[project]);
        self.text("job.owner", OWNERS[owner]);
        let deadline = self.now + f64::from(self.below(300)) * MINUTE;
        let deadline = if self.below(2) == 0 {
            String::new()
        } else {
            deadline.to_string()
        };
        self.text("job.custom.Deadline", &deadline);
    }

    fn accounts(&mut self) {
        for project in PROJECTS {
            for owner in OWNERS {
                // Not all of them have changed.
                if self.below(2) == 0 {
                    self.text("account.project", project);
                    self.text("account.owner", owner);
                    let (used, cores) = (self.below(1_000_000), self.below(CORES));
                    self.number("account.used", f64::from(used) / 7.0);
                    let at = self.now - f64::from(self.below(90)) * MINUTE;
                    self.number("account.at", at);
                    self.number("account.cores", f64::from(cores));
                }
            }
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        if let ColumnValues::Texts(texts) = self.column(name, ColumnValues::Texts(Vec::new())) {
            texts.push(text.to_owned());
        }
    }

    fn number(&mut self, name: &str, number: f64) {
        if let ColumnValues::Numbers(numbers) = self.column(name, ColumnValues::Numbers(Vec::new()))
        {
            numbers.push(number);
        }
    }

    fn column(&mut self, name: &str, empty: ColumnValues) -> &mut ColumnValues {
        let columns = &mut self.changes.columns;
        let at = columns.iter().position(|column| column.name == name);
        let at = at.unwrap_or_else(|| {
            columns.push(Column {
                name: name.to_owned(),
                values: empty,
            });
            columns.len() - 1
        });
        &mut columns[at].values
    }

    /// Numbers that look random and are the same in every run.
    fn below(&mut self, end: u32) -> u32 {
        self.random = self
            .random
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((self.random >> 33) % u64::from(end)) as u32
    }
}
