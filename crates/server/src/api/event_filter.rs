//! Reads the filters of chat completion events in requests.

use http::StatusCode;
use mistral_datasets_types::ErrorCode;

use crate::http::ApiError;
use crate::json::{Fields, Value};
use crate::pattern;
use crate::storage::{
    EventCondition, EventField, EventFilter, FieldKind, FilterOperator, FilterValue,
};
use crate::time::Timestamp;

/// The maximum depth of groups.
const MAX_DEPTH: usize = 16;

/// The maximum number of conditions and groups of a filter.
const MAX_NODES: usize = 250;

/// The maximum length of a text that a field is compared with, in bytes.
const MAX_TEXT_BYTES: usize = 10_000;

/// Reads the filter in an object with the field `filters`, such as `search_params`.
pub(super) fn read_payload(payload: &Value<'_>) -> Result<EventFilter, ApiError> {
    match payload.fields()?.required("filters")? {
        filters if filters.text() == "null" => Ok(EventFilter::All(Vec::new())),
        filters => Reader { nodes: 0 }.filter(&filters, 1),
    }
}

/// Creates an error for a filter that cannot be used.
pub(super) fn bad_search(value: &Value<'_>, message: impl Into<String>) -> ApiError {
    let message = value.error(message).to_string();
    ApiError::new(StatusCode::BAD_REQUEST, ErrorCode::SearchBadRequest, message)
}

/// Returns the field with a name that a request contains.
pub(super) fn field(value: &Value<'_>) -> Result<EventField, ApiError> {
    let name = value.string()?;
    EventField::named(&name).ok_or_else(|| {
        let message = value.error(format!("unknown field; {}", expected_fields())).to_string();
        ApiError::new(StatusCode::BAD_REQUEST, ErrorCode::FieldsBadRequest, message)
    })
}

/// Lists the names of fields, for error messages.
pub(super) fn expected_fields() -> String {
    let names: Vec<_> = EventField::FIXED.iter().map(EventField::name).collect();
    format!(
        "expected one of {}, `metadata.` with a key, or `__judge_` with the ID of a judge",
        names.join(", ")
    )
}

/// Lists operators, for error messages.
pub(super) fn operator_names(operators: &[FilterOperator]) -> String {
    operators.iter().map(|operator| operator.name()).collect::<Vec<_>>().join(", ")
}

struct Reader {
    nodes: usize,
}

impl Reader {
    fn filter(&mut self, value: &Value<'_>, depth: usize) -> Result<EventFilter, ApiError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = format!("the filter has more than {MAX_NODES} conditions and groups");
            return Err(bad_search(value, message));
        }
        if depth > MAX_DEPTH {
            let message = format!("the filter has more than {MAX_DEPTH} levels of groups");
            return Err(bad_search(value, message));
        }
        let fields = value.fields()?;
        if ["field", "op", "value"].iter().any(|name| fields.get(name).is_some()) {
            return condition(&fields).map(EventFilter::Condition);
        }
        // Ignoring a misspelled name would match everything.
        if let Some((_, unknown)) = fields.iter().find(|(name, _)| name != "AND" && name != "OR") {
            return Err(bad_search(
                &unknown,
                "unknown field; expected `AND` and `OR`, or `field`, `op` and `value`",
            ));
        }
        // Both have to hold if there are both.
        let mut all = self.filters(&fields, "AND", depth)?;
        let any = self.filters(&fields, "OR", depth)?;
        if !any.is_empty() {
            all.push(EventFilter::Any(any));
        }
        Ok(EventFilter::All(all))
    }

    fn filters(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        depth: usize,
    ) -> Result<Vec<EventFilter>, ApiError> {
        let Some(list) = fields.optional(name) else { return Ok(Vec::new()) };
        list.items(0..=usize::MAX)?.map(|value| self.filter(&value, depth + 1)).collect()
    }
}

