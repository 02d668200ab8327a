//! The licences that a job needs (`SoftwareLicense`): carried with the job for filters and people, enforced by nobody here.

use crate::Invalid;

/// One licence of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Licence {
    /// What is licensed.
    pub feature: String,
    /// How many; none: as many as the job is given units (`*`).
    pub count: Option<u32>,
}

/// Reads `feature:count,…`; a count is a number from 1, or `*`.
///
/// # Errors
/// When a part is not of that form, or a feature is named twice.
pub fn parse(text: &str) -> Result<Vec<Licence>, Invalid> {
    let mut licences: Vec<Licence> = Vec::new();
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        let wrong = |what: &str| Invalid::Licence {
            part: part.trim().into(),
            what: what.into(),
        };
        let (feature, count) = part
            .split_once(':')
            .ok_or_else(|| wrong("has no count; write it like feature:2 or feature:*"))?;
        let (feature, count) = (feature.trim(), count.trim());
        if feature.is_empty() {
            return Err(wrong("names no feature"));
        }
        if licences.iter().any(|known| known.feature == feature) {
            return Err(wrong("names a feature that was named before"));
        }
        let count = match count {
            "*" => None,
            number => match number.parse() {
                Ok(number) if number > 0 => Some(number),
                Ok(_) | Err(_) => {
                    return Err(wrong("has a count that is not a number from 1, or *"));
                }
            },
        };
        licences.push(Licence {
            feature: feature.into(),
            count,
        });
    }
    Ok(licences)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn features_with_counts() {
        let read = |text| {
            let licences = parse(text).map_err(|e| e.to_string())?;
            let pairs = licences.into_iter().map(|l| (l.feature, l.count));
            Ok::<_, String>(pairs.collect::<Vec<_>>())
        };
        assert_eq!(read(""), Ok(vec![]));
        let two = vec![("a".to_string(), Some(2)), ("b".to_string(), None)];
        assert_eq!(read("a:2, b:*"), Ok(two));
        for (text, part) in [
            ("a", "no count"),
            ("a:0", "not a number from 1"),
            ("a:x", "not a number"),
            (":1", "no feature"),
            ("a:1,a:2", "named before"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
