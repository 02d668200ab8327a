//! XML text to elements with their places, by the `quick-xml` pull reader.
//!
//! Job XML needs little of XML, and what it does not need is refused: document types, entities beyond the five of
//! XML itself, other namespaces. Comments and processing instructions are skipped.

use quick_xml::escape::{EscapeError, resolve_predefined_entity};
use quick_xml::events::attributes::AttrError;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, PrefixDeclaration, ResolveResult};
use quick_xml::{Error, NsReader, XmlVersion};

use super::Format;
use super::error::{Fault, Problem, quoted};

/// Namespaces of HPC Pack's job XML: 2008 R2 and later, and 2008.
const NAMESPACES: [&str; 2] = [
    "http://schemas.microsoft.com/HPCS2008R2/scheduler/",
    "http://schemas.microsoft.com/HPCS2008/scheduler/",
];
/// Namespace of attributes about the schema, which say nothing about the job.
const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// Elements inside each other. Job XML has five levels.
const DEPTH_MAX: usize = 16;
/// Attributes of one element. HPC Pack has about a hundred; checking for doubles takes the square of it.
const ATTRIBUTES_MAX: usize = 256;

/// An element and what is in it.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// Where its tag begins, in bytes.
    pub(super) at: usize,
    /// Without a prefix.
    pub(super) name: String,
    pub(super) attributes: Vec<Attribute>,
    pub(super) children: Vec<Element>,
    /// All text directly in it.
    pub(super) text: String,
}

/// An attribute of an element.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) at: usize,
    pub(super) name: String,
    pub(super) value: String,
}

/// Reads the root element.
pub(super) fn read(text: &str) -> Result<Element, Fault> {
    let mut reader = NsReader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let start = position(reader.buffer_position());
        let event = reader
            .read_event()
            .map_err(|error| syntax(position(reader.error_position()), &error))?;
        let end = position(reader.buffer_position());
        match event {
            Event::Start(tag) => {
                // Content ends before the ">".
                let element = element(&reader, &tag, start, end.saturating_sub(1 + tag.len()))?;
                if root.is_some() {
                    return Err(second_root(start));
                }
                if open.len() == DEPTH_MAX {
                    return Err(Fault::new(start, Problem::TooDeep { max: DEPTH_MAX }));
                }
                open.push(element);
            }
            Event::Empty(tag) => {
                let element = element(&reader, &tag, start, end.saturating_sub(2 + tag.len()))?;
                if root.is_some() {
                    return Err(second_root(start));
                }
                close(&mut open, &mut root, element);
            }
            Event::End(_) => {
                if let Some(element) = open.pop() {
                    close(&mut open, &mut root, element);
                }
            }
            Event::Text(piece) => add_text(&mut open, &piece.xml10_content(), start)?,
            Event::CData(piece) => add_text(&mut open, &piece.xml10_content(), start)?,
            Event::GeneralRef(reference) => {
                let character = reference
                    .resolve_char_ref()
                    .map_err(|error| syntax(start, &error))?;
                let name = reference.xml10_content();
                match (character, resolve_predefined_entity(&name)) {
                    (Some(character), _) => {
                        add_text(&mut open, character.encode_utf8(&mut [0; 4]), start)?;
                    }
                    (None, Some(text)) => add_text(&mut open, text, start)?,
                    (None, None) => return Err(unknown_entity(start, &name)),
                }
            }
            Event::DocType(_) => {
                let what = "document types (<!DOCTYPE) and their entities";
                return Err(Fault::new(start, Problem::Forbidden(what)));
            }
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => break,
        }
    }
    match (open.pop(), root) {
        (Some(element), _) => {
            let what = format!("<{}> is not closed", element.name);
            Err(Fault::new(element.at, not_xml(what)))
        }
        (None, Some(root)) => Ok(root),
        (None, None) => Err(Fault::new(0, not_xml("there is no element <Job>".into()))),
    }
}

fn close(open: &mut [Element], root: &mut Option<Element>, element: Element) {
    match open.last_mut() {
        Some(parent) => parent.children.push(element),
        None => *root = Some(element),
    }
}

