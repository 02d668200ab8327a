//! Header lines: `; Name: value`, and comments, which look the same without a colon.

use super::{PROCS_MAX, TraceProblem, field::shown};

/// What the header lines of a trace say, as far as somebody here asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceHeader {
    /// `Computer`: brand and model.
    pub computer: Option<String>,
    /// `Installation`: where it stood.
    pub installation: Option<String>,
    /// `MaxProcs`: processors.
    pub max_procs: Option<u32>,
    /// `MaxNodes`: nodes.
    pub max_nodes: Option<u64>,
    /// `UnixStartTime`: what the trace's time 0 is in seconds since 1970.
    pub unix_start_time: Option<i64>,
}

impl TraceHeader {
    /// Takes in one header line, without its `;`. The first line of a name counts.
    pub(super) fn line(
        &mut self,
        line: u64,
        text: &[u8],
        procs_given: bool,
    ) -> Result<(), TraceProblem> {
        let Some(colon) = text.iter().position(|byte| *byte == b':') else {
            return Ok(());
        };
        let (name, value) = (text[..colon].trim_ascii(), text[colon + 1..].trim_ascii());
        match name {
            b"Computer" => text_once(&mut self.computer, value),
            b"Installation" => text_once(&mut self.installation, value),
            b"MaxNodes" if self.max_nodes.is_none() => self.max_nodes = leading_number(value),
            b"UnixStartTime" if self.unix_start_time.is_none() => {
                self.unix_start_time = leading_number(value);
            }
            b"MaxProcs" if self.max_procs.is_none() => {
                self.max_procs =
                    leading_number(value).filter(|procs| (1..=PROCS_MAX).contains(procs));
                if self.max_procs.is_none() && !procs_given {
                    return Err(TraceProblem::BadMaxProcs {
                        line,
                        text: shown(value),
                    });
                }
            }
            // The format has more names, and sites add their own.
            _ => {}
        }
        Ok(())
    }
}

fn text_once(slot: &mut Option<String>, value: &[u8]) {
    if slot.is_none() && !value.is_empty() {
        *slot = Some(String::from_utf8_lossy(value).into_owned());
    }
}

/// `1024 (partitions …)` is 1024.
fn leading_number<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    let end = value
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'9' | b'-'))
        .unwrap_or(value.len());
    std::str::from_utf8(&value[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_header_lines() {
        let mut header = TraceHeader::default();
        let lines = [
            " Computer: IBM SP2",
            " Installation: Some Institute: Department",
            " MaxNodes: 64 (all of them)",
            "MaxProcs:128",
            " MaxProcs: 256",
            " UnixStartTime: 843480031",
            " a comment",
            " Note: more",
            "",
        ];
        for (index, text) in lines.iter().enumerate() {
            header
                .line(index as u64 + 1, text.as_bytes(), false)
                .expect("all are well-formed");
        }
        assert_eq!(
            header,
            TraceHeader {
                computer: Some("IBM SP2".into()),
                installation: Some("Some Institute: Department".into()),
                max_procs: Some(128),
                max_nodes: Some(64),
                unix_start_time: Some(843_480_031),
            }
        );
    }

    #[test]
    fn refuses_a_machine_of_no_size_unless_told_better() {
        for value in ["0", "-1", "100001", "many", "", "99999999999"] {
            let text = format!(" MaxProcs: {value}");
            let error = TraceHeader::default()
                .line(7, text.as_bytes(), false)
                .expect_err(value);
            let message = error.to_string();
            assert!(
                message.starts_with(&format!("line 7: MaxProcs is {value:?}")),
                "{message}"
            );
            TraceHeader::default()
                .line(7, text.as_bytes(), true)
                .expect(value);
        }
    }
}
