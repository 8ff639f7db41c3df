//! API keys, and their notation in options and files.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The maximum size of a key file, in bytes. This is enough for about ten thousand keys.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The maximum length of a workspace name.
const MAX_NAME_LENGTH: usize = 64;

/// An accepted API key and the workspace it gives access to.
///
/// Only a hash of the key is stored, so it does not appear in `Debug` output or memory dumps.
///
/// ```
/// use mistral_datasets_server::ApiKey;
///
/// let own = ApiKey::new("3f9c0e7a51d2");
/// let ci = ApiKey::with_workspace("ci", "b81d77e0a9c4");
/// assert_eq!(ApiKey::parse("3f9c0e7a51d2")?, own);
/// assert_eq!(ApiKey::parse("ci=b81d77e0a9c4")?, ci);
/// assert_eq!(ci.workspace(), Some("ci"));
/// # Ok::<_, mistral_datasets_server::KeyError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    workspace: Option<String>,
    pub(crate) digest: KeyDigest,
    pub(crate) workspace_id: Uuid,
    pub(crate) user_id: Uuid,
}

/// The SHA-256 hash of a key. Words compare faster than bytes.
pub(crate) type KeyDigest = [u64; 4];

impl ApiKey {
    /// Creates a key with its own workspace.
    pub fn new(key: impl AsRef<str>) -> Self {
        let key = key.as_ref();
        Self::with(None, key, id("workspace", key), id("user", key))
    }

    /// Creates a key of a named workspace.
    ///
    /// Keys of the same workspace share their data and act as the same user, so a key can be replaced without changing who
    /// owns the data.
    pub fn with_workspace(workspace: impl Into<String>, key: impl AsRef<str>) -> Self {
        let name = workspace.into();
        let (workspace, user) = (id("named workspace", &name), id("named user", &name));
        Self::with(Some(name), key.as_ref(), workspace, user)
    }

    fn with(workspace: Option<String>, key: &str, workspace_id: Uuid, user_id: Uuid) -> Self {
        Self { workspace, digest: digest(key), workspace_id, user_id }
    }

    /// Parses `KEY`, or `NAME=KEY` for a key of the workspace `NAME`.
    ///
    /// A name consists of at most 64 ASCII letters, digits, dots, hyphens and underscores, and starts with a letter or digit.
    /// It ends at the first `=`, so the key after a name may contain `=`. Write a key that contains `=` and has no name as `=KEY`.
    ///
    /// # Errors
    ///
    /// Returns an error if the name is invalid, or if the key is empty or contains characters that a header cannot carry. The
    /// message does not contain the input.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let (name, key) = match text.split_once('=') {
            None => ("", text),
            Some((name, key)) => (name.trim_end(), key.trim_start()),
        };
        if key.is_empty() {
            return Err(KeyError::Empty);
        }
        if !key.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(KeyError::InvalidCharacters);
        }
        if name.is_empty() {
            return Ok(Self::new(key));
        }
        // With base64 padding, a key looks like a name followed by a key that consists only of `=`.
        if !is_name(name) || key.bytes().all(|byte| byte == b'=') {
            return Err(KeyError::InvalidWorkspaceName);
        }
        Ok(Self::with_workspace(name, key))
    }

    /// Reads a key file: one key per line in the format of [`parse`](Self::parse). Empty lines and lines that start with `#`
    /// are ignored.
    ///
    /// A world-writable file is rejected, because every user of the machine could add a key. A world-readable file is accepted
    /// with a warning in the log, because Docker and Kubernetes mount secrets like that.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read, is world-writable, or contains an invalid line, a duplicate key or no key.
    pub fn read_file(path: impl AsRef<Path>) -> Result<Vec<Self>, KeyFileError> {
        let path = path.as_ref();
        read(path).map_err(|problem| KeyFileError { path: path.to_owned(), problem })
    }

    /// Returns the name of the workspace, if the key was created with one.
    pub fn workspace(&self) -> Option<&str> {
        self.workspace.as_deref()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("workspace", &self.workspace).finish_non_exhaustive()
    }
}

impl From<&str> for ApiKey {
    fn from(key: &str) -> Self {
        Self::new(key)
    }
}

impl From<String> for ApiKey {
    fn from(key: String) -> Self {
        Self::new(key)
    }
}

/// An error parsing a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key is empty.
    #[error("the key is empty")]
    Empty,
    /// The key contains characters that an HTTP header cannot carry.
    #[error("a key may contain visible ASCII characters only")]
    InvalidCharacters,
    /// The part before the first `=` is not a valid workspace name.
    #[error(
        "invalid workspace name before the first `=`: expected at most 64 letters, digits, `.`, `-` and `_`; \
         write a key that contains `=` as `=KEY` or `NAME=KEY`"
    )]
    InvalidWorkspaceName,
}

/// An error reading a key file.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the key file {}: {problem}", path.display())]
pub struct KeyFileError {
    path: PathBuf,
    problem: FileProblem,
}

#[derive(Debug, thiserror::Error)]
enum FileProblem {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("every user of this machine can write to it; run `chmod o-w` on it")]
    WorldWritable,
    #[error("it is larger than {MAX_FILE_BYTES} bytes")]
    TooLarge,
    #[error("it is not UTF-8")]
    NotUtf8,
    #[error("line {0}: {1}")]
    Line(usize, KeyError),
    #[error("line {0}: duplicate of the key on line {1}")]
    Duplicate(usize, usize),
    #[error("it contains no key")]
    Empty,
}

