//! Splits an expression into tokens.

use winnow::combinator::{alt, delimited, opt, repeat};
use winnow::error::EmptyError;
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location};
use winnow::token::{one_of, take_while};

use super::error::{SearchError, SearchErrorKind};

/// The maximum length of an expression, in bytes.
pub(super) const MAX_BYTES: usize = 64 << 10;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A keyword or the name of a field or a function.
    Name(&'a str),
    Text(String),
    Number(&'a str),
    /// An operator or punctuation.
    Symbol(&'a str),
}

/// Returns the tokens, each with the byte at which it starts.
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token<'_>)>, SearchError> {
    if text.len() > MAX_BYTES {
        let message = format!("the expression has more than {MAX_BYTES} bytes");
        return Err(invalid(text, 0, message));
    }
    let mut input = LocatingSlice::new(text);
    let mut tokens = Vec::new();
    loop {
        space(&mut input).map_err(|_| invalid(text, 0, "expected an expression"))?;
        let start = input.current_token_start();
        let Some(next) = text[start..].chars().next() else { return Ok(tokens) };
        let token = alt((text_literal, number, name, symbol)).parse_next(&mut input);
        let token = token.map_err(|_| {
            let message = match next {
                '\'' => "the text that starts here has no closing quote",
                _ => "unexpected character; expected a field, an operator, a number, or text in single quotes",
            };
            invalid(text, start, message)
        })?;
        tokens.push((start, token));
    }
}

/// Creates an error at a byte of an expression.
pub(super) fn invalid(text: &str, byte: usize, message: impl Into<String>) -> SearchError {
    let offset = text[..byte].chars().count();
    SearchError { kind: SearchErrorKind::Invalid, offset, message: message.into() }
}

type Input<'a> = LocatingSlice<&'a str>;

fn space(input: &mut Input<'_>) -> Result<(), EmptyError> {
    take_while(0.., char::is_whitespace).void().parse_next(input)
}

fn text_literal<'a>(input: &mut Input<'a>) -> Result<Token<'a>, EmptyError> {
    let part = alt((
        take_while(1.., |character| character != '\'' && character != '\\'),
        r"\\".value(r"\"),
        r"\'".value("'"),
        "''".value("'"),
        r"\",
    ));
    let parts = repeat(0.., part).fold(String::new, |mut text, part| {
        text.push_str(part);
        text
    });
    delimited('\'', parts, '\'').map(Token::Text).parse_next(input)
}

fn number<'a>(input: &mut Input<'a>) -> Result<Token<'a>, EmptyError> {
    let digits = || take_while(1.., '0'..='9');
    let fraction = || ('.', digits());
    let exponent = (one_of(['e', 'E']), opt(one_of(['+', '-'])), digits());
    let mantissa = alt(((digits(), opt(fraction())).void(), fraction().void()));
    (opt(one_of(['+', '-'])), mantissa, opt(exponent)).take().map(Token::Number).parse_next(input)
}

fn name<'a>(input: &mut Input<'a>) -> Result<Token<'a>, EmptyError> {
    let first = one_of(|first: char| first.is_ascii_alphabetic() || first == '_');
    let rest =
        take_while(0.., |next: char| next.is_ascii_alphanumeric() || next == '_' || next == '.');
    (first, rest).take().map(Token::Name).parse_next(input)
}

fn symbol<'a>(input: &mut Input<'a>) -> Result<Token<'a>, EmptyError> {
    let comparison = alt(("<=", ">=", "!=", "=", "<", ">"));
    let punctuation = one_of(['(', ')', '[', ']', ',']).take();
    alt((comparison, punctuation)).map(Token::Symbol).parse_next(input)
}
