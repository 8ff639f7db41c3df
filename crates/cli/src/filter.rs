//! The options that filter chat completion events.

use clap::Args;
use mistral_datasets::types::FilterPayload;
use serde_json::{Value, json};

use crate::error::CliError;
use crate::text_argument::read_json;
use crate::time_range::TimeRange;

/// The operators of conditions. Those of the explorer's text form have symbols, too.
const OPERATORS: [(&str, &str); 19] = [
    ("eq", "="),
    ("neq", "!="),
    ("lt", "<"),
    ("lte", "<="),
    ("gt", ">"),
    ("gte", ">="),
    ("contains", ""),
    ("notcontains", ""),
    ("icontains", ""),
    ("inotcontains", ""),
    ("startswith", ""),
    ("istartswith", ""),
    ("endswith", ""),
    ("iendswith", ""),
    ("matches", ""),
    ("includes", ""),
    ("excludes", ""),
    ("len_eq", ""),
    ("isnull", ""),
];

/// The field of the time range.
const TIME_FIELD: &str = "timestamp";

/// The options of commands that select events. All of the conditions have to match.
#[derive(Debug, Args)]
pub struct FilterOptions {
    /// Select events by a condition, such as `model_name eq mistral-medium-latest`; may be given more than once
    ///
    /// A condition is a field, an operator and a value. `events fields` lists the fields and their operators; `=`, `!=`, `<`, `<=`,
    /// `>` and `>=` are accepted, too. Numbers, booleans and JSON strings or arrays are sent as such, any other value as text; operators
    /// on text always get text.
    #[arg(long = "where", value_name = "CONDITION", value_parser = parse_condition)]
    conditions: Vec<Value>,
    /// Select events by a filter of the API: JSON, `@FILE` to read it from a file, or `-` for standard input
    ///
    /// For example, `{"OR": [{"field": "input_tokens", "op": "gt", "value": 1000}, …]}`.
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    #[command(flatten)]
    time: TimeRange,
}

impl FilterOptions {
    /// Returns the filter, which matches all events without options.
    pub fn payload(&self) -> Result<FilterPayload, CliError> {
        let mut filters = self.conditions.clone();
        for (operator, time) in [("gte", self.time.from), ("lt", self.time.to)] {
            filters.extend(time.map(
                |time| json!({"field": TIME_FIELD, "op": operator, "value": time.to_rfc3339()}),
            ));
        }
        if let Some(filter) = &self.filter {
            let filter = read_json("--filter", filter)?;
            let filter: Value = filter.parse().map_err(invalid)?;
            filters.push(tree(filter));
        }
        let filters = match filters.len() {
            0 => Value::Null,
            1 => filters.remove(0),
            _ => json!({ "AND": filters }),
        };
        serde_json::from_value(json!({ "filters": filters })).map_err(invalid)
    }
}

/// Returns the filter tree of a whole request or of its `search_params`, which people copy from programs.
fn tree(mut filter: Value) -> Value {
    for key in ["search_params", "filters"] {
        if let Some(inner) = filter.get_mut(key) {
            filter = inner.take();
        }
    }
    filter
}

fn invalid(error: serde_json::Error) -> CliError {
    CliError::Argument(format!("invalid filter for `--filter`: {error}"))
}

/// Parses `FIELD OPERATOR VALUE`.
fn parse_condition(text: &str) -> Result<Value, String> {
    let split = |text: &str| {
        let text = text.trim_start();
        let end = text.find(char::is_whitespace)?;
        Some((text[..end].to_owned(), text[end..].trim().to_owned()))
    };
    let (field, rest) = split(text).ok_or("expected FIELD OPERATOR VALUE")?;
    let (operator, value) =
        split(&rest).ok_or("expected FIELD OPERATOR VALUE; quote the condition")?;
    let known = |(name, symbol): &&(&str, &str)| *name == operator || *symbol == operator;
    let Some((name, _)) = OPERATORS.iter().find(known) else {
        let names = OPERATORS.map(|(name, _)| name).join(", ");
        return Err(format!("unknown operator `{operator}`; expected one of {names}"));
    };
    let compares_text = ["contains", "startswith", "endswith", "matches"];
    let value = match serde_json::from_str::<Value>(&value) {
        // These operators only accept text.
        Ok(json) if !json.is_string() && compares_text.iter().any(|end| name.ends_with(end)) => {
            Value::String(value)
        }
        Ok(json @ (Value::Number(_) | Value::Bool(_) | Value::String(_) | Value::Array(_))) => json,
        _ => Value::String(value),
    };
    Ok(json!({"field": field, "op": name, "value": value}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_parsed() {
        for (text, expected) in [
            ("model_name eq mistral large", json!(["model_name", "eq", "mistral large"])),
            ("input_tokens  >= 100", json!(["input_tokens", "gte", 100])),
            ("api_agent_id = \"100\"", json!(["api_agent_id", "eq", "100"])),
            (
                "response_messages_preview icontains 404",
                json!(["response_messages_preview", "icontains", "404"]),
            ),
            (
                "first_system_message matches \"^4\"",
                json!(["first_system_message", "matches", "^4"]),
            ),
            ("invoked_tools isnull false", json!(["invoked_tools", "isnull", false])),
            ("metadata.team neq {x}", json!(["metadata.team", "neq", "{x}"])),
        ] {
            let condition = parse_condition(text).unwrap();
            let parts = json!([condition["field"], condition["op"], condition["value"]]);
            assert_eq!(parts, expected, "{text}");
        }
        for (text, problem) in [
            ("model_name", "expected FIELD OPERATOR VALUE"),
            ("model_name eq", "expected FIELD OPERATOR VALUE"),
            ("model_name is x", "unknown operator `is`; expected one of eq, neq"),
        ] {
            assert!(parse_condition(text).unwrap_err().contains(problem), "{text}");
        }
    }

    #[test]
    fn options_are_combined() {
        let options = |filter: Option<&str>, conditions: &[&str]| FilterOptions {
            conditions: conditions.iter().map(|text| parse_condition(text).unwrap()).collect(),
            filter: filter.map(str::to_owned),
            time: TimeRange { from: None, to: None },
        };
        let payload = |options: FilterOptions| serde_json::to_value(options.payload().unwrap());
        assert_eq!(payload(options(None, &[])).unwrap(), json!({"filters": null}));
        let condition = json!({"field": "input_tokens", "op": "gt", "value": 5});
        let single = payload(options(None, &["input_tokens gt 5"])).unwrap();
        assert_eq!(single, json!({ "filters": condition }));
        let whole = json!({"search_params": {"filters": {"OR": [condition]}}}).to_string();
        assert_eq!(
            payload(options(Some(&whole), &["input_tokens gt 5"])).unwrap(),
            json!({"filters": {"AND": [condition, {"OR": [condition]}]}})
        );
        assert!(options(Some("{"), &[]).payload().unwrap_err().to_string().contains("--filter"));
    }
}
