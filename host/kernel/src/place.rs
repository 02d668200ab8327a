//! Where tasks go: which ready instances are sent now, and onto which of the idle units that their job has.
//!
//! Decides nothing about jobs. Called by `follow`.

use crate::limits::{DISPATCH_BATCH_MAX, SERVICE_INSTANCES_MAX};
use crate::units::Room;
use crate::{
    CoreSet, Dispatch, Execution, Grant, Job, JobShare, NodeId, SharePhase, State, Task, TaskId,
    TaskKind, TaskSpec,
};

/// Puts ready instances onto idle units: tasks in the order added, instances ascending, one that does not fit
/// holds up those behind it.
pub(crate) fn dispatch(state: &State, job: &Job) -> Vec<Dispatch> {
    if job.ready.is_empty() {
        return Vec::new();
    }
    // Most jobs are one task on one node.
    let mut works = Vec::with_capacity(1);
    let mut rooms = rooms(state, job);
    // Nodes are used up from the front.
    let mut used_up = 0;
    let mut total: u32 = rooms.iter().map(Room::units).sum();
    for &index in job.ready.iter() {
        let task = &job.tasks[index as usize];
        for instance in task.queued.iter().chain(further_instances(task)) {
            if total < task.spec.min || works.len() == DISPATCH_BATCH_MAX {
                return works;
            }
            let before = total;
            let Some(places) = place(&mut rooms[used_up..], &task.spec, &mut total) else {
                return works;
            };
            debug_assert!(total < before, "a task of no units");
            used_up += rooms[used_up..]
                .iter()
                .take_while(|room| room.units() == 0)
                .count();
            works.push(Dispatch {
                execution: next_attempt(job, index, instance),
                places,
            });
        }
    }
    works
}

fn next_attempt(job: &Job, index: u32, instance: u32) -> Execution {
    let tries = job.tasks[index as usize].tries.get(&instance);
    Execution {
        job: job.id,
        task: TaskId(index + 1),
        instance,
        attempt: tries.map_or(1, |tries| tries.attempts + 1),
    }
}

/// Instances that are made as they are dispatched: those of a service after the one that is queued.
fn further_instances(task: &Task) -> std::ops::Range<u32> {
    match task.spec.kind {
        TaskKind::Service => task.made + 1..SERVICE_INSTANCES_MAX + 1,
        TaskKind::Basic
        | TaskKind::Sweep { .. }
        | TaskKind::NodePrepare
        | TaskKind::NodeRelease => 0..0,
    }
}

/// What of a job's nodes no task runs on, where it is a unit at least.
fn rooms<'a>(state: &'a State, job: &Job) -> Vec<Room<'a>> {
    let idle = job.idle.iter().filter_map(|&id| state.node(id));
    let rooms = idle.map(|node| Room::of_share(job.spec.unit, node, &job.shares[&node.id]));
    rooms.filter(|room| room.units() > 0).collect()
}

/// Takes units for one instance, none where it does not fit; `total` is what is left, and the caller knows that the task's minimum
/// is there.
fn place(rooms: &mut [Room<'_>], task: &TaskSpec, total: &mut u32) -> Option<Vec<Grant>> {
    let may = |room: &Room<'_>| {
        let in_group = task.node_group.as_ref().is_none_or(|g| room.is_in(g));
        in_group && (!task.exclusive || room.is_whole())
    };
    let choosy = task.exclusive || task.node_group.is_some();
    if choosy
        && rooms
            .iter()
            .filter(|r| may(r))
            .map(Room::units)
            .sum::<u32>()
            < task.min
    {
        return None;
    }
    let mut taken = Taken {
        places: Vec::with_capacity(1),
        total,
    };
    match (task.required_nodes.is_empty(), task.exclusive) {
        (false, _) => on_required(rooms, task, may, &mut taken)?,
        (true, true) => alone(rooms, task, may, &mut taken),
        (true, false) => together(rooms, task, may, &mut taken),
    }
    Some(taken.places)
}

/// What an instance gets.
struct Taken<'t> {
    places: Vec<Grant>,
    total: &'t mut u32,
}

impl Taken<'_> {
    fn take(&mut self, room: &mut Room<'_>, units: u32) {
        *self.total -= units;
        self.places.push(room.take(units));
    }
}

