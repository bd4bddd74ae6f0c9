//! The text of one YAML file as a tree, with the place of every value and every duplicate key.
//!
//! It drives the parser that crate `config` itself uses, but by its events: that crate's own reader turns scalars into
//! numbers, forgets where they stood, stops at the first duplicate key and copies aliases without bound. Left out on
//! purpose: tags (but `!!str`), merge keys (`<<`) and more than one document in a file.

use super::error::{Place, Problem};
use super::tree::{Kind, Node, Scalar, Segment, path_text};
use std::collections::BTreeMap;
use std::sync::Arc;
use yaml_rust2::parser::{Event, Parser, Tag};
use yaml_rust2::scanner::{Marker, TScalarStyle};

/// How deep a configuration may be nested; the deepest known key is at six.
const DEPTH: usize = 32;
/// How many values a file may hold, aliases resolved.
const VALUES: usize = 100_000;
/// How long a file may be.
pub(super) const BYTES: usize = 4 * 1024 * 1024;

/// Parses a file; an empty one is an empty map, `None` one that cannot be read to its end. What is wrong is added to
/// `problems`.
pub(super) fn parse(layer: usize, name: &Arc<str>, text: &str, problems: &mut Vec<Problem>) -> Option<Node> {
    let file = File { layer, name };
    let empty = Node::map(BTreeMap::new(), file.place(None));
    if text.len() > BYTES {
        problems.push(Problem::new(empty.at, "", format!("is longer than {BYTES} bytes: this is no configuration")));
        return None;
    }
    let mut builder = Builder { file, stack: Vec::new(), anchors: BTreeMap::new(), root: None, values: 0, problems };
    match builder.run(text.trim_start_matches('\u{feff}')) {
        Ok(()) => {}
        Err(Stop { at, why }) => {
            problems.push(Problem::new(at, "", why));
            return None;
        }
    }
    match builder.root.take() {
        None | Some(Node { kind: Kind::Null, .. }) => Some(empty),
        Some(node @ Node { kind: Kind::Map(_), .. }) => Some(node),
        Some(other) => {
            let what = format!("came {}; a configuration is a map, as in `migration: shop-prod`", other.noun());
            problems.push(Problem::new(other.at, "", what));
            None
        }
    }
}

/// Which file this is.
struct File<'a> {
    layer: usize,
    name: &'a Arc<str>,
}

impl File<'_> {
    fn place(&self, mark: Option<&Marker>) -> Place {
        let (line, column) = mark.map_or((0, 0), |m| (m.line(), m.col() + 1));
        Place::File { layer: self.layer, name: self.name.clone(), line, column }
    }
}

/// Why a file cannot be read any further.
struct Stop {
    at: Place,
    why: String,
}

struct Builder<'a> {
    file: File<'a>,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, Node>,
    root: Option<Node>,
    values: usize,
    problems: &'a mut Vec<Problem>,
}

/// A list or map that is still open.
struct Frame {
    at: Place,
    anchor: usize,
    content: Open,
}

enum Open {
    List(Vec<Node>),
    Map { entries: BTreeMap<String, Node>, key: Option<(String, Place)> },
}

