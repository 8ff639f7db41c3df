//! Compiles filters of events to SQL.
//!
//! Everything but regular expressions is evaluated by PostgreSQL. A filter with regular expressions becomes a condition that further
//! events may meet, and a [`Check`] of those that meet it.

use regex::Regex;
use tokio_postgres::Row;

use super::answers;
use super::fold::folded_for;
use super::params::storable;
use super::query::Query;
use crate::pattern;
use crate::storage::{
    EventCondition, EventField, EventFilter, FieldKind, FilterOperator, FilterValue, StorageError,
    fold_case, folds_case,
};

/// Returns a condition on rows of the table `events`, which the query calls `e`. All events that match the filter meet it, and no others
/// unless the filter has regular expressions.
///
/// An operator that null does not match may be null there. No operator is negated as a whole, so null acts like false.
pub(super) fn condition(query: &mut Query<'_>, filter: &EventFilter) -> String {
    match filter {
        EventFilter::All(filters) if filters.is_empty() => "true".to_owned(),
        EventFilter::All(filters) => joined(query, filters, " AND "),
        EventFilter::Any(filters) => joined(query, filters, " OR "),
        EventFilter::Condition(condition) => Compiler { query }.condition(condition),
    }
}

fn joined(query: &mut Query<'_>, filters: &[EventFilter], separator: &str) -> String {
    let filters: Vec<_> = filters.iter().map(|filter| condition(query, filter)).collect();
    format!("({})", filters.join(separator))
}

/// Returns an expression for the value of a field: text, a number, or JSON.
pub(super) fn field(query: &mut Query<'_>, field: &EventField) -> String {
    let column = match field {
        EventField::Timestamp => "created_at",
        EventField::EventId => "name",
        EventField::CorrelationId => "correlation_id",
        EventField::ModelName => "model_name",
        EventField::ApiAgentId => "api_agent_id",
        EventField::FirstSystemMessage => "first_system_message",
        EventField::LastUserMessagePreview => "last_user_message_preview",
        EventField::ResponseMessagesPreview => "response_messages_preview",
        EventField::InvokedTools => return "json_of(e.invoked_tools)".to_owned(),
        EventField::TotalTimeElapsed => "total_time_elapsed",
        EventField::InputTokens => "input_tokens",
        EventField::OutputTokens => "output_tokens",
        EventField::Metadata => "metadata",
        // The text of a value that is not a string is its JSON, which `jsonb` does not keep.
        EventField::MetadataKey(key) => {
            let key = query.bind(storable(key).into_owned());
            return format!("(e.metadata::json ->> {key})");
        }
        EventField::Annotation(judge) => {
            let judge = query.bind(judge.to_string());
            return format!("(e.answers -> {judge})");
        }
    };
    format!("e.{column}")
}

struct Compiler<'q, 'a> {
    query: &'q mut Query<'a>,
}

impl Compiler<'_, '_> {
    fn condition(&mut self, condition: &EventCondition) -> String {
        use FilterOperator::*;

        let EventCondition { field, operator, value } = condition;
        let kind = field.kind();
        let expression = self::field(self.query, field);
        match operator {
            Eq => {
                let is_equal = format!("{expression} = {}", self.value(kind, value));
                match field {
                    EventField::ModelName => {
                        format!("({is_equal} AND {})", self.prefix(&expression, value))
                    }
                    _ => is_equal,
                }
            }
            Neq => format!("{expression} IS DISTINCT FROM {}", self.value(kind, value)),
            Lt => self.compare(kind, &expression, "<", value),
            Lte => self.compare(kind, &expression, "<=", value),
            Gt => self.compare(kind, &expression, ">", value),
            Gte => self.compare(kind, &expression, ">=", value),
            Includes => format!("{expression} ? {}", self.value(kind, value)),
            Excludes => {
                let value = self.value(kind, value);
                format!("({expression} IS NULL OR NOT {expression} ? {value})")
            }
            LenEq => format!("jsonb_array_length({expression}) = {}", self.value(kind, value)),
            IsNull if *value == FilterValue::Boolean(true) => format!("{expression} IS NULL"),
            IsNull => format!("{expression} IS NOT NULL"),
            Matches => format!("{} IS NOT NULL", text_of(kind, &expression)),
            Contains | NotContains | IContains | INotContains | StartsWith | IStartsWith
            | EndsWith | IEndsWith => self.search(*operator, &text_of(kind, &expression), value),
        }
    }

    /// Compiles an operator that searches a text.
    fn search(&mut self, operator: FilterOperator, text: &str, value: &FilterValue) -> String {
        use FilterOperator::*;

        let FilterValue::Text(value) = value else { return "false".to_owned() };
        let value = storable(value);
        let (text, value) = if folds_case(operator) {
            let value = fold_case(&value);
            (folded_for(self.query, text, &value), value)
        } else {
            (text.to_owned(), value.into_owned())
        };
        let value = self.query.bind(value);
        match operator {
            NotContains | INotContains => format!("coalesce(strpos({text}, {value}), 0) = 0"),
            StartsWith | IStartsWith => format!("starts_with({text}, {value})"),
            EndsWith | IEndsWith => format!("right({text}, length({value})) = {value}"),
            _ => format!("strpos({text}, {value}) > 0"),
        }
    }