fn condition(fields: &Fields<'_>) -> Result<EventCondition, ApiError> {
    let field_value = fields.required("field")?;
    let field = field(&field_value)?;
    let operator_value = fields.required("op")?;
    let operator = FilterOperator::named(&operator_value.string()?).ok_or_else(|| {
        let names = operator_names(FilterOperator::ALL);
        operator_value.error(format!("unknown operator; expected one of {names}"))
    })?;
    let value = fields.required("value")?;
    let supported = field.kind().operators();
    if !supported.contains(&operator) {
        let message = format!(
            "the field `{}` does not support the operator `{}`; supported: {}",
            field.name(),
            operator.name(),
            operator_names(supported)
        );
        return Err(bad_search(&operator_value, message));
    }
    let value = condition_value(&field, operator, &value)?;
    Ok(EventCondition { field, operator, value })
}

/// Reads the value of a condition, whose type depends on the field and the operator.
fn condition_value(
    field: &EventField,
    operator: FilterOperator,
    value: &Value<'_>,
) -> Result<FilterValue, ApiError> {
    use FilterOperator::*;

    let expected = |what: &str| {
        let message = format!(
            "the field `{}` with the operator `{}` expects {what}",
            field.name(),
            operator.name()
        );
        bad_search(value, message)
    };
    let kind = field.kind();
    match operator {
        IsNull => match value.boolean() {
            Ok(is_null) => Ok(FilterValue::Boolean(is_null)),
            Err(_) => Err(expected("true or false")),
        },
        LenEq => match value.text().parse::<u32>() {
            Ok(length) => Ok(FilterValue::Integer(length.into())),
            Err(_) => Err(expected("a whole number of at least 0")),
        },
        Matches => {
            let text = text(value).ok_or_else(|| expected("a regular expression"))?;
            pattern::compile(&text).map_err(|error| bad_search(value, error.to_string()))?;
            Ok(FilterValue::Text(text))
        }
        Eq | Neq | Lt | Lte | Gt | Gte if kind == FieldKind::Time => value
            .string()
            .ok()
            .and_then(|text| Timestamp::parse(&text))
            .map(FilterValue::Time)
            .ok_or_else(|| expected("a time such as \"2026-08-01T00:00:00Z\"")),
        Lt | Lte | Gt | Gte => number(value).ok_or_else(|| expected("a number")),
        Eq | Neq => match kind {
            FieldKind::Integer | FieldKind::Real => {
                number(value).ok_or_else(|| expected("a number"))
            }
            FieldKind::Answer => number(value)
                .or_else(|| text(value).map(FilterValue::Text))
                .ok_or_else(|| expected(&format!("a number or {}", short_text()))),
            _ => text(value).map(FilterValue::Text).ok_or_else(|| expected(&short_text())),
        },
        _ => text(value).map(FilterValue::Text).ok_or_else(|| expected(&short_text())),
    }
}

fn short_text() -> String {
    format!("a string of at most {MAX_TEXT_BYTES} bytes; use `isnull` to compare with null")
}

fn text(value: &Value<'_>) -> Option<String> {
    value.string().ok().filter(|text| text.len() <= MAX_TEXT_BYTES)
}

