//! The keys a server takes, as they are written in options and files.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The bytes a file of keys may have: some ten thousand keys.
const FILE_BYTES: u64 = 1 << 20;

/// The characters the name of a workspace may have.
const NAME_LENGTH: usize = 64;

/// A key that a server takes, and the workspace it opens.
///
/// Of the key itself only a hash is kept, so neither `Debug` nor a dump of the memory shows it.
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
    pub(crate) digest: Digested,
    /// From what the ids of its workspace and its user are made.
    pub(crate) workspace_id: Uuid,
    pub(crate) user_id: Uuid,
}

/// The hash of a key, in words, which compare faster than bytes.
pub(crate) type Digested = [u64; 4];

impl ApiKey {
    /// A key with a workspace of its own.
    pub fn new(key: impl AsRef<str>) -> Self {
        let key = key.as_ref();
        Self::with(None, key, id("workspace", key), id("user", key))
    }

    /// A key of a workspace with a name. Keys of one name see the same data, and are one user: what they write does not tell
    /// them apart, and goes on belonging to that user when a key is replaced by another.
    pub fn with_workspace(workspace: impl Into<String>, key: impl AsRef<str>) -> Self {
        let name = workspace.into();
        let (workspace, user) = (id("named workspace", &name), id("named user", &name));
        Self::with(Some(name), key.as_ref(), workspace, user)
    }

    fn with(workspace: Option<String>, key: &str, workspace_id: Uuid, user_id: Uuid) -> Self {
        Self { workspace, digest: digest(key), workspace_id, user_id }
    }

    /// Reads a key as options and files hold it: `KEY`, or `NAME=KEY` for the workspace called NAME.
    ///
    /// A name has at most 64 letters, digits, dots, hyphens and underscores, the first of them a letter or digit. It ends at
    /// the first `=`, so a key behind a name may hold others. A key that holds `=` and has no name is written `=KEY`.
    ///
    /// # Errors
    /// When the name is none, or the key is one that no client could send. The message does not repeat the text.
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
            return Err(KeyError::NotSent);
        }
        if name.is_empty() {
            return Ok(Self::new(key));
        }
        // The padding of a key in base64 looks like a name with a key of nothing but `=`.
        if !is_name(name) || key.bytes().all(|byte| byte == b'=') {
            return Err(KeyError::Name);
        }
        Ok(Self::with_workspace(name, key))
    }

    /// Reads a file of keys: one a line, as [`parse`](Self::parse) has it, beside empty lines and comments, which begin
    /// with `#`.
    ///
    /// A file that others than its owner and group can write to is refused, since whoever can write to it can let themselves
    /// in. One that they can read is taken, with a warning in the log: Docker and Kubernetes hand secrets to containers
    /// as just such files.
    ///
    /// # Errors
    /// When the file cannot be read, when others can write to it, when a line is no key, when a key stands there twice, and
    /// when it holds no key at all.
    pub fn read_file(path: impl AsRef<Path>) -> Result<Vec<Self>, KeyFileError> {
        let path = path.as_ref();
        read(path).map_err(|problem| KeyFileError { path: path.to_owned(), problem })
    }

    /// The name of its workspace, if it was given one.
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

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no key.
    #[error("the key is empty")]
    Empty,
    /// The key could not stand in a header.
    #[error("a key holds visible ASCII characters only, since it must stand in a header")]
    NotSent,
    /// What stands before the first `=` is no name.
    #[error(
        "what stands before the first `=` is not the name of a workspace (at most 64 letters, digits, `.`, `-` and `_`); \
         a key that holds `=` itself is written `=KEY` or `NAME=KEY`"
    )]
    Name,
}

/// Why a file of keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the keys of {}: {problem}", path.display())]
pub struct KeyFileError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("others than its owner and group can write to it; take that away with `chmod o-w`")]
    Writable,
    #[error("it is larger than {FILE_BYTES} bytes")]
    Large,
    #[error("it is not UTF-8")]
    Text,
    #[error("line {0}: {1}")]
    Line(usize, KeyError),
    #[error("line {0}: the key of line {1} again")]
    Twice(usize, usize),
    #[error("it holds no key")]
    None,
}

