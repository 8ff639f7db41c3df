//! Helpers for emitting Rust: names, types, comments and formatting.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::model::{Field, Kind, Model, Role, Type};

/// Rust keywords that occur as names in the document.
const KEYWORDS: [&str; 9] = ["type", "match", "move", "ref", "use", "where", "loop", "impl", "in"];

/// Converts a JSON or parameter name to a Rust identifier.
pub fn identifier(name: &str) -> String {
    let name = name.to_lowercase();
    if KEYWORDS.contains(&name.as_str()) { format!("r#{name}") } else { name }
}

/// Converts a name to Pascal case: `import_from_file` to `ImportFromFile`, `TIMED_OUT` to `TimedOut`, `hasAny` to `HasAny`.
pub fn pascal(name: &str) -> String {
    let part = |part: &str| {
        let (first, rest) = part.split_at(1);
        let is_mixed = rest.contains(char::is_lowercase);
        first.to_uppercase() + &if is_mixed { rest.to_owned() } else { rest.to_lowercase() }
    };
    name.split(['_', '.', '-']).filter(|part| !part.is_empty()).map(part).collect()
}

/// Formats text as a `///` doc comment.
pub fn doc(text: &str) -> String {
    comment("///", text)
}

/// Formats text as a comment, wrapped at 88 characters.
pub fn comment(marker: &str, text: &str) -> String {
    let mut lines = String::new();
    for paragraph in text.split('\n') {
        // Continuation lines of a list item are indented.
        let continued =
            if paragraph.starts_with("- ") { format!("{marker}  ") } else { marker.to_owned() };
        let mut line = marker.to_owned();
        for word in paragraph.split_whitespace() {
            if line.len() + 1 + word.len() > 88 {
                lines.push_str(&line);
                lines.push('\n');
                line.clone_from(&continued);
            }
            line.push(' ');
            line.push_str(word);
        }
        lines.push_str(&line);
        lines.push('\n');
    }
    lines
}

/// Indents text by one level. Needed inside macros, which rustfmt does not format.
pub fn indented(text: &str) -> String {
    text.lines()
        .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") })
        .collect()
}

/// Returns the type of a struct field. In a response, a missing array or map becomes empty. In a request, an optional field that
/// is not set is not sent.
pub fn field_type(field: &Field, role: Role) -> String {
    let ty = value_type(&field.ty);
    match (&field.ty, role) {
        _ if field.required && !field.nullable => ty,
        (Type::Array(_) | Type::Map(_), Role::Response) if !field.nullable => ty,
        _ => format!("Option<{ty}>"),
    }
}

/// Returns the type of a value that is present.
pub fn value_type(ty: &Type) -> String {
    match ty {
        Type::String => "String".to_owned(),
        Type::Uuid => "Uuid".to_owned(),
        Type::DateTime => "DateTime<Utc>".to_owned(),
        Type::Binary => "Vec<u8>".to_owned(),
        Type::Integer => "i64".to_owned(),
        Type::Number => "f64".to_owned(),
        Type::Boolean => "bool".to_owned(),
        Type::FreeObject | Type::Json => "RawJson".to_owned(),
        Type::Array(items) => format!("Vec<{}>", value_type(items)),
        Type::Map(values) => format!("BTreeMap<String, {}>", value_type(values)),
        Type::Nullable(ty) => format!("Option<{}>", value_type(ty)),
        Type::Named(name) => name.clone(),
    }
}

/// Returns whether `Eq` can be derived for the type.
pub fn is_eq(model: &Model, ty: &Type) -> bool {
    fn is_eq<'m>(model: &'m Model, ty: &'m Type, visited: &mut Vec<&'m str>) -> bool {
        match ty {
            Type::Number => false,
            Type::Array(items) | Type::Map(items) | Type::Nullable(items) => {
                is_eq(model, items, visited)
            }
            // Schemas may contain themselves.
            Type::Named(name) if visited.contains(&name.as_str()) => true,
            Type::Named(name) => {
                visited.push(name);
                is_schema_eq(model, name, visited)
            }
            _ => true,
        }
    }
    fn is_schema_eq<'m>(model: &'m Model, name: &str, visited: &mut Vec<&'m str>) -> bool {
        match &model.schema(name).kind {
            Kind::Object { fields } => fields.iter().all(|field| is_eq(model, &field.ty, visited)),
            Kind::Union { variants } => variants.iter().all(|ty| is_eq(model, ty, visited)),
            Kind::ObjectUnion { variants, .. } => variants.iter().all(|variant| {
                visited.contains(&variant.schema.as_str()) || {
                    visited.push(&variant.schema);
                    is_schema_eq(model, &variant.schema, visited)
                }
            }),
            Kind::FreeObject { .. } | Kind::OpenEnum { .. } => true,
        }
    }
    is_eq(model, ty, &mut Vec::new())
}

/// Formats Rust source with the workspace's rustfmt configuration.
///
/// # Errors
/// If `rustfmt` is not installed or cannot parse the source.
pub fn format(source: &str) -> Result<String, String> {
    let missing = "`rustfmt` is not installed; get it with `rustup component add rustfmt`";
    let mut child = Command::new("rustfmt")
        .args([
            "--edition",
            "2024",
            "--config-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/../rustfmt.toml"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{missing} ({error})"))?;
    let mut input = child.stdin.take().expect("stdin is piped");
    let source = source.to_owned();
    // A separate thread writes the source, because both pipes may fill up.
    let writer = std::thread::spawn(move || input.write_all(source.as_bytes()));
    let output = child.wait_with_output().map_err(|error| format!("rustfmt: {error}"))?;
    writer
        .join()
        .expect("the writer does not panic")
        .map_err(|error| format!("rustfmt: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "rustfmt rejected the generated source: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("rustfmt: {error}"))
}