fn number(value: &Value<'_>) -> Option<FilterValue> {
    let text = value.text();
    // Of JSON values, only numbers start so.
    if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return None;
    }
    if let Ok(number) = text.parse() {
        return Some(FilterValue::Integer(number));
    }
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(FilterValue::Real)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::json::{self, Document};
    use axum::response::IntoResponse;

    fn parse(filters: &str) -> Result<EventFilter, ApiError> {
        let text = format!("{{\"search_params\": {{\"filters\": {filters}}}}}");
        let document = Document::read(text.as_bytes(), "the body", json::MAX_DEPTH)?;
        read_payload(&document.fields()?.required("search_params")?)
    }

    /// Returns the status, the code and the message of the error for a filter.
    async fn error(filters: &str) -> (u16, String, String) {
        let response = parse(filters).expect_err("an error").into_response();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let error: mistral_datasets_types::ErrorResponse = serde_json::from_slice(&body).unwrap();
        (status, error.detail.error_code.unwrap().to_string(), error.detail.message)
    }

    fn condition(field: EventField, operator: FilterOperator, value: FilterValue) -> EventFilter {
        EventFilter::Condition(EventCondition { field, operator, value })
    }

    #[test]
    fn groups_are_nested() {
        let model = condition(
            EventField::ModelName,
            FilterOperator::Eq,
            FilterValue::Text("small".to_owned()),
        );
        let tokens = condition(EventField::InputTokens, FilterOperator::Lt, FilterValue::Real(2.5));
        let text = r#"{"AND": [{"field": "model_name", "op": "eq", "value": "small"}],
            "OR": [{"field": "input_tokens", "op": "lt", "value": 2.5}, {}]}"#;
        let any = EventFilter::Any(vec![tokens, EventFilter::All(Vec::new())]);
        assert_eq!(parse(text).unwrap(), EventFilter::All(vec![model, any]));
    }

    #[test]
    fn empty_groups_match_everything() {
        for text in ["null", "{}", r#"{"AND": []}"#, r#"{"OR": [], "AND": null}"#] {
            assert_eq!(parse(text).unwrap(), EventFilter::All(Vec::new()), "{text}");
        }
    }

    #[tokio::test]
    async fn errors_name_the_field_the_operator_and_what_is_supported() {
        for (text, code, message) in [
            (
                r#"{"field": "input_tokens", "op": "contains", "value": "1"}"#,
                "SEARCH_BAD_REQUEST",
                "search_params.filters.op: the field `input_tokens` does not support the operator `contains`; \
                 supported: eq, neq, lt, lte, gt, gte, isnull",
            ),
            (
                r#"{"AND": [{}, {"field": "timestamp", "op": "gt", "value": 5}]}"#,
                "SEARCH_BAD_REQUEST",
                "search_params.filters.AND[1].value: the field `timestamp` with the operator `gt` expects a time such as \
                 \"2026-08-01T00:00:00Z\"",
            ),
            (
                r#"{"field": "invoked_tools", "op": "len_eq", "value": -1}"#,
                "SEARCH_BAD_REQUEST",
                "search_params.filters.value: the field `invoked_tools` with the operator `len_eq` expects a whole number of \
                 at least 0",
            ),
            (
                r#"{"field": "total_time_elapsed", "op": "lt", "value": 1e999}"#,
                "SEARCH_BAD_REQUEST",
                "search_params.filters.value: the field `total_time_elapsed` with the operator `lt` expects a number",
            ),
            (
                r#"{"field": "model_name", "op": "matches", "value": "("}"#,
                "SEARCH_BAD_REQUEST",
                "search_params.filters.value: invalid regular expression; the syntax is RE2's, without lookaround and \
                 backreferences",
            ),
            (
                r#"{"and": []}"#,
                "SEARCH_BAD_REQUEST",
                "search_params.filters.and: unknown field; expected `AND` and `OR`, or `field`, `op` and `value`",
            ),
        ] {
            assert_eq!(error(text).await, (400, code.to_owned(), message.to_owned()));
        }
        let (status, code, message) =
            error(r#"{"field": "model", "op": "eq", "value": "small"}"#).await;
        assert_eq!((status, &*code), (400, "FIELDS_BAD_REQUEST"));
        assert!(
            message.starts_with(
                "search_params.filters.field: unknown field; expected one of timestamp,"
            )
        );
        let (status, code, _) =
            error(r#"{"field": "model_name", "op": "like", "value": ""}"#).await;
        assert_eq!((status, &*code), (422, "VALIDATION_ERROR"));
    }

    #[tokio::test]
    async fn the_size_of_a_filter_is_limited() {
        let nested =
            |depth: usize| format!("{}{{}}{}", "{\"OR\": [".repeat(depth), "]}".repeat(depth));
        assert!(parse(&nested(MAX_DEPTH - 1)).is_ok());
        assert!(error(&nested(MAX_DEPTH)).await.2.contains("more than 16 levels"));
        let wide = |count: usize| format!("{{\"AND\": [{{}}{}]}}", ", {}".repeat(count - 1));
        assert!(parse(&wide(MAX_NODES - 1)).is_ok());
        assert!(error(&wide(MAX_NODES)).await.2.contains("more than 250 conditions"));
        let long = |length: usize| {
            let text = "x".repeat(length);
            format!(r#"{{"field": "model_name", "op": "eq", "value": "{text}"}}"#)
        };
        assert!(parse(&long(MAX_TEXT_BYTES)).is_ok());
        assert!(error(&long(MAX_TEXT_BYTES + 1)).await.2.contains("at most 10000 bytes"));
    }
}