fn read(path: &Path) -> Result<Vec<ApiKey>, Problem> {
    let file = File::open(path)?;
    check_access(path, &file)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(Problem::Large);
    }
    keys(std::str::from_utf8(&bytes).map_err(|_| Problem::Text)?)
}

/// The keys of a file's text.
fn keys(text: &str) -> Result<Vec<ApiKey>, Problem> {
    let mut keys = Vec::<ApiKey>::new();
    let mut seen = std::collections::HashMap::new();
    // An editor may have put a mark before the text.
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let number = index + 1;
        let key = ApiKey::parse(line).map_err(|error| Problem::Line(number, error))?;
        // It could belong to two workspaces, of which one would silently win.
        if let Some(first) = seen.insert(key.digest, number) {
            return Err(Problem::Twice(number, first));
        }
        keys.push(key);
    }
    if keys.is_empty() { Err(Problem::None) } else { Ok(keys) }
}

#[cfg(unix)]
fn check_access(path: &Path, file: &File) -> Result<(), Problem> {
    use std::os::unix::fs::MetadataExt;

    let metadata = file.metadata()?;
    // Pipes and terminals have no content that others could read or change.
    if metadata.is_file() {
        if metadata.mode() & 0o002 != 0 {
            return Err(Problem::Writable);
        }
        if metadata.mode() & 0o004 != 0 {
            tracing::warn!(file = %path.display(), "every user of this machine can read the keys; `chmod o-r` takes that away");
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_access(_: &Path, _: &File) -> Result<(), Problem> {
    Ok(())
}

fn is_name(text: &str) -> bool {
    text.len() <= NAME_LENGTH
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn hash(purpose: &str, text: &str) -> [u8; 32] {
    Sha256::new().chain_update(purpose).chain_update([0]).chain_update(text).finalize().into()
}

pub(crate) fn digest(key: &str) -> Digested {
    let hash = hash("key", key);
    std::array::from_fn(|word| {
        u64::from_be_bytes(std::array::from_fn(|byte| hash[word * 8 + byte]))
    })
}

/// An id that is always the same for a text, from which the text cannot be told.
pub(crate) fn id(purpose: &str, text: &str) -> Uuid {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash(purpose, text)[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_at_the_first_sign() {
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
    fn what_could_be_meant_in_two_ways_is_refused_without_being_repeated() {
        for (text, expected) in [
            ("", KeyError::Empty),
            ("=", KeyError::Empty),
            ("ci=", KeyError::Empty),
            ("c2VjcmV0==", KeyError::Name),
            ("c2Vj+cmV0/=x", KeyError::Name),
            ("-ci=abc", KeyError::Name),
            ("clé", KeyError::NotSent),
            ("ci=a\tb", KeyError::NotSent),
        ] {
            let error = ApiKey::parse(text).unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("c2V"));
        }
        assert!(ApiKey::parse(&format!("{}=key", "n".repeat(64))).is_ok());
        assert_eq!(ApiKey::parse(&format!("{}=key", "n".repeat(65))), Err(KeyError::Name));
    }

    #[test]
    fn workspaces_are_told_by_name_where_there_is_one_and_by_key_where_there_is_none() {
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
        // A key that is called like a workspace does not open it.
        assert_ne!(workspace(ApiKey::new("ci")), workspace(ApiKey::with_workspace("ci", "a")));
    }

    #[test]
    fn a_file_holds_keys_comments_and_empty_lines() {
        let text = "\u{feff}# who may\r\n\r\nci=one\r\n  ci = two  \n=th=ree\nfour";
        let expected = [
            ApiKey::with_workspace("ci", "one"),
            ApiKey::with_workspace("ci", "two"),
            ApiKey::new("th=ree"),
            "four".into(),
        ];
        assert_eq!(keys(text).unwrap(), expected);
        for (text, expected) in [
            ("", "it holds no key"),
            ("# nothing\n", "it holds no key"),
            ("one\n\nci=\n", "line 3: the key is empty"),
            ("ci=one\n#\ndev=one\n", "line 3: the key of line 1 again"),
        ] {
            assert_eq!(keys(text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn debug_shows_the_name_alone() {
        let shown = format!("{:?}", ApiKey::with_workspace("ci", "secret"));
        assert_eq!(shown, "ApiKey { workspace: Some(\"ci\"), .. }");
    }
}
