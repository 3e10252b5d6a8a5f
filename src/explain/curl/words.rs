//! A command line to words, as a POSIX shell does it (XCU §2.2), and `$'…'` of bash. What a shell would have to
//! work out first (`$VARIABLE`, `$(command)`, `|`) is an error: nobody knows what it would be.

use std::{iter::Peekable, str::Chars};

/// Why a command line cannot be split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// A quotation mark has no other one.
    #[error("a {0} is not closed: paste the whole command line")]
    Open(char),
    /// A backslash stands at the end.
    #[error("the command line ends with a backslash: paste its next lines, too")]
    Backslash,
    /// The shell would put something in its place.
    #[error(
        "the shell would put something in the place of \"{0}\": paste what stands there then, or put it in single quotes"
    )]
    Expansion(char),
    /// The shell would do something else with it.
    #[error(
        "\"{0}\" ends the command or sends it somewhere: paste one curl command alone, with its URL in quotes"
    )]
    Operator(char),
    /// The caret of Windows' cmd.
    #[error(
        "this looks like a command line of Windows' cmd (^ at the end of a line): copy it as cURL (bash), or for POSIX"
    )]
    Caret,
    /// An escape of `$'…'` that says no character.
    #[error("an escape in $'…' says no character")]
    Escape,
}

type Reader<'l> = Peekable<Chars<'l>>;

pub(super) fn split(line: &str) -> Result<Vec<String>, WordsError> {
    if line.lines().any(|line| line.trim_end().ends_with(" ^")) {
        return Err(WordsError::Caret);
    }
    let line = line.trim();
    // A prompt that was copied with it.
    let line = line
        .strip_prefix("$ ")
        .unwrap_or(line)
        .replace("\r\n", "\n");
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            ' ' | '\t' => words.extend(word.take()),
            '\n' if rest.clone().all(char::is_whitespace) => break,
            '\'' => single(&mut rest, word.get_or_insert_default())?,
            '"' => double(&mut rest, word.get_or_insert_default())?,
            '\\' => match rest.next().ok_or(WordsError::Backslash)? {
                '\n' => {}
                escaped => word.get_or_insert_default().push(escaped),
            },
            '$' => match rest.peek() {
                Some('\'') => {
                    rest.next();
                    ansi(&mut rest, word.get_or_insert_default())?;
                }
                Some('"') => {}
                next => plain_dollar(next, word.get_or_insert_default())?,
            },
            '`' => return Err(WordsError::Expansion('`')),
            ';' | '&' | '|' | '<' | '>' | '(' | ')' | '\n' => {
                return Err(WordsError::Operator(if character == '\n' {
                    '⏎'
                } else {
                    character
                }));
            }
            // A comment goes on to the end of its line.
            '#' if word.is_none() => while rest.next_if(|c| *c != '\n').is_some() {},
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

fn single(rest: &mut Reader<'_>, word: &mut String) -> Result<(), WordsError> {
    loop {
        match rest.next().ok_or(WordsError::Open('\''))? {
            '\'' => return Ok(()),
            other => word.push(other),
        }
    }
}

fn double(rest: &mut Reader<'_>, word: &mut String) -> Result<(), WordsError> {
    loop {
        match rest.next().ok_or(WordsError::Open('"'))? {
            '"' => return Ok(()),
            '\\' => match rest.next().ok_or(WordsError::Open('"'))? {
                escaped @ ('$' | '`' | '"' | '\\') => word.push(escaped),
                '\n' => {}
                other => word.extend(['\\', other]),
            },
            '$' => plain_dollar(rest.peek(), word)?,
            '`' => return Err(WordsError::Expansion('`')),
            other => word.push(other),
        }
    }
}

/// A `$` that begins nothing is itself.
fn plain_dollar(next: Option<&char>, word: &mut String) -> Result<(), WordsError> {
    let begins = |c: &char| c.is_ascii_alphanumeric() || "_{(@*#?-$!".contains(*c);
    if next.is_some_and(begins) {
        return Err(WordsError::Expansion('$'));
    }
    word.push('$');
    Ok(())
}

/// `$'…'`.
fn ansi(rest: &mut Reader<'_>, word: &mut String) -> Result<(), WordsError> {
    loop {
        match rest.next().ok_or(WordsError::Open('\''))? {
            '\'' => return Ok(()),
            '\\' => escaped(rest, word)?,
            other => word.push(other),
        }
    }
}

/// What follows a backslash in `$'…'`; before anything else it is itself.
fn escaped(rest: &mut Reader<'_>, word: &mut String) -> Result<(), WordsError> {
    let character = match rest.next().ok_or(WordsError::Open('\''))? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'e' | 'E' => '\u{1b}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        'x' => number(rest, 16, 2)?,
        'u' => number(rest, 16, 4)?,
        'U' => number(rest, 16, 8)?,
        '0'..='7' => return Err(WordsError::Escape),
        other @ ('\\' | '\'' | '"' | '?') => other,
        other => {
            word.push('\\');
            other
        }
    };
    word.push(character);
    Ok(())
}

fn number(rest: &mut Reader<'_>, radix: u32, most: usize) -> Result<char, WordsError> {
    let mut value: u32 = 0;
    let mut digits = 0;
    while digits < most
        && let Some(digit) = rest.peek().and_then(|c| c.to_digit(radix))
    {
        rest.next();
        value = value.saturating_mul(radix).saturating_add(digit);
        digits += 1;
    }
    // A byte beyond ASCII is part of a character whose other bytes are not looked at.
    let is_whole = digits > 0 && (most > 2 || value < 0x80);
    char::from_u32(value)
        .filter(|_| is_whole)
        .ok_or(WordsError::Escape)
}