impl Builder<'_> {
    fn run(&mut self, text: &str) -> Result<(), Stop> {
        let mut parser = Parser::new_from_str(text).keep_tags(true);
        loop {
            let (event, mark) = parser.next_token().map_err(|e| Stop {
                at: self.file.place(Some(e.marker())),
                why: format!("is not YAML: {}", e.info()),
            })?;
            let at = self.file.place(Some(&mark));
            match event {
                Event::StreamEnd => return Ok(()),
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
                Event::DocumentStart if self.root.is_some() => {
                    return Err(Stop { at, why: "has a second document (`---`); give it as a second file".into() });
                }
                Event::DocumentStart => {}
                Event::Scalar(text, style, anchor, tag) => {
                    let plain = style == TScalarStyle::Plain && !self.is_str(&at, tag.as_ref())?;
                    self.scalar(text, plain, anchor, at)?;
                }
                Event::Alias(id) => {
                    let Some(node) = self.anchors.get(&id).cloned() else {
                        return Err(Stop { at, why: "an alias inside of what it stands for".into() });
                    };
                    // A copy of a copy of a copy: ten lines could ask for all the memory there is.
                    self.values = self.values.saturating_add(node.size());
                    if self.stack.len() + node.depth() > DEPTH {
                        return Err(Stop { at, why: format!("is nested deeper than {DEPTH} levels") });
                    }
                    let node = Node { at: at.clone(), ..node };
                    self.add(node, 0, &at)?;
                }
                Event::SequenceStart(anchor, tag) => {
                    self.is_str(&at, tag.as_ref())?;
                    self.open(anchor, Open::List(Vec::new()), at)?;
                }
                Event::MappingStart(anchor, tag) => {
                    self.is_str(&at, tag.as_ref())?;
                    self.open(anchor, Open::Map { entries: BTreeMap::new(), key: None }, at)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(&at)?,
            }
        }
    }

    /// Whether a tag says that this is a text; any other tag cannot be honoured.
    fn is_str(&self, at: &Place, tag: Option<&Tag>) -> Result<bool, Stop> {
        match tag {
            None => Ok(false),
            Some(tag) if tag.suffix == "str" => Ok(true),
            Some(_) => {
                Err(Stop { at: at.clone(), why: "tags (`!…`) are not supported; quote what is a text".into() })
            }
        }
    }

    fn scalar(&mut self, text: String, plain: bool, anchor: usize, at: Place) -> Result<(), Stop> {
        let null = plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL");
        if let Some(Frame { content: Open::Map { key: key @ None, .. }, .. }) = self.stack.last_mut() {
            if null {
                return Err(Stop { at, why: "a value without a key".into() });
            }
            *key = Some((text, at));
            return Ok(());
        }
        let kind = if null { Kind::Null } else { Kind::Scalar(Scalar { text, plain }) };
        let node = Node { kind, at: at.clone() };
        self.add(node, anchor, &at)
    }

    fn open(&mut self, anchor: usize, content: Open, at: Place) -> Result<(), Stop> {
        if self.stack.len() >= DEPTH {
            return Err(Stop { at, why: format!("is nested deeper than {DEPTH} levels") });
        }
        if let Some(Frame { content: Open::Map { key: None, .. }, .. }) = self.stack.last() {
            return Err(Stop { at, why: "a list or a map cannot be a key; quote it if it is a name".into() });
        }
        self.stack.push(Frame { at, anchor, content });
        Ok(())
    }

    fn close(&mut self, at: &Place) -> Result<(), Stop> {
        let Some(frame) = self.stack.pop() else {
            return Err(Stop { at: at.clone(), why: "is not YAML: something is closed that was never opened".into() });
        };
        let kind = match frame.content {
            Open::List(items) => Kind::List(items),
            Open::Map { entries, .. } => Kind::Map(entries),
        };
        self.add(Node { kind, at: frame.at }, frame.anchor, at)
    }

    /// Puts a finished value where it belongs.
    fn add(&mut self, node: Node, anchor: usize, at: &Place) -> Result<(), Stop> {
        self.values += 1;
        if self.values > VALUES {
            return Err(Stop { at: at.clone(), why: format!("holds more than {VALUES} values") });
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let parents = self.stack.len().saturating_sub(1);
        let above = self.stack.iter().take(parents).filter_map(|f| match &f.content {
            Open::Map { key: Some((key, _)), .. } => Some(Segment::Key(key.clone())),
            _ => None,
        });
        let mut path: Vec<Segment> = above.collect();
        match self.stack.last_mut().map(|f| &mut f.content) {
            None => self.root = Some(node),
            Some(Open::List(items)) => items.push(node),
            Some(Open::Map { entries, key }) => {
                let Some((key, key_at)) = key.take() else {
                    return Err(Stop { at: at.clone(), why: "an alias cannot be a key".into() });
                };
                if let Some(first) = entries.get(&key) {
                    let what = format!("is given twice; the first one is at {}", first.at);
                    path.push(Segment::Key(key));
                    self.problems.push(Problem::new(key_at, path_text(&path), what));
                } else {
                    entries.insert(key, node);
                }
            }
        }
        Ok(())
    }
}