fn add_text(open: &mut [Element], text: &str, at: usize) -> Result<(), Fault> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => {
            let what = format!("the text {} is outside of <Job>", quoted(text.trim()));
            return Err(Fault::new(at, not_xml(what)));
        }
    }
    Ok(())
}

/// `content_at`: where the name in the tag begins.
fn element(
    reader: &NsReader<&[u8]>,
    tag: &BytesStart<'_>,
    at: usize,
    content_at: usize,
) -> Result<Element, Fault> {
    let (namespace, name) = reader.resolver().resolve_element(tag.name());
    let name = name.into_inner();
    let unknown = match namespace {
        ResolveResult::Unbound => None,
        ResolveResult::Bound(Namespace(found)) if NAMESPACES.contains(&found) => None,
        ResolveResult::Bound(Namespace(found)) => Some(found.to_string()),
        ResolveResult::Unknown(prefix) => Some(prefix),
    };
    if let Some(found) = unknown {
        return Err(Fault::new(
            at,
            Problem::Unknown {
                what: "namespace",
                name: found,
                hint: format!("<{name}> must be in {} or in none", NAMESPACES[0]),
            },
        ));
    }
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| bad_attribute(content_at, &error))?;
        if attributes.len() == ATTRIBUTES_MAX {
            let max = ATTRIBUTES_MAX;
            return Err(Fault::new(at, Problem::TooManyAttributes { max }));
        }
        let key = attribute.key;
        let offset = (key.0.as_ptr() as usize).wrapping_sub(tag.as_ptr() as usize);
        let at = match offset <= tag.len() {
            true => content_at + offset,
            false => content_at,
        };
        let declares = match key.as_namespace_binding() {
            Some(PrefixDeclaration::Default | PrefixDeclaration::Named(_)) => true,
            None => false,
        };
        let (namespace, _) = reader.resolver().resolve_attribute(key);
        if declares || namespace == ResolveResult::Bound(Namespace(SCHEMA_INSTANCE)) {
            continue;
        }
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| {
                if let Error::Escape(EscapeError::UnrecognizedEntity(_, name)) = &error {
                    return unknown_entity(at, name);
                }
                syntax(at, &error)
            })?;
        attributes.push(Attribute {
            at,
            name: key.0.into(),
            value: value.into_owned(),
        });
    }
    Ok(Element {
        at,
        name: name.into(),
        attributes,
        ..Element::default()
    })
}

fn bad_attribute(content_at: usize, error: &AttrError) -> Fault {
    let (offset, what) = match *error {
        AttrError::ExpectedEq(at) => (at, "an attribute has no value; write NAME=\"value\""),
        AttrError::ExpectedValue(at) => (at, "an attribute has no value behind the ="),
        AttrError::UnquotedValue(at) => (at, "a value is not in quotation marks"),
        AttrError::ExpectedQuote(at, _) => (at, "a value has no closing quotation mark"),
        AttrError::Duplicated(at, _) => (at, "an attribute is given twice; remove one"),
    };
    Fault::new(content_at + offset, not_xml(what.into()))
}

fn second_root(at: usize) -> Fault {
    let what = "there is a second element beside <Job>; a file describes one job";
    Fault::new(at, not_xml(what.into()))
}

fn unknown_entity(at: usize, name: &str) -> Fault {
    let hint = "known here: amp, lt, gt, quot, apos, and characters by number".into();
    let (what, name) = ("entity", name.to_string());
    Fault::new(at, Problem::Unknown { what, name, hint })
}

fn syntax(at: usize, error: &Error) -> Fault {
    let message = error.to_string();
    // What follows there is advice for programmers.
    let what = message
        .split("; raise the limit")
        .next()
        .unwrap_or(&message);
    Fault::new(at, not_xml(what.into()))
}

fn not_xml(what: String) -> Problem {
    Problem::Syntax {
        format: Format::HpcXml,
        what,
    }
}

/// The text is in memory, so its positions are `usize`.
fn position(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
