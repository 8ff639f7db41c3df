//! Parses expressions and checks their fields and values.

use super::error::{SearchError, SearchErrorKind};
use super::lexer::{Token, invalid, tokens};
use super::{Comparison, Condition, Entity, Expression, Kind, Operand, Operator, Target, Test};
use crate::pattern;
use crate::time::Timestamp;

/// The maximum depth of parentheses and `NOT`.
const MAX_DEPTH: usize = 64;

/// The maximum number of tests. SQLite limits the depth of expressions to 1,000, and each test of a conjunction adds a level.
const MAX_TESTS: usize = 250;

/// The maximum number of values in all lists.
const MAX_VALUES: usize = 1_000;

/// Parses an expression over the fields of an entity. Returns `None` for one that is empty, which everything matches.
pub(crate) fn parse(entity: Entity, text: &str) -> Result<Option<Expression>, SearchError> {
    let mut parser = Parser::new(entity, text)?;
    if parser.tokens.is_empty() {
        return Ok(None);
    }
    let expression = parser.any_of()?;
    parser.end("AND, OR, or the end of the expression")?;
    Ok(Some(expression))
}

/// Parses the name of a field, with a key if it has attributes.
pub(crate) fn parse_target(entity: Entity, text: &str) -> Result<Target, SearchError> {
    let mut parser = Parser::new(entity, text)?;
    let target = parser.target()?;
    parser.end("the end of the name")?;
    Ok(target)
}

struct Parser<'a> {
    entity: Entity,
    text: &'a str,
    tokens: Vec<(usize, Token<'a>)>,
    /// The index of the next token.
    next: usize,
    depth: usize,
    tests: usize,
    values: usize,
}

type Result<T, E = SearchError> = std::result::Result<T, E>;

impl<'a> Parser<'a> {
    fn new(entity: Entity, text: &'a str) -> Result<Self> {
        let tokens = tokens(text)?;
        Ok(Self { entity, text, tokens, next: 0, depth: 0, tests: 0, values: 0 })
    }

    /// Parses tests that are joined by OR.
    fn any_of(&mut self) -> Result<Expression> {
        let mut parts = vec![self.all_of()?];
        while self.take_keyword("OR") {
            parts.push(self.all_of()?);
        }
        Ok(joined(parts, Expression::Or))
    }

    fn all_of(&mut self) -> Result<Expression> {
        let mut parts = vec![self.negation()?];
        while self.take_keyword("AND") {
            parts.push(self.negation()?);
        }
        Ok(joined(parts, Expression::And))
    }

    fn negation(&mut self) -> Result<Expression> {
        if self.take_keyword("NOT") {
            let negated = self.nested(Self::negation)?;
            return Ok(Expression::Not(negated.into()));
        }
        if self.take_symbol("(") {
            let expression = self.nested(Self::any_of)?;
            self.expect_symbol(")")?;
            return Ok(expression);
        }
        self.test()
    }