    /// Returns an expression for the value that a field of a kind is compared with.
    fn value(&mut self, kind: FieldKind, value: &FilterValue) -> String {
        match (kind, value) {
            (FieldKind::Answer, FilterValue::Text(text)) => {
                let text = self.query.bind(storable(text).into_owned());
                format!("to_jsonb({text})")
            }
            (FieldKind::Answer, FilterValue::Integer(number)) => {
                let number = self.query.bind(*number);
                format!("to_jsonb({number})")
            }
            (FieldKind::Answer, FilterValue::Real(number)) => {
                let number = self.query.bind(answers::number(*number));
                format!("to_jsonb({number}::numeric)")
            }
            // Exact, as a whole number is not converted to a floating point number.
            (FieldKind::Integer, FilterValue::Real(number)) => {
                let number = self.query.bind(answers::number(*number));
                format!("{number}::numeric")
            }
            (FieldKind::Real, FilterValue::Integer(number)) => self.query.bind(*number as f64),
            (_, FilterValue::Text(text)) => self.query.bind(storable(text).into_owned()),
            (_, FilterValue::Integer(number)) => self.query.bind(*number),
            (_, FilterValue::Real(number)) => self.query.bind(*number),
            (_, FilterValue::Time(time)) => self.query.bind(time.micros()),
            (_, FilterValue::Boolean(value)) => self.query.bind(*value),
        }
    }

    fn compare(
        &mut self,
        kind: FieldKind,
        expression: &str,
        operator: &str,
        value: &FilterValue,
    ) -> String {
        let value = self.value(kind, value);
        match kind {
            FieldKind::Answer => format!(
                "(CASE WHEN jsonb_typeof({expression}) = 'number' THEN {expression} {operator} {value} END)"
            ),
            _ => format!("{expression} {operator} {value}"),
        }
    }

    /// Returns a condition that lets the index on the beginning of a text be used for a comparison with the text.
    fn prefix(&mut self, expression: &str, value: &FilterValue) -> String {
        let FilterValue::Text(text) = value else { return "false".to_owned() };
        let prefix = self.query.bind(storable(text).chars().take(200).collect::<String>());
        format!("left({expression}, 200) = {prefix}")
    }
}

/// Returns an expression for the text in a field. Numbers are null.
fn text_of(kind: FieldKind, expression: &str) -> String {
    match kind {
        FieldKind::Answer => format!(
            "(CASE WHEN jsonb_typeof({expression}) = 'string' THEN {expression} #>> '{{}}' END)"
        ),
        _ => expression.to_owned(),
    }
}

/// Decides for an event that meets the condition of a filter whether it matches.
#[derive(Debug)]
pub(super) enum Check {
    All(Vec<Self>),
    Any(Vec<Self>),
    /// A column with the result of the database.
    Column(usize),
    /// A column with a text that has to contain a match.
    Matches(usize, Regex),
}

impl Check {
    pub(super) fn matches(&self, row: &Row) -> bool {
        match self {
            Self::All(checks) => checks.iter().all(|check| check.matches(row)),
            Self::Any(checks) => checks.iter().any(|check| check.matches(row)),
            Self::Column(column) => row.get(*column),
            Self::Matches(column, pattern) => {
                row.get::<_, Option<&str>>(*column).is_some_and(|text| pattern.is_match(text))
            }
        }
    }
}

/// Returns what remains to be checked of events that meet the condition of a filter, or `None` if all of them match. Appends the columns
/// that the check reads to `columns`, which are the columns of the query.
pub(super) fn check(
    query: &mut Query<'_>,
    filter: &EventFilter,
    columns: &mut Vec<String>,
) -> Result<Option<Check>, StorageError> {
    Ok(match filter {
        filter if !has_pattern(filter) => None,
        EventFilter::All(filters) => {
            let mut checks = Vec::new();
            for filter in filters {
                checks.extend(check(query, filter, columns)?);
            }
            Some(Check::All(checks))
        }
        filter => Some(complete_check(query, filter, columns)?),
    })
}

/// Like [`check`], of events that need not meet the condition.
fn complete_check(
    query: &mut Query<'_>,
    filter: &EventFilter,
    columns: &mut Vec<String>,
) -> Result<Check, StorageError> {
    let mut all = |query: &mut Query<'_>, filters: &[EventFilter]| {
        let checks = filters.iter().map(|filter| complete_check(query, filter, columns));
        checks.collect::<Result<Vec<_>, _>>()
    };
    Ok(match filter {
        filter if !has_pattern(filter) => {
            let condition = condition(query, filter);
            columns.push(format!("coalesce({condition}, false)"));
            Check::Column(columns.len() - 1)
        }
        EventFilter::All(filters) => Check::All(all(query, filters)?),
        EventFilter::Any(filters) => Check::Any(all(query, filters)?),
        EventFilter::Condition(EventCondition { field, value, .. }) => {
            let FilterValue::Text(value) = value else { return Ok(Check::Any(Vec::new())) };
            let pattern =
                pattern::compile(value).map_err(|error| StorageError::Failed(error.into()))?;
            let expression = self::field(query, field);
            columns.push(text_of(field.kind(), &expression));
            Check::Matches(columns.len() - 1, pattern)
        }
    })
}

/// Returns whether a filter contains a regular expression.
fn has_pattern(filter: &EventFilter) -> bool {
    match filter {
        EventFilter::All(filters) | EventFilter::Any(filters) => filters.iter().any(has_pattern),
        EventFilter::Condition(condition) => condition.operator == FilterOperator::Matches,
    }
}
