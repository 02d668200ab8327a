//! Reports for machines that read JUnit's XML.

use std::fmt::Write;

use quick_xml::escape::escape;

use super::{Checked, Outcome, Report};

/// A report as one `testsuite`, a `testcase` for each rule, scenario and published result.
pub fn junit(report: &Report) -> String {
    let count = |is: fn(&Outcome) -> bool| report.results.iter().filter(|c| is(&c.outcome)).count();
    let failed = count(|outcome| matches!(outcome, Outcome::Failed { .. }));
    let skipped = count(|outcome| matches!(outcome, Outcome::Skipped { .. }));
    let name = [vec![report.policy.clone()], report.settings.clone()]
        .concat()
        .join(" ");
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let tests = report.results.len();
    // Writing to a string cannot fail.
    let _ = writeln!(
        xml,
        "<testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\">",
        text(&name)
    );
    report
        .results
        .iter()
        .for_each(|checked| test_case(&mut xml, checked));
    xml.push_str("</testsuite>\n");
    xml
}

fn test_case(xml: &mut String, checked: &Checked) {
    let (sort, name) = (checked.sort, text(&checked.name));
    let _ = write!(xml, "  <testcase classname=\"{sort}\" name=\"{name}\"");
    let _ = match &checked.outcome {
        Outcome::Passed => writeln!(xml, "/>"),
        Outcome::Skipped { why } => {
            writeln!(xml, "><skipped message=\"{}\"/></testcase>", text(why))
        }
        Outcome::Failed { what, case, .. } => {
            let case = case.as_deref().unwrap_or_default();
            writeln!(
                xml,
                "><failure message=\"{}\">{}</failure></testcase>",
                text(what),
                text(case)
            )
        }
    };
}

/// XML has no place for most control characters, escaped or not.
fn text(text: &str) -> String {
    let allowed = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    let clean: String = text.chars().filter(allowed).collect();
    escape(&clean).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Sort;

    #[test]
    fn what_names_say_does_not_break_the_xml() {
        let checked = |outcome| Checked {
            sort: Sort::Rule,
            name: "a<b>".into(),
            sentence: String::new(),
            cases: 1,
            outcome,
        };
        let failed = Outcome::Failed {
            what: "\"x\" & \u{1}y".into(),
            seed: Some(1),
            case: Some("> 0s starts 1\n".into()),
        };
        let report = Report {
            policy: "p&q".into(),
            settings: vec!["order=sjbf".into()],
            claims: Vec::new(),
            first_seed: 0,
            seeds: 1,
            results: vec![
                checked(Outcome::Passed),
                checked(failed),
                checked(Outcome::unclaimed(&[crate::Claim::Fifo])),
            ],
            measured: Vec::new(),
        };
        assert_eq!(
            junit(&report),
            r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="p&amp;q order=sjbf" tests="3" failures="1" errors="0" skipped="1">
  <testcase classname="rule" name="a&lt;b&gt;"/>
  <testcase classname="rule" name="a&lt;b&gt;"><failure message="&quot;x&quot; &amp; y">&gt; 0s starts 1
</failure></testcase>
  <testcase classname="rule" name="a&lt;b&gt;"><skipped message="for policies that claim fifo"/></testcase>
</testsuite>
"#
        );
    }
}
