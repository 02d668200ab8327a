//! Properties by name, in any case: found, shown, set. The tables are in `job_properties`, `task_properties` and `node_properties`.

use axum::http::StatusCode;

use super::pairs::Pair;
use super::value::Value;
use crate::Problem;

/// A property: `L` shows it, `T` is what it is set in.
pub(super) struct Property<L, T: 'static> {
    /// As HPC Pack writes it.
    pub(super) name: &'static str,
    /// Whether everybody may see it, as `/api/v1` does; the others are for those who see all of the job.
    pub(super) open: bool,
    pub(super) show: L,
    pub(super) set: Set<T>,
}

/// What becomes of a value that a client gives.
pub(super) enum Set<T: 'static> {
    /// It says what is, and cannot be said by anybody.
    ReadOnly,
    /// It is taken and means nothing here.
    Ignored,
    /// HPC Pack has it, jobyard has not: what to do instead. An empty value asks for nothing.
    NotServed(&'static str),
    To(fn(&mut T, &str) -> Result<(), String>),
}

/// The ones of these names, in this order; `otherwise` where there are none. Nothing is there twice.
pub(super) fn select<L, T>(
    table: &'static [Property<L, T>],
    names: Option<Vec<String>>,
    otherwise: Option<&[&str]>,
) -> Result<Vec<&'static Property<L, T>>, Problem> {
    let names = match (names, otherwise) {
        (Some(names), _) => names,
        (None, Some(names)) => names.iter().map(|&name| name.into()).collect(),
        (None, None) => return Ok(table.iter().collect()),
    };
    let mut found: Vec<&'static Property<L, T>> = Vec::new();
    for name in names {
        let property = find(table, &name).ok_or_else(|| unknown(&name))?;
        if !found.iter().any(|other| other.name == property.name) {
            found.push(property);
        }
    }
    Ok(found)
}

pub(super) fn find<L, T>(
    table: &'static [Property<L, T>],
    name: &str,
) -> Option<&'static Property<L, T>> {
    let mut all = table.iter();
    all.find(|property| property.name.eq_ignore_ascii_case(name))
}

/// Sets them, in the order of the table: whatever the order of the pairs, a property that says what others mean comes before them.
pub(super) fn set<L, T>(
    table: &'static [Property<L, T>],
    to: &mut T,
    pairs: &[Pair],
) -> Result<(), Problem> {
    let known = |pair: &&Pair| find(table, &pair.name).is_none();
    if let Some(pair) = pairs.iter().find(known) {
        return Err(unknown(&pair.name));
    }
    for property in table {
        let mut pairs = pairs.iter();
        let Some(pair) = pairs.find(|pair| pair.name.eq_ignore_ascii_case(property.name)) else {
            continue;
        };
        let name = property.name;
        let refused = |code, what: &str| Problem::bad(code, format!("{name}: {what}"));
        match property.set {
            Set::ReadOnly => return Err(refused("ReadOnlyProperty", "it cannot be set")),
            Set::Ignored => {}
            Set::NotServed(_) if pair.value.is_empty() => {}
            Set::NotServed(instead) => {
                let detail = format!("{name}: jobyard has nothing like it; {instead}");
                return Err(Problem::new(
                    StatusCode::NOT_IMPLEMENTED,
                    "NotServed",
                    detail,
                ));
            }
            Set::To(set) => set(to, &pair.value).map_err(|what| refused("BadProperty", &what))?,
        }
    }
    Ok(())
}

/// Name and value of a property that was asked for by name or not: without a value it is there only if it was.
pub(super) fn pair(name: &str, value: Option<Value>, by_name: bool) -> Option<Pair> {
    match value {
        Some(value) => Some(Pair::new(name, value.to_string())),
        None => by_name.then(|| Pair::new(name, "")),
    }
}

pub(super) fn unknown(name: &str) -> Problem {
    Problem::bad("UnknownProperty", format!("there is no property {name:?}"))
}
