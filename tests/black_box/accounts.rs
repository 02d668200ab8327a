//! What a guest makes of the accounts that it is told is what the kernel has, to the last bit.

use std::sync::Arc;

use jobyard_kernel::{self as kernel, Command, Decision, JobId, NodeId, Timestamp, step};
use jobyard_plugin_sdk::accounts::{Accounts, COLUMNS};
use jobyard_plugin_sdk::policy::{Changes, Column, ColumnValues};

/// The columns as a guest gets them.
fn told(changes: kernel::Changes) -> Changes {
    let column = |column: kernel::Column| Column {
        name: column.name,
        values: match column.values {
            kernel::ColumnValues::Numbers(numbers) => ColumnValues::Numbers(numbers),
            kernel::ColumnValues::Texts(texts) => ColumnValues::Texts(texts),
        },
    };
    Changes {
        columns: changes.columns.into_iter().map(column).collect(),
        ..Changes::default()
    }
}

#[test]
fn a_guest_knows_what_the_kernel_knows() {
    let mut state = kernel::State::new();
    let mut mirror = kernel::Mirror::new();
    mirror.wants(kernel::Columns::parse(&COLUMNS.join(",")).unwrap());
    let mut accounts = Accounts::default();
    let (mut now, mut random) = (1_700_000_000_000_000_u64, 7_u64);
    let mut below = |n: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % n
    };
    let root = kernel::Actor::administrator("root");
    let act =
        |state: &mut kernel::State, mirror: &mut kernel::Mirror, now: u64, command: Command| {
            let mut events = Vec::new();
            step(state, &command, Timestamp(now), &mut events)
                .unwrap_or_else(|error| panic!("{error}"));
            events.iter().for_each(|event| mirror.note(state, event));
        };
    let half_life = kernel::Span::from_secs(3_600);
    let parameters = kernel::Parameters {
        fair_share_half_life: half_life,
        ..kernel::Parameters::default()
    };
    act(
        &mut state,
        &mut mirror,
        now,
        Command::SetParameters(parameters),
    );
    let node = kernel::NodeSpec {
        name: "n1".into(),
        cores: 64,
        sockets: 1,
        ..kernel::NodeSpec::default()
    };
    act(&mut state, &mut mirror, now, Command::AddNode(node));

    let (mut running, mut compared, mut forgotten) = (Vec::new(), 0, 0);
    for turn in 0..3_000 {
        // Now and then nothing happens for long, and those who used little are forgotten.
        now += match below(100) {
            0 => 40 * half_life.0,
            _ => below(100_000_000),
        };
        if running.len() < 12 && below(2) == 0 {
            let cores = 1 + below(5) as u32;
            let spec = kernel::JobSpec {
                owner: format!("u{}", below(20)),
                project: format!("p{}", below(3)),
                min: Some(cores),
                max: Some(cores),
                run_until_canceled: true,
                ..kernel::JobSpec::default()
            };
            let (by, spec, tasks) = (root.clone(), Arc::new(spec), Vec::new());
            act(
                &mut state,
                &mut mirror,
                now,
                Command::QueueJob { by, spec, tasks },
            );
            let job = JobId(state.jobs().map(|job| job.id.0).max().unwrap());
            let (node, gpus) = (NodeId(1), 0);
            let shares = vec![kernel::Share { node, cores, gpus }];
            act(
                &mut state,
                &mut mirror,
                now,
                Command::Propose(Decision::Start { job, shares }),
            );
            running.push(job);
        } else if !running.is_empty() {
            let job = running.swap_remove(below(running.len() as u64) as usize);
            let cancel = Command::CancelJob {
                by: root.clone(),
                job,
                message: String::new(),
                how: kernel::Manner::Forced,
            };
            act(&mut state, &mut mirror, now, cancel);
        }
        let before = accounts.iter().count();
        accounts.apply(&told(mirror.take(&state)));
        forgotten += usize::from(accounts.iter().count() < before);
        if turn % 7 > 0 {
            continue;
        }
        let later = now + below(10 * half_life.0);
        let names = |a: &kernel::Account| (a.project.to_string(), a.owner.to_string());
        let mut all: Vec<_> = state.accounts().map(names).collect();
        all.sort();
        let mine: Vec<_> = accounts
            .iter()
            .map(|(p, o, _)| (p.to_owned(), o.to_owned()))
            .collect();
        assert_eq!(mine, all);
        for account in state.accounts() {
            let used = account.used_at(Timestamp(later), half_life);
            let mine = accounts.get(&account.project, &account.owner);
            let mine = mine.used_at(later as f64, half_life.0 as f64);
            assert_eq!(used.to_bits(), mine.to_bits(), "{account:?}: {used} {mine}");
            compared += 1;
        }
    }
    assert!(compared > 1_000 && forgotten > 5, "{compared} {forgotten}");
}
