//! The grammar of filters (RFC 4515 §3).

use super::{AND, APPROX, EQUAL, FilterError, GREATER, LESS, MAX_DEPTH, Node, OR, Piece, Value};

/// Reads a text from left to right.
pub(super) struct Parser<'t> {
    text: &'t str,
    at: usize,
    /// Whether `{user}` was read.
    pub(super) has_user: bool,
    /// Whether `{dn}` was read.
    pub(super) has_dn: bool,
}

impl<'t> Parser<'t> {
    /// A parser at the beginning of `text`.
    pub(super) const fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            has_user: false,
            has_dn: false,
        }
    }

    /// The one filter that the text is.
    pub(super) fn whole(&mut self) -> Result<Node, FilterError> {
        let node = self.filter(0)?;
        if self.at < self.text.len() {
            return Err(self.wanted("nothing more"));
        }
        Ok(node)
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take(&mut self, token: &str) -> bool {
        let there = self.rest().starts_with(token);
        self.at += if there { token.len() } else { 0 };
        there
    }

    fn wanted(&self, wanted: &'static str) -> FilterError {
        FilterError::Syntax {
            at: self.at,
            wanted,
        }
    }

    fn expect(&mut self, token: &'static str) -> Result<(), FilterError> {
        if self.take(token) {
            Ok(())
        } else {
            Err(self.wanted(token))
        }
    }

    fn filter(&mut self, depth: usize) -> Result<Node, FilterError> {
        if depth > MAX_DEPTH {
            return Err(FilterError::TooLarge);
        }
        self.expect("(")?;
        let node = if self.take("&") {
            Node::Set(AND, self.filters(depth)?)
        } else if self.take("|") {
            Node::Set(OR, self.filters(depth)?)
        } else if self.take("!") {
            Node::Not(Box::new(self.filter(depth + 1)?))
        } else {
            self.item()?
        };
        self.expect(")")?;
        Ok(node)
    }

    fn filters(&mut self, depth: usize) -> Result<Vec<Node>, FilterError> {
        let mut filters = vec![self.filter(depth + 1)?];
        while self.rest().starts_with('(') {
            filters.push(self.filter(depth + 1)?);
        }
        Ok(filters)
    }

    fn item(&mut self) -> Result<Node, FilterError> {
        let attribute = self.word();
        if self.rest().starts_with(':') {
            return self.extensible(attribute);
        }
        if attribute.is_empty() {
            return Err(self.wanted("an attribute"));
        }
        let attribute: Box<str> = attribute.into();
        for (token, tag) in [(">=", GREATER), ("<=", LESS), ("~=", APPROX)] {
            if self.take(token) {
                return Ok(Node::Compare(tag, attribute, self.value()?));
            }
        }
        self.expect("=")?;
        let mut parts = vec![self.value()?];
        while self.take("*") {
            parts.push(self.value()?);
        }
        match parts.len() {
            1 => Ok(Node::Compare(
                EQUAL,
                attribute,
                parts.pop().unwrap_or_default(),
            )),
            2 if parts.iter().all(Vec::is_empty) => Ok(Node::Present(attribute)),
            count => {
                let within = parts.iter().take(count - 1).skip(1);
                if within.clone().any(Vec::is_empty) || parts.iter().all(Vec::is_empty) {
                    return Err(self.wanted("something between two asterisks"));
                }
                Ok(Node::Substrings(attribute, parts))
            }
        }
    }

    fn extensible(&mut self, attribute: &str) -> Result<Node, FilterError> {
        let (mut dn, mut rule) = (false, "");
        while !self.take(":=") {
            self.expect(":")?;
            match self.word() {
                "dn" if !dn && rule.is_empty() => dn = true,
                word if !word.is_empty() && rule.is_empty() => rule = word,
                _ => return Err(self.wanted(":=")),
            }
        }
        if attribute.is_empty() && rule.is_empty() {
            return Err(self.wanted("an attribute or a matching rule"));
        }
        Ok(Node::Extensible {
            attribute: attribute.into(),
            dn,
            rule: rule.into(),
            value: self.value()?,
        })
    }

    /// The name of an attribute with its options, or of a matching rule.
    fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let is_in = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ';');
        let end = rest.find(|c| !is_in(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// Up to what ends a value: a parenthesis or an asterisk.
    fn value(&mut self) -> Result<Value, FilterError> {
        let (mut pieces, mut bytes) = (Vec::new(), Vec::new());
        let mut flush = |bytes: &mut Vec<u8>, next: Option<Piece>| {
            if !bytes.is_empty() {
                pieces.push(Piece::Bytes(std::mem::take(bytes)));
            }
            pieces.extend(next);
        };
        loop {
            let Some(next) = self.rest().chars().next() else {
                return Err(self.wanted(")"));
            };
            match next {
                ')' | '*' => break,
                '(' | '\0' => return Err(self.wanted("no parenthesis: write it as \\28")),
                '\\' => {
                    let digits = self.rest().get(1..3).unwrap_or_default();
                    let hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
                    let byte = u8::from_str_radix(digits, 16).ok().filter(|_| hexadecimal);
                    bytes.push(byte.ok_or_else(|| self.wanted("two hexadecimal digits after \\"))?);
                    self.at += 3;
                }
                '{' | '}' => {
                    let place = self.place()?;
                    flush(&mut bytes, Some(place));
                }
                other => {
                    let mut encoded = [0; 4];
                    bytes.extend_from_slice(other.encode_utf8(&mut encoded).as_bytes());
                    self.at += other.len_utf8();
                }
            }
        }
        flush(&mut bytes, None);
        Ok(pieces)
    }

    fn place(&mut self) -> Result<Piece, FilterError> {
        if self.take("{user}") {
            self.has_user = true;
            return Ok(Piece::User);
        }
        if self.take("{dn}") {
            self.has_dn = true;
            return Ok(Piece::Dn);
        }
        Err(FilterError::Place(self.at))
    }
}
