//! Reads a plugin's settings: every name must be known and every value readable, or the whole is refused.

/// One value that could not be used: names the setting, the value and what would be right.
pub fn refusal(name: &str, value: &str, right: &str) -> String {
    format!("setting `{name}`: `{value}` is not {right}")
}

/// A name that the plugin does not know; `known` are those that it does.
pub fn unknown(name: &str, known: &[&str]) -> String {
    match known {
        [] => format!("unknown setting `{name}`: this plugin has none"),
        _ => format!("unknown setting `{name}`: there are {}", known.join(", ")),
    }
}

/// `yes` or `no`.
pub fn yes_or_no(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(refusal(name, value, "`yes` or `no`")),
    }
}

/// Fails when a name is given twice: which of the two was meant is anybody's guess.
pub fn each_once(settings: &[(String, String)]) -> Result<(), String> {
    for (i, (name, _)) in settings.iter().enumerate() {
        if settings[..i].iter().any(|(earlier, _)| earlier == name) {
            return Err(format!("setting `{name}` is given twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_setting_value_and_way_out() {
        assert_eq!(yes_or_no("grow", "yes"), Ok(true));
        assert_eq!(yes_or_no("grow", "no"), Ok(false));
        assert_eq!(
            yes_or_no("grow", "maybe"),
            Err("setting `grow`: `maybe` is not `yes` or `no`".to_owned())
        );
        assert_eq!(
            unknown("x", &[]),
            "unknown setting `x`: this plugin has none"
        );
        assert_eq!(
            unknown("x", &["a", "b"]),
            "unknown setting `x`: there are a, b"
        );
        let twice = [("a".into(), "1".into()), ("a".into(), "2".into())];
        assert_eq!(
            each_once(&twice),
            Err("setting `a` is given twice".to_owned())
        );
        assert_eq!(each_once(&twice[..1]), Ok(()));
    }
}
