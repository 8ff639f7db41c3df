//! Compiles filters of events to SQL.

use rusqlite::types::Value;

use crate::storage::{
    EventCondition, EventField, EventFilter, FieldKind, FilterOperator, FilterValue,
    annotation_name, fold_case, folds_case,
};

/// A query that is being built, with its parameters.
#[derive(Default)]
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) parameters: Vec<Value>,
}

impl Query {
    pub(super) fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    /// Adds a parameter. Returns how the query refers to it.
    pub(super) fn bind(&mut self, value: impl Into<Value>) -> String {
        self.parameters.push(value.into());
        format!("?{}", self.parameters.len())
    }

    /// Appends a filter of the table `events`, which the query calls `e`.
    ///
    /// An operator that null does not match may be null there. No operator is negated as a whole, so null acts like false.
    pub(super) fn push_filter(&mut self, filter: &EventFilter) {
        match filter {
            EventFilter::All(filters) if filters.is_empty() => self.push("1"),
            EventFilter::All(filters) => self.push_joined(filters, " AND "),
            EventFilter::Any(filters) => self.push_joined(filters, " OR "),
            EventFilter::Condition(condition) => {
                let sql = self.condition(condition);
                self.push(&sql);
            }
        }
    }

    fn push_joined(&mut self, filters: &[EventFilter], separator: &str) {
        for (index, filter) in filters.iter().enumerate() {
            self.push(if index == 0 { "(" } else { separator });
            self.push_filter(filter);
        }
        self.push(")");
    }

    /// Returns an expression for the value of a field.
    pub(super) fn field(&mut self, field: &EventField) -> String {
        let column = match field {
            EventField::Timestamp => "created_at",
            EventField::EventId => "name",
            EventField::CorrelationId => "correlation_id",
            EventField::ModelName => "model_name",
            EventField::ApiAgentId => "api_agent_id",
            EventField::FirstSystemMessage => "first_system_message",
            EventField::LastUserMessagePreview => "last_user_message_preview",
            EventField::ResponseMessagesPreview => "response_messages_preview",
            EventField::InvokedTools => "invoked_tools",
            EventField::TotalTimeElapsed => "total_time_elapsed",
            EventField::InputTokens => "input_tokens",
            EventField::OutputTokens => "output_tokens",
            EventField::Metadata => "metadata",
            // A path cannot contain every key.
            EventField::MetadataKey(key) => {
                let key = self.bind(key.clone());
                return format!("json_text(e.metadata, {key})");
            }
            EventField::Annotation(judge) => {
                let path = self.bind(format!("$.\"{}\"", annotation_name(*judge)));
                return format!("json_extract(e.extra_fields, {path})");
            }
        };
        format!("e.{column}")
    }

    fn condition(&mut self, condition: &EventCondition) -> String {
        use FilterOperator::*;

        let EventCondition { field, operator, value } = condition;
        let kind = field.kind();
        let expression = self.field(field);
        let mut value = value.clone();
        if let (FilterValue::Text(text), true) = (&mut value, folds_case(*operator)) {
            *text = fold_case(text);
        }
        let is_empty = matches!(&value, FilterValue::Text(text) if text.is_empty());
        let text = || match kind {
            FieldKind::Answer => format!("iif(typeof({expression}) = 'text', {expression}, NULL)"),
            _ => expression.clone(),
        };
        let folded = || format!("fold_case({})", text());
        match operator {
            Eq => format!("{expression} = {}", self.value(value)),
            Neq => format!("{expression} IS NOT {}", self.value(value)),
            Lt => self.compare(kind, &expression, "<", value),
            Lte => self.compare(kind, &expression, "<=", value),
            Gt => self.compare(kind, &expression, ">", value),
            Gte => self.compare(kind, &expression, ">=", value),
            Contains => format!("instr({}, {}) > 0", text(), self.value(value)),
            IContains => format!("instr({}, {}) > 0", folded(), self.value(value)),
            NotContains => format!("coalesce(instr({}, {}), 0) = 0", text(), self.value(value)),
            INotContains => format!("coalesce(instr({}, {}), 0) = 0", folded(), self.value(value)),
            StartsWith => self.starts_with(&text(), value),
            IStartsWith => self.starts_with(&folded(), value),
            EndsWith | IEndsWith if is_empty => format!("{} IS NOT NULL", text()),
            EndsWith => self.ends_with(&text(), value),
            IEndsWith => self.ends_with(&folded(), value),
            Matches => format!("regexp({}, {})", self.value(value), text()),
            Includes => self.includes(&expression, value),
            Excludes => {
                format!("({expression} IS NULL OR NOT {})", self.includes(&expression, value))
            }
            LenEq => format!("json_array_length({expression}) = {}", self.value(value)),
            IsNull if value == FilterValue::Boolean(true) => format!("{expression} IS NULL"),
            IsNull => format!("{expression} IS NOT NULL"),
        }
    }

    fn value(&mut self, value: FilterValue) -> String {
        self.bind(match value {
            FilterValue::Text(text) => Value::Text(text),
            FilterValue::Integer(number) => Value::Integer(number),
            FilterValue::Real(number) => Value::Real(number),
            FilterValue::Time(time) => Value::Integer(time.micros()),
            FilterValue::Boolean(value) => Value::Integer(value.into()),
        })
    }

    fn compare(
        &mut self,
        kind: FieldKind,
        expression: &str,
        operator: &str,
        value: FilterValue,
    ) -> String {
        let comparison = format!("{expression} {operator} {}", self.value(value));
        match kind {
            // SQLite considers every text greater than any number.
            FieldKind::Answer => format!("(typeof({expression}) <> 'text' AND {comparison})"),
            _ => comparison,
        }
    }

    fn starts_with(&mut self, text: &str, value: FilterValue) -> String {
        let value = self.value(value);
        format!("substr({text}, 1, length({value})) = {value}")
    }

    /// The value must not be empty.
    fn ends_with(&mut self, text: &str, value: FilterValue) -> String {
        let value = self.value(value);
        format!("substr({text}, -length({value})) = {value}")
    }

    fn includes(&mut self, list: &str, value: FilterValue) -> String {
        let value = self.value(value);
        format!("EXISTS (SELECT 1 FROM json_each({list}) WHERE type = 'text' AND value = {value})")
    }
}
