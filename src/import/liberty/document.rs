//! The elements of a `server.xml`, with its variables put in.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
};

use roxmltree::{Node, ParsingOptions};

use super::super::{ImportError, Left};

/// The most nodes that a file may have.
const MAX_NODES: u32 = 100_000;

/// How often a variable may stand for another one.
const MAX_DEPTH: usize = 8;

/// A server's elements and variables.
pub(super) struct Document<'t> {
    root: Node<'t, 't>,
    variables: HashMap<String, String>,
    unknown: RefCell<BTreeSet<String>>,
}

/// One element.
pub(super) struct Element<'d, 't> {
    node: Node<'t, 't>,
    document: &'d Document<'t>,
}

/// The tree of a text. It has no entities of its own: they could grow without bounds.
pub(super) fn parse(text: &str) -> Result<roxmltree::Document<'_>, ImportError> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_NODES,
        ..ParsingOptions::default()
    };
    roxmltree::Document::parse_with_options(text, options).map_err(ImportError::Xml)
}

impl<'t> Document<'t> {
    pub(super) fn new(tree: &'t roxmltree::Document<'t>) -> Result<Self, ImportError> {
        let root = tree.root_element();
        if !matches!(root.tag_name().name(), "server" | "client") {
            let name = root.tag_name().name();
            let message = format!("it is no server.xml: its root is <{name}>, not <server>");
            return Err(ImportError::Other(message));
        }
        let variables = root.children().filter(|node| node.has_tag_name("variable"));
        let variables = variables.filter_map(|node| {
            let value = node.attribute("value").or(node.attribute("defaultValue"))?;
            Some((node.attribute("name")?.to_owned(), value.to_owned()))
        });
        Ok(Self {
            root,
            variables: variables.collect(),
            unknown: RefCell::default(),
        })
    }

    /// All elements of the server.
    pub(super) fn all(&self) -> impl Iterator<Item = Element<'_, 't>> {
        self.root
            .children()
            .filter(Node::is_element)
            .map(|node| Element {
                node,
                document: self,
            })
    }

    /// Those of one name.
    pub(super) fn elements(&self, name: &'static str) -> impl Iterator<Item = Element<'_, 't>> {
        self.all().filter(move |element| element.name() == name)
    }

    /// The one of this name and id.
    pub(super) fn by_id(&self, name: &'static str, id: &str) -> Option<Element<'_, 't>> {
        self.elements(name)
            .find(|e| e.attribute("id").as_deref() == Some(id))
    }

    /// `text` with variables put in. What is not known stays, for the environment to say.
    fn resolve(&self, text: &str, depth: usize) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, behind)) = after.split_once('}') else {
                out.push_str("${");
                rest = after;
                continue;
            };
            match (name, self.variables.get(name)) {
                ("server.config.dir", _) => out.push('.'),
                (_, Some(value)) if depth > 0 => out.push_str(&self.resolve(value, depth - 1)),
                _ => {
                    self.unknown.borrow_mut().insert(name.to_owned());
                    out.push_str(&format!("${{{}}}", environment(name)));
                }
            }
            rest = behind;
        }
        out.push_str(rest);
        out
    }

    /// Says which variables the environment has to have.
    pub(super) fn tell_unknown_variables(&self, left: &mut Vec<Left>) {
        for name in self.unknown.borrow().iter() {
            let why = format!("set the environment variable {}", environment(name));
            left.push(Left::new(format!("${{{name}}}"), why));
        }
    }
}

impl<'d, 't> Element<'d, 't> {
    pub(super) fn name(&self) -> &'t str {
        self.node.tag_name().name()
    }

    /// An attribute, with variables put in; `None` if it is empty.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        let value = self.node.attribute(name)?.trim();
        (!value.is_empty()).then(|| self.document.resolve(value, MAX_DEPTH))
    }

    /// The elements of a list, which are separated by commas.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let value = self.attribute(name).unwrap_or_default();
        let parts = value
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    }

    /// Whether an attribute is `true`, or what it is when it is absent.
    pub(super) fn is(&self, name: &str, default: bool) -> bool {
        self.attribute(name)
            .map_or(default, |value| value.eq_ignore_ascii_case("true"))
    }

    /// The names of all attributes.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &'t str> {
        self.node.attributes().map(|attribute| attribute.name())
    }

    /// The elements in it.
    pub(super) fn children(&self) -> impl Iterator<Item = Element<'d, 't>> {
        let document = self.document;
        self.node
            .children()
            .filter(Node::is_element)
            .map(move |node| Element { node, document })
    }
}

/// A variable's name as the environment can have it.
fn environment(name: &str) -> String {
    let legal = |c: char| {
        if c.is_ascii_alphanumeric() || c == '_' {
            c
        } else {
            '_'
        }
    };
    let name: String = name.chars().map(legal).collect();
    match name.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("_{name}"),
        false => name,
    }
}