fn read(path: &Path) -> Result<Vec<ApiKey>, FileProblem> {
    let file = File::open(path)?;
    check_access(path, &file)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(FileProblem::TooLarge);
    }
    parse_keys(std::str::from_utf8(&bytes).map_err(|_| FileProblem::NotUtf8)?)
}

/// Parses the content of a key file.
fn parse_keys(text: &str) -> Result<Vec<ApiKey>, FileProblem> {
    let mut keys = Vec::<ApiKey>::new();
    let mut seen = std::collections::HashMap::new();
    // Some editors write a byte order mark.
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let number = index + 1;
        let key = ApiKey::parse(line).map_err(|error| FileProblem::Line(number, error))?;
        // The same key could belong to two workspaces, and one of them would silently win.
        if let Some(first) = seen.insert(key.digest, number) {
            return Err(FileProblem::Duplicate(number, first));
        }
        keys.push(key);
    }
    if keys.is_empty() { Err(FileProblem::Empty) } else { Ok(keys) }
}

#[cfg(unix)]
fn check_access(path: &Path, file: &File) -> Result<(), FileProblem> {
    use std::os::unix::fs::MetadataExt;

    let metadata = file.metadata()?;
    // Only regular files have content that others could read or change.
    if metadata.is_file() {
        if metadata.mode() & 0o002 != 0 {
            return Err(FileProblem::WorldWritable);
        }
        if metadata.mode() & 0o004 != 0 {
            tracing::warn!(file = %path.display(), "every user of this machine can read the keys; run `chmod o-r` on the file");
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_access(_: &Path, _: &File) -> Result<(), FileProblem> {
    Ok(())
}

fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME_LENGTH
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn hash(purpose: &str, text: &str) -> [u8; 32] {
    Sha256::new().chain_update(purpose).chain_update([0]).chain_update(text).finalize().into()
}

pub(crate) fn digest(key: &str) -> KeyDigest {
    let hash = hash("key", key);
    std::array::from_fn(|word| {
        u64::from_be_bytes(std::array::from_fn(|byte| hash[word * 8 + byte]))
    })
}

/// Derives an id from a string. The string cannot be recovered from the id.
pub(crate) fn id(purpose: &str, text: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash(purpose, text)[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_at_the_first_equals_sign() {
        for (text, expected) in [
            ("abc", ApiKey::new("abc")),
            (" a key ", ApiKey::new("a key")),
            ("ci=abc", ApiKey::with_workspace("ci", "abc")),
            ("ci = abc", ApiKey::with_workspace("ci", "abc")),
            ("ci.2-b_c=a=b==", ApiKey::with_workspace("ci.2-b_c", "a=b==")),
            ("=a=b==", ApiKey::new("a=b==")),
        ] {
            assert_eq!(ApiKey::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn ambiguous_input_is_rejected_and_not_repeated() {
        for (text, expected) in [
            ("", KeyError::Empty),
            ("=", KeyError::Empty),
            ("ci=", KeyError::Empty),
            ("c2VjcmV0==", KeyError::InvalidWorkspaceName),
            ("c2Vj+cmV0/=x", KeyError::InvalidWorkspaceName),
            ("-ci=abc", KeyError::InvalidWorkspaceName),
            ("clé", KeyError::InvalidCharacters),
            ("ci=a\tb", KeyError::InvalidCharacters),
        ] {
            let error = ApiKey::parse(text).unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("c2V"));
        }
        assert!(ApiKey::parse(&format!("{}=key", "n".repeat(64))).is_ok());
        assert_eq!(
            ApiKey::parse(&format!("{}=key", "n".repeat(65))),
            Err(KeyError::InvalidWorkspaceName)
        );
    }

    #[test]
    fn the_workspace_depends_on_the_name_or_else_on_the_key() {
        let workspace = |key: ApiKey| key.workspace_id;
        assert_eq!(
            workspace(ApiKey::with_workspace("ci", "a")),
            workspace(ApiKey::with_workspace("ci", "b"))
        );
        assert_ne!(
            workspace(ApiKey::with_workspace("ci", "a")),
            workspace(ApiKey::with_workspace("dev", "a"))
        );
        assert_ne!(workspace(ApiKey::new("a")), workspace(ApiKey::new("b")));
        // A key that equals the name of a workspace gives no access to it.
        assert_ne!(workspace(ApiKey::new("ci")), workspace(ApiKey::with_workspace("ci", "a")));
    }

    #[test]
    fn a_key_file_may_contain_comments_and_empty_lines() {
        let text = "\u{feff}# a comment\r\n\r\nci=one\r\n  ci = two  \n=th=ree\nfour";
        let expected = [
            ApiKey::with_workspace("ci", "one"),
            ApiKey::with_workspace("ci", "two"),
            ApiKey::new("th=ree"),
            "four".into(),
        ];
        assert_eq!(parse_keys(text).unwrap(), expected);
        for (text, expected) in [
            ("", "it contains no key"),
            ("# nothing\n", "it contains no key"),
            ("one\n\nci=\n", "line 3: the key is empty"),
            ("ci=one\n#\ndev=one\n", "line 3: duplicate of the key on line 1"),
        ] {
            assert_eq!(parse_keys(text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn debug_output_contains_the_name_only() {
        let shown = format!("{:?}", ApiKey::with_workspace("ci", "secret"));
        assert_eq!(shown, "ApiKey { workspace: Some(\"ci\"), .. }");
    }
}