/// A unit at least of each node that the task requires, on the first of which it does its work; then more of them up to its maximum, then others.
fn on_required(
    rooms: &mut [Room<'_>],
    task: &TaskSpec,
    may: impl Fn(&Room<'_>) -> bool,
    taken: &mut Taken<'_>,
) -> Option<()> {
    let mut required: Vec<usize> = Vec::with_capacity(task.required_nodes.len());
    for name in &task.required_nodes {
        let of_name = |room: &Room<'_>| room.name() == name && room.units() > 0 && may(room);
        let at = rooms.iter().position(of_name)?;
        if !required.contains(&at) {
            required.push(at);
        }
    }
    // Those behind are sure of a unit each.
    let mut left = task.max.saturating_sub(required.len() as u32);
    for &at in &required {
        let room = &mut rooms[at];
        let units = match task.exclusive {
            true => room.units(),
            false => room.units().min(left + 1),
        };
        taken.take(room, units);
        left = left.saturating_sub(units - 1);
    }
    for (at, room) in rooms.iter_mut().enumerate() {
        if left == 0 {
            break;
        }
        if required.contains(&at) || room.units() == 0 || !may(room) {
            continue;
        }
        let units = match task.exclusive {
            true => room.units(),
            false => room.units().min(left),
        };
        taken.take(room, units);
        left = left.saturating_sub(units);
    }
    Some(())
}

/// All that the job has of the first nodes on which nothing runs, as many as it takes to reach the minimum, and on to the maximum.
fn alone(
    rooms: &mut [Room<'_>],
    task: &TaskSpec,
    may: impl Fn(&Room<'_>) -> bool,
    taken: &mut Taken<'_>,
) {
    let mut units = 0;
    for room in rooms.iter_mut().filter(|room| may(room)) {
        // What goes beyond the maximum is for nobody else: but no node more than that.
        if units >= task.max {
            break;
        }
        units += room.units();
        taken.take(room, room.units());
    }
}

/// On the first node that has its maximum, else on the first that has its minimum, else across nodes in order up to its maximum.
fn together(
    rooms: &mut [Room<'_>],
    task: &TaskSpec,
    may: impl Fn(&Room<'_>) -> bool,
    taken: &mut Taken<'_>,
) {
    let (min, max) = (task.min, task.max);
    let fits = |n: u32| rooms.iter().position(|room| room.units() >= n && may(room));
    let one = fits(max).or_else(|| fits(min));
    let mut wanted = max;
    for room in &mut rooms[one.unwrap_or(0)..] {
        let units = room.units().min(wanted);
        if units > 0 && may(room) {
            taken.take(room, units);
            wanted -= units;
        }
        if wanted == 0 || one.is_some() {
            break;
        }
    }
}

/// Sends ready instances of a command job to its nodes in turn: the first task, or the first instance of a sweep, to the first
/// node, the next to the next. As many instances as nodes run once on each. One that requires nodes goes to them.
pub(crate) fn dispatch_in_turn(state: &State, job: &Job) -> Vec<Dispatch> {
    let nodes: Vec<(NodeId, &JobShare)> = job.shares.iter().map(|(&id, s)| (id, s)).collect();
    let mut works = Vec::new();
    for &index in job.ready.iter() {
        let task = &job.tasks[index as usize];
        let own = own_nodes(state, &nodes, &task.spec);
        let nodes = own.as_ref().unwrap_or(&nodes);
        for instance in task.queued.iter() {
            let turn = match task.spec.kind {
                TaskKind::Sweep { .. } | TaskKind::Service => instance - 1,
                TaskKind::Basic | TaskKind::NodePrepare | TaskKind::NodeRelease => index,
            };
            let places = match (task.spec.required_nodes.is_empty(), nodes.len()) {
                (_, 0) => continue,
                (true, count) => &nodes[turn as usize % count..][..1],
                (false, _) => &nodes[..],
            };
            if places.iter().any(|(_, s)| s.phase != SharePhase::Ready) {
                continue;
            }
            if works.len() == DISPATCH_BATCH_MAX {
                return works;
            }
            let on = |&(node, _): &(NodeId, &JobShare)| Grant {
                node,
                cores: CoreSet::default(),
                gpus: CoreSet::default(),
            };
            works.push(Dispatch {
                execution: next_attempt(job, index, instance),
                places: places.iter().map(on).collect(),
            });
        }
    }
    works
}

/// The nodes that a task of a command job names, or those of its group; none where it names neither.
fn own_nodes<'j>(
    state: &State,
    nodes: &[(NodeId, &'j JobShare)],
    task: &TaskSpec,
) -> Option<Vec<(NodeId, &'j JobShare)>> {
    let spec = |id: NodeId| state.node(id).map(|node| &node.spec);
    if let Some(group) = &task.node_group {
        let in_group = |id| spec(id).is_some_and(|spec| spec.groups.contains(group));
        return Some(
            nodes
                .iter()
                .filter(|(id, _)| in_group(*id))
                .copied()
                .collect(),
        );
    }
    if task.required_nodes.is_empty() {
        return None;
    }
    let named = |name: &String| {
        let is = |id| spec(id).is_some_and(|spec| spec.name == *name);
        nodes.iter().find(|(id, _)| is(*id)).copied()
    };
    let all: Option<Vec<_>> = task.required_nodes.iter().map(named).collect();
    Some(all.unwrap_or_default())
}
