//! Splits a scenario line into words and reads names, numbers and times from them.

use jobyard_kernel::{Share, Span, State};

/// What is wrong with a line, for the one who wrote it.
pub(crate) type Wrong = String;

/// Words separated by blanks; double quotes keep blanks, also after `key=`.
pub(crate) fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut some) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '"' => (quoted, some) = (!quoted, true),
            ' ' if !quoted => {
                if some {
                    words.push(std::mem::take(&mut word));
                }
                some = false;
            }
            c => {
                word.push(c);
                some = true;
            }
        }
    }
    if some {
        words.push(word);
    }
    words
}

pub(crate) fn number<T: std::str::FromStr>(text: &str) -> Result<T, Wrong> {
    text.parse()
        .map_err(|_| format!("\"{text}\" is not a number"))
}

/// `90s`, `2m`, `1h`, `1d`, `250ms`.
pub(crate) fn span(text: &str) -> Result<Span, Wrong> {
    let at = text
        .find(|c: char| !c.is_ascii_digit())
        .ok_or_else(|| format!("\"{text}\" has no unit"))?;
    let n: u64 = number(&text[..at])?;
    match &text[at..] {
        "ms" => Ok(Span::from_millis(n)),
        "s" => Ok(Span::from_secs(n)),
        "m" => Ok(Span::from_secs(n * 60)),
        "h" => Ok(Span::from_secs(n * 3_600)),
        "d" => Ok(Span::from_secs(n * 86_400)),
        unit => Err(format!("\"{unit}\" is not a unit of time")),
    }
}

/// `n1:2` or, with GPUs, `n1:2+1`. A node that is not there is written by number, as `#9:2`.
pub(crate) fn share(state: &State, text: &str) -> Result<Share, Wrong> {
    let (name, rest) = text
        .split_once(':')
        .ok_or_else(|| format!("\"{text}\" is not a share like n1:2"))?;
    let (cores, gpus) = rest.split_once('+').unwrap_or((rest, "0"));
    Ok(Share {
        node: node(state, name)?,
        cores: number(cores)?,
        gpus: number(gpus)?,
    })
}

pub(crate) fn node(state: &State, name: &str) -> Result<jobyard_kernel::NodeId, Wrong> {
    match name.strip_prefix('#') {
        Some(id) => number(id).map(jobyard_kernel::NodeId),
        None => state
            .node_by_name(name)
            .map(|node| node.id)
            .ok_or_else(|| format!("there is no node \"{name}\"")),
    }
}
