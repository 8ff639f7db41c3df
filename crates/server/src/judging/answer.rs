//! Reads what a model answers, and checks it.

use serde_json::{Map, Value, json};

use super::{JudgeError, JudgeOutput};

/// The answer of a judge.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) analysis: String,
    /// A text or a number.
    pub(crate) answer: Value,
}

/// Returns the JSON schema of the model's answer.
pub(super) fn schema(output: &JudgeOutput) -> Value {
    let answer = match output {
        JudgeOutput::Classification { options } => {
            json!({"type": "string", "enum": options.iter().map(|option| &option.value).collect::<Vec<_>>()})
        }
        JudgeOutput::Regression { min, max, .. } => {
            json!({"type": "number", "minimum": min, "maximum": max})
        }
    };
    json!({
        "type": "object",
        "properties": {"analysis": {"type": "string"}, "answer": answer},
        "required": ["analysis", "answer"],
        "additionalProperties": false,
    })
}

/// Reads the text of an answer: a JSON object, which may be in a fenced block.
pub(super) fn read(text: &str, output: &JudgeOutput) -> Result<Judgement, JudgeError> {
    let fields = object(text).ok_or(JudgeError::UndefinedAnswer("it is not a JSON object"))?;
    let answer = fields.get("answer").ok_or(JudgeError::UndefinedAnswer("`answer` is missing"))?;
    let answer = match output {
        JudgeOutput::Classification { options } => {
            let answer = answer.as_str().unwrap_or_default();
            let found = options.iter().find(|option| option.value == answer);
            let found =
                found.ok_or(JudgeError::UndefinedAnswer("`answer` is none of the options"))?;
            found.value.as_str().into()
        }
        JudgeOutput::Regression { min, max, .. } => {
            let number = match answer {
                Value::Number(number) => number.as_f64(),
                // Models that do not enforce the schema often quote numbers.
                Value::String(text) => {
                    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
                }
                _ => None,
            };
            let number = number.ok_or(JudgeError::UndefinedAnswer("`answer` is not a number"))?;
            if !(*min..=*max).contains(&number) {
                return Err(JudgeError::UndefinedAnswer("`answer` is out of range"));
            }
            number.into()
        }
    };
    let analysis = fields.get("analysis").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(Judgement { analysis, answer })
}

fn object(text: &str) -> Option<Map<String, Value>> {
    let text = text.trim();
    let parse = |text: &str| serde_json::from_str::<Map<String, Value>>(text).ok();
    parse(text).or_else(|| {
        let (_, fenced) = text.split_once("```")?;
        let (block, _) = fenced.split_once("```")?;
        // The first line is the language.
        let (_, block) = block.split_once('\n')?;
        parse(block)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judging::definition::JudgeOption;

    fn options() -> JudgeOutput {
        let option =
            |value: &str| JudgeOption { value: value.to_owned(), description: String::new() };
        JudgeOutput::Classification { options: vec![option("yes"), option("no")] }
    }

    fn score() -> JudgeOutput {
        let text = String::new;
        JudgeOutput::Regression {
            min: 1.0,
            max: 5.0,
            min_description: text(),
            max_description: text(),
        }
    }

    #[test]
    fn plain_and_fenced_objects_are_answers() {
        let expected = Judgement { analysis: "why".to_owned(), answer: "no".into() };
        for text in [
            r#" {"analysis": "why", "answer": "no"} "#,
            "Sure:\n```json\n{\"analysis\": \"why\", \"answer\": \"no\"}\n```\nDone.",
            "```\n{\"answer\": \"no\", \"analysis\": \"why\", \"more\": 1}\n```",
        ] {
            assert_eq!(read(text, &options()).unwrap(), expected, "{text}");
        }
        assert_eq!(read(r#"{"analysis": "", "answer": 3}"#, &score()).unwrap().answer, json!(3.0));
        assert_eq!(
            read(r#"{"analysis": "", "answer": "4.5"}"#, &score()).unwrap().answer,
            json!(4.5)
        );
    }

    #[test]
    fn undefined_answers_are_errors() {
        for (text, output) in [
            ("no", options()),
            ("{}", options()),
            (r#"{"answer": "maybe"}"#, options()),
            (r#"{"answer": null}"#, options()),
            (r#"{"answer": 0}"#, score()),
            (r#"{"answer": 5.01}"#, score()),
            (r#"{"answer": "NaN"}"#, score()),
            (r#"{"answer": null}"#, score()),
            ("```json\nno\n```", score()),
        ] {
            let error = read(text, &output).unwrap_err();
            assert!(matches!(error, JudgeError::UndefinedAnswer(_)), "{text}");
        }
    }
}
