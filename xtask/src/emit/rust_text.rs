//! How the model is spelled in Rust: names, types, comments, and the one formatting pass.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::model::{Field, Model, Role, Type};

/// Words that Rust keeps for itself.
const KEYWORDS: [&str; 8] = ["type", "match", "move", "ref", "use", "where", "loop", "impl"];

/// A name on the wire as a Rust identifier.
pub fn identifier(name: &str) -> String {
    if KEYWORDS.contains(&name) { format!("r#{name}") } else { name.to_owned() }
}

/// `import_from_file` or `TIMED_OUT` as `ImportFromFile`, `TimedOut`.
pub fn pascal(name: &str) -> String {
    name.split(['_', '.', '-'])
        .filter(|part| !part.is_empty())
        .map(|part| part[..1].to_uppercase() + &part[1..].to_lowercase())
        .collect()
}

/// Lines of documentation at `///`.
pub fn doc(text: &str) -> String {
    comment("///", text)
}

/// Text as comment lines, wrapped at the width of the formatter.
pub fn comment(mark: &str, text: &str) -> String {
    let mut lines = String::new();
    for paragraph in text.split('\n') {
        // What continues an item of a list is indented below it.
        let continued =
            if paragraph.starts_with("- ") { format!("{mark}  ") } else { mark.to_owned() };
        let mut line = mark.to_owned();
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

/// Text moved one level to the right, for what stands inside a macro, where the formatter does not go.
pub fn indented(text: &str) -> String {
    text.lines()
        .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") })
        .collect()
}

/// The type of a member in core-client's structs. In a response, a list that is missing reads as an empty one; in a request,
/// what is not given is not sent.
pub fn member_type(field: &Field, role: Role) -> String {
    let ty = value_type(&field.ty);
    match (&field.ty, role) {
        _ if field.required => ty,
        (Type::Array(_), Role::Response) if !field.nullable => ty,
        _ => format!("Option<{ty}>"),
    }
}

/// The type of a value that is there.
pub fn value_type(ty: &Type) -> String {
    match ty {
        Type::String => "String".to_owned(),
        Type::Uuid => "Uuid".to_owned(),
        Type::DateTime => "DateTime<Utc>".to_owned(),
        Type::Binary => "Vec<u8>".to_owned(),
        Type::Integer => "i64".to_owned(),
        Type::Number => "f64".to_owned(),
        Type::Boolean => "bool".to_owned(),
        Type::FreeObject => "RawJson".to_owned(),
        Type::Array(items) => format!("Vec<{}>", value_type(items)),
        Type::Named(name) => name.clone(),
    }
}

/// Whether `Eq` can be derived for what the type holds.
pub fn is_eq(model: &Model, ty: &Type) -> bool {
    match ty {
        Type::Number => false,
        Type::Array(items) => is_eq(model, items),
        Type::Named(name) => match &model.schema(name).kind {
            crate::model::Kind::Object { fields } => {
                fields.iter().all(|field| is_eq(model, &field.ty))
            }
            crate::model::Kind::Union { .. } => false,
            _ => true,
        },
        _ => true,
    }
}

/// Formats Rust source the way the workspace is formatted.
///
/// # Errors
/// When `rustfmt` is not installed, or does not take the text.
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
    // Written from a thread of its own: a long text would otherwise block on a full pipe.
    let writer = std::thread::spawn(move || input.write_all(source.as_bytes()));
    let output = child.wait_with_output().map_err(|error| format!("rustfmt: {error}"))?;
    writer
        .join()
        .expect("the writer does not panic")
        .map_err(|error| format!("rustfmt: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "rustfmt refused generated text: {}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("rustfmt: {error}"))
}
