//! Licences as jobs name them, and whether there are enough. Pure: no component, no host.

/// So many of one feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Licence {
    /// What is licensed.
    pub feature: String,
    /// How many; none: as many as the job has units (`*`).
    pub count: Option<u64>,
}

/// Why a job cannot have its licences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Short {
    /// Others have them.
    Now(String),
    /// There are not that many.
    ForEver(String),
}

/// Reads `feature:count,…`; a count is a number from 1, or `*`.
///
/// # Errors
/// Which part is not of that form.
pub fn parse(text: &str) -> Result<Vec<Licence>, String> {
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let licence = |part: &str| {
        let wrong = || format!("`{part}` is not like feature:2 or feature:*");
        let (feature, count) = part.split_once(':').ok_or_else(wrong)?;
        let count = match count.trim() {
            "*" => None,
            number => Some(number.parse().ok().filter(|&n| n > 0).ok_or_else(wrong)?),
        };
        let feature = feature.trim().to_string();
        Ok(Licence { feature, count })
    };
    parts.map(licence).collect()
}

/// The first feature of which a job would take too many: it wants these, and gets so many units; others hold what they hold. A job that
/// grows has its licences already, but for those that it counts by units.
pub fn shortage(
    totals: &[(String, u64)],
    wanted: &[Licence],
    units: u32,
    growing: bool,
    held: &[(Vec<Licence>, u32)],
) -> Option<Short> {
    wanted.iter().find_map(|licence| {
        let feature = licence.feature.as_str();
        let more = match (licence.count, growing) {
            (None, _) => u64::from(units),
            (Some(count), false) => count,
            (Some(_), true) => 0,
        };
        let mut known = totals.iter().filter(|(name, _)| name == feature);
        let total = known.next().map_or(0, |(_, total)| *total);
        let used: u64 = held
            .iter()
            .map(|(all, units)| of(all, *units, feature))
            .sum();
        if more == 0 || used + more <= total {
            return None;
        }
        Some(match more > total {
            true => Short::ForEver(format!(
                "needs {more} licences of {feature}, there are {total}"
            )),
            false => Short::Now(format!(
                "needs {more} licences of {feature}, {used} of {total} are in use"
            )),
        })
    })
}

/// How many of a feature a job holds.
fn of(all: &[Licence], units: u32, feature: &str) -> u64 {
    let those = all.iter().filter(|licence| licence.feature == feature);
    those.map(|l| l.count.unwrap_or(u64::from(units))).sum()
}
