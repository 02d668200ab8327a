//! Roles: HPC Pack's numbers, sets of them, and who sees all of a job.

use std::sync::Arc;

use jobyard_kernel::{
    Actor, Command, JobId, JobKind, JobSpec, Role, Roles, State, Timestamp, step,
};

#[test]
fn roles_have_hpc_packs_numbers() {
    let numbers = Role::ALL.map(|role| (role.to_string(), Roles::from(role).bits()));
    let expected = [
        ("User", 1),
        ("JobOperator", 8),
        ("JobAdministrator", 4),
        ("Administrator", 2),
    ];
    assert_eq!(numbers, expected.map(|(name, n)| (name.to_string(), n)));
    let all: Roles = Role::ALL.into_iter().collect();
    assert_eq!((all.bits(), Roles::NONE.bits()), (15, 0));
    assert_eq!(all.iter().count(), 4);
}

#[test]
fn who_sees_all_of_a_job() {
    let mut state = State::new();
    for kind in [JobKind::Batch, JobKind::Command] {
        let spec = Arc::new(JobSpec {
            owner: "ann".into(),
            kind,
            ..JobSpec::default()
        });
        let (by, tasks) = (Actor::administrator("root"), Vec::new());
        let add = Command::AddJob { by, spec, tasks };
        step(&mut state, &add, Timestamp(0), &mut Vec::new()).expect("the job is good");
    }
    for (name, roles, sees) in [
        ("ann", Roles::from(Role::User), true),
        ("ann", Roles::NONE, false),
        ("bob", Role::User.into(), false),
        ("bob", Role::JobOperator.into(), true),
        ("bob", Role::JobAdministrator.into(), true),
        ("bob", Role::Administrator.into(), true),
    ] {
        let by = Actor::new(name, roles);
        for id in [1, 2] {
            let job = state.job(JobId(id)).expect("it was added");
            assert_eq!(job.is_open_to(&by), sees, "{by:?} and job {id}");
        }
    }
}