    /// Parses what is one level deeper.
    fn nested(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<Expression>,
    ) -> Result<Expression> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!(
                "parentheses and NOT are nested more than {MAX_DEPTH} levels deep"
            )));
        }
        let expression = parse(self);
        self.depth -= 1;
        expression
    }

    fn test(&mut self) -> Result<Expression> {
        self.count_test()?;
        if let Some(function) = self.take_function() {
            return self.function(function).map(Expression::Test);
        }
        let target = self.target()?;
        let start = self.next;
        let (operator, is_negated) = self.operator()?;
        self.check_support(&target, operator, is_negated, start)?;
        let condition = match operator {
            Operator::Eq => Condition::Compare(Comparison::Eq, self.operand(&target)?),
            Operator::Lt => Condition::Compare(Comparison::Lt, self.operand(&target)?),
            Operator::Lte => Condition::Compare(Comparison::Lte, self.operand(&target)?),
            Operator::Gt => Condition::Compare(Comparison::Gt, self.operand(&target)?),
            Operator::Gte => Condition::Compare(Comparison::Gte, self.operand(&target)?),
            Operator::Between => {
                let low = self.operand(&target)?;
                self.expect_keyword("AND")?;
                Condition::Between(low, self.operand(&target)?)
            }
            Operator::In => {
                self.expect_symbol("(")?;
                let values = self.operands(&target)?;
                self.expect_symbol(")")?;
                Condition::In(values)
            }
            Operator::Like => Condition::Like(self.like_pattern()?),
            Operator::ILike => Condition::ILike(self.like_pattern()?),
            Operator::Contains if target.field.kind == Kind::List => {
                Condition::Has(self.operand(&target)?)
            }
            Operator::Contains => Condition::Contains(self.text()?),
            Operator::Regexp => Condition::Regexp(self.regular_expression()?),
            _ => Condition::Exists,
        };
        let test = Expression::Test(Test { target, condition });
        Ok(if is_negated { Expression::Not(test.into()) } else { test })
    }

    /// Parses an operator. Returns the one that it is or negates, and whether it negates it.
    fn operator(&mut self) -> Result<(Operator, bool)> {
        for (symbol, operator, is_negated) in [
            ("=", Operator::Eq, false),
            ("!=", Operator::Eq, true),
            ("<", Operator::Lt, false),
            ("<=", Operator::Lte, false),
            (">", Operator::Gt, false),
            (">=", Operator::Gte, false),
        ] {
            if self.take_symbol(symbol) {
                return Ok((operator, is_negated));
            }
        }
        let is_negated = self.take_keyword("NOT");
        for (keyword, operator) in [
            ("LIKE", Operator::Like),
            ("ILIKE", Operator::ILike),
            ("CONTAINS", Operator::Contains),
            ("REGEXP", Operator::Regexp),
            ("BETWEEN", Operator::Between),
            ("IN", Operator::In),
            ("EXISTS", Operator::Exists),
        ] {
            if self.take_keyword(keyword) {
                return Ok((operator, is_negated));
            }
        }
        let symbols = if is_negated { "" } else { "=, !=, <, <=, >, >=, " };
        Err(self.error(format!(
            "expected {symbols}LIKE, ILIKE, CONTAINS, REGEXP, BETWEEN, IN, or EXISTS"
        )))
    }

    fn function(&mut self, function: Operator) -> Result<Test> {
        let start = self.next - 1;
        self.expect_symbol("(")?;
        let target = self.target()?;
        self.check_support(&target, function, false, start)?;
        self.expect_symbol(",")?;
        let condition = match function {
            Operator::Has => Condition::Has(self.operand(&target)?),
            Operator::HasToken => Condition::HasToken(self.token()?),
            _ => {
                self.expect_symbol("[")?;
                let values = self.operands(&target)?;
                self.expect_symbol("]")?;
                if function == Operator::HasAny {
                    Condition::HasAny(values)
                } else {
                    // Each value is a test.
                    values[1..].iter().try_for_each(|_| self.count_test())?;
                    Condition::HasAll(values)
                }
            }
        };
        self.expect_symbol(")")?;
        Ok(Test { target, condition })
    }

    fn take_function(&mut self) -> Option<Operator> {
        let [(_, Token::Name(name)), (_, Token::Symbol("(")), ..] = self.tokens.get(self.next..)?
        else {
            return None;
        };
        let functions = [Operator::Has, Operator::HasAny, Operator::HasAll, Operator::HasToken];
        let function =
            functions.into_iter().find(|function| name.eq_ignore_ascii_case(function.name()))?;
        self.next += 1;
        Some(function)
    }

    fn target(&mut self) -> Result<Target> {
        let start = self.next;
        let Some(Token::Name(name)) = self.peek() else {
            return Err(self.error("expected a field, a function, NOT, or a parenthesis"));
        };
        let field = self.entity.field(name);
        self.next += 1;
        let Some(field) = field else {
            let names: Vec<_> = self.entity.fields().iter().map(|field| field.name).collect();
            let message = format!("unknown field; expected one of {}", names.join(", "));
            return Err(self.field_error(start, message));
        };
        let has_key = self.take_symbol("[");
        match (field.kind == Kind::Map, has_key) {
            (false, false) => Ok(Target { field, key: None }),
            (true, true) => {
                let key = self.text()?;
                self.expect_symbol("]")?;
                Ok(Target { field, key: Some(key) })
            }
            (true, false) => {
                let message = format!("the field needs a key, as in {}['key']", field.name);
                Err(self.field_error(start, message))
            }
            (false, true) => {
                Err(self.field_error(start, format!("the field `{}` has no keys", field.name)))
            }
        }
    }

    fn check_support(
        &self,
        target: &Target,
        operator: Operator,
        is_negated: bool,
        token: usize,
    ) -> Result<()> {
        // A kind that supports an operator supports its negation as well.
        let supported = target.field.kind.operators();
        if supported.contains(&operator) {
            return Ok(());
        }
        let names: Vec<_> = supported.iter().map(|operator| operator.name()).collect();
        let (not, names) = (if is_negated { "not_" } else { "" }, names.join(", "));
        let message = format!(
            "the field `{}` does not support `{not}{}`; supported: {names}",
            target.field.name,
            operator.name()
        );
        Err(self.error_at(token, message))
    }

    /// Parses a value that a field is compared with.
    fn operand(&mut self, target: &Target) -> Result<Operand> {
        let operand = match (self.peek(), target.field.kind) {
            (Some(Token::Text(text)), Kind::Text | Kind::Enum | Kind::List | Kind::Map) => {
                Some(Operand::Text(text.clone()))
            }
            (Some(Token::Text(text)), Kind::Time) => time(text).map(Operand::Time),
            (Some(Token::Number(number)), Kind::Integer | Kind::Real | Kind::Map) => {
                read_number(number)
            }
            _ => None,
        };
        let Some(operand) = operand else {
            return Err(self.error(match target.field.kind {
                Kind::Text | Kind::Enum | Kind::List => "expected text in single quotes",
                Kind::Integer | Kind::Real => "expected a number without quotes",
                Kind::Time => "expected a time in single quotes, such as '2026-08-01T00:00:00Z'",
                Kind::Map => "expected a number, or text in single quotes",
            }));
        };
        self.next += 1;
        Ok(operand)
    }

    fn operands(&mut self, target: &Target) -> Result<Vec<Operand>> {
        let mut operands = Vec::new();
        loop {
            self.values += 1;
            if self.values > MAX_VALUES {
                return Err(self.error(format!("there are more than {MAX_VALUES} values in lists")));
            }
            operands.push(self.operand(target)?);
            if !self.take_symbol(",") {
                return Ok(operands);
            }
        }
    }

    fn text(&mut self) -> Result<String> {
        let Some(Token::Text(text)) = self.peek() else {
            return Err(self.error("expected text in single quotes"));
        };
        let text = text.clone();
        self.next += 1;
        Ok(text)
    }

    fn like_pattern(&mut self) -> Result<String> {
        let start = self.next;
        let pattern = self.text()?;
        if pattern.len() > pattern::MAX_PATTERN_BYTES {
            let message = format!("the pattern has more than {} bytes", pattern::MAX_PATTERN_BYTES);
            return Err(self.error_at(start, message));
        }
        Ok(pattern)
    }

    fn regular_expression(&mut self) -> Result<String> {
        let start = self.next;
        let pattern = self.text()?;
        pattern::compile(&pattern).map_err(|error| self.error_at(start, error.to_string()))?;
        Ok(pattern)
    }

    fn token(&mut self) -> Result<String> {
        let start = self.next;
        let token = self.text()?;
        if token.is_empty() || !token.chars().all(char::is_alphanumeric) {
            return Err(self.error_at(start, "a token consists of letters and digits"));
        }
        Ok(token)
    }

    fn count_test(&mut self) -> Result<()> {
        self.tests += 1;
        if self.tests > MAX_TESTS {
            return Err(self.error(format!("the expression has more than {MAX_TESTS} tests")));
        }
        Ok(())
    }

    fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.next).map(|(_, token)| token)
    }

    fn take_keyword(&mut self, keyword: &str) -> bool {
        let found =
            matches!(self.peek(), Some(Token::Name(name)) if name.eq_ignore_ascii_case(keyword));
        self.next += usize::from(found);
        found
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Symbol(next)) if *next == symbol);
        self.next += usize::from(found);
        found
    }

    fn expect_keyword(&mut self, keyword: &str) -> Result<()> {
        if self.take_keyword(keyword) {
            Ok(())
        } else {
            Err(self.error(format!("expected {keyword}")))
        }
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<()> {
        if self.take_symbol(symbol) {
            Ok(())
        } else {
            Err(self.error(format!("expected `{symbol}`")))
        }
    }

    fn end(&self, expected: &str) -> Result<()> {
        if self.next == self.tokens.len() {
            Ok(())
        } else {
            Err(self.error(format!("expected {expected}")))
        }
    }

    /// Creates an error at the next token.
    fn error(&self, message: impl Into<String>) -> SearchError {
        self.error_at(self.next, message)
    }

    fn error_at(&self, token: usize, message: impl Into<String>) -> SearchError {
        let byte = self.tokens.get(token).map_or(self.text.len(), |(start, _)| *start);
        invalid(self.text, byte, message)
    }

    fn field_error(&self, token: usize, message: impl Into<String>) -> SearchError {
        SearchError { kind: SearchErrorKind::UnknownField, ..self.error_at(token, message) }
    }
}

fn joined(
    mut parts: Vec<Expression>,
    join: impl FnOnce(Vec<Expression>) -> Expression,
) -> Expression {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}

fn time(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")))
}

fn read_number(text: &str) -> Option<Operand> {
    if let Ok(number) = text.parse() {
        return Some(Operand::Integer(number));
    }
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Operand::Real)
}
