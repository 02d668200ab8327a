//! Parts that several elements of HPC Pack job XML have: attributes with values, names with values, and their errors.
//!
//! Called by `hpc_job` and `hpc_groups`.

use std::collections::BTreeMap;
use std::fmt;

use super::error::{Fault, Problem, quoted};
use super::hpc_attributes::{Known, check_rest};
use super::read_xml::{Attribute, Element};
use super::suggest::hint;

/// `<item><Name>…</Name><Value>…</Value></item>`, many times.
pub(super) fn pairs(element: &Element, item: &str) -> Result<Vec<(usize, String, String)>, Fault> {
    plain(element)?;
    no_text(element)?;
    let read = |pair: &Element| {
        if pair.name != item {
            return Err(unknown_element(pair, &[item]));
        }
        plain(pair)?;
        no_text(pair)?;
        let (mut name, mut value) = (None, None);
        for part in &pair.children {
            let slot = match part.name.as_str() {
                "Name" => &mut name,
                "Value" => &mut value,
                _ => return Err(unknown_element(part, &["Name", "Value"])),
            };
            plain(part)?;
            if let Some(inner) = part.children.first() {
                return Err(Fault::value(
                    inner.at,
                    &part.name,
                    "has an element in it; it takes text only",
                ));
            }
            if slot.replace(part.text.clone()).is_some() {
                return Err(twice(part.at, "element", &part.name));
            }
        }
        match name {
            Some(name) => Ok((pair.at, name.trim().to_string(), value.unwrap_or_default())),
            None => Err(Fault::value(pair.at, item, "has no Name")),
        }
    };
    element.children.iter().map(read).collect()
}

/// The attributes of an element that are read.
pub(super) struct Attributes<'a>(BTreeMap<&'a str, &'a Attribute>);

impl<'a> Attributes<'a> {
    pub(super) fn new(element: &'a Element, known: &Known) -> Attributes<'a> {
        let read = |a: &&Attribute| known.read.contains(&a.name.as_str());
        let read = element.attributes.iter().filter(read);
        Attributes(read.map(|a| (a.name.as_str(), a)).collect())
    }

    /// Also checks those that are not read.
    pub(super) fn checked(element: &'a Element, known: &Known) -> Result<Attributes<'a>, Fault> {
        let given = Attributes::new(element, known);
        for attribute in &element.attributes {
            if !given.0.contains_key(attribute.name.as_str()) {
                check_rest(known, attribute)?;
            }
        }
        Ok(given)
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Attribute> {
        self.0.get(name).copied()
    }

    /// Empty is as if it was not there: exports write it so.
    pub(super) fn filled(&self, name: &str) -> Option<&'a Attribute> {
        self.get(name).filter(|a| !a.value.trim().is_empty())
    }

    /// The names of those that are not empty.
    pub(super) fn filled_names(&self) -> impl Iterator<Item = &'a str> {
        let filled = self.0.iter().filter(|(_, a)| !a.value.trim().is_empty());
        filled.map(|(&name, _)| name)
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).map(|a| a.value.clone()).unwrap_or_default()
    }

    pub(super) fn parsed<T, E: fmt::Display>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Fault> {
        let parsed = |a: &Attribute| parse(&a.value).map_err(|e| Fault::value(a.at, name, e));
        self.filled(name).map(parsed).transpose()
    }

    pub(super) fn number(&self, name: &str, least: u32, most: u32) -> Result<Option<u32>, Fault> {
        self.parsed(name, |text| {
            let number = text.trim().parse().ok();
            number
                .filter(|n| (least..=most).contains(n))
                .ok_or_else(|| {
                    format!(
                        "{} is not a whole number from {least} to {most}",
                        quoted(text)
                    )
                })
        })
    }

    pub(super) fn truth(&self, name: &str) -> Result<Option<bool>, Fault> {
        self.parsed(name, |text| match text.trim() {
            "true" | "True" | "1" => Ok(true),
            "false" | "False" | "0" => Ok(false),
            other => Err(format!("{} is not true or false", quoted(other))),
        })
    }
}

pub(super) fn no_text(element: &Element) -> Result<(), Fault> {
    match element.text.trim() {
        "" => Ok(()),
        text => {
            let what = format!(
                "has the text {} in it; it takes elements only",
                quoted(text)
            );
            Err(Fault::value(element.at, &element.name, what))
        }
    }
}

/// No attributes.
fn plain(element: &Element) -> Result<(), Fault> {
    match element.attributes.first() {
        None => Ok(()),
        Some(attribute) => {
            let what = format!("takes no attribute {}", quoted(&attribute.name));
            Err(Fault::value(attribute.at, &element.name, what))
        }
    }
}

pub(super) fn twice(at: usize, what: &'static str, name: &str) -> Fault {
    let name = name.into();
    Fault::new(at, Problem::Twice { what, name })
}

pub(super) fn unknown_element(element: &Element, known: &[&str]) -> Fault {
    let (what, name) = ("element", element.name.clone());
    let hint = hint(&name, known);
    Fault::new(element.at, Problem::Unknown { what, name, hint })
}
