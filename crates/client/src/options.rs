//! What holds for all calls of a client, and what can be said otherwise for some.

use std::fmt;
use std::time::Duration;

use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING,
};

use crate::error::{Error, ErrorKind};
use crate::retry::RetryPolicy;

/// How long a request may take where nothing else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// How long a call may take with its repetitions where nothing else is said.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(600);

/// What the client itself says in every request.
const RESERVED: [HeaderName; 6] =
    [AUTHORIZATION, HOST, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING, COOKIE];

/// What is to hold for some calls otherwise than for the rest of a client's; see [`Client::with`](crate::Client::with).
///
/// ```
/// use std::time::Duration;
/// use mistral_datasets::{Client, Options, RetryPolicy};
///
/// let client = Client::new("a key")?;
/// let patient = client.with_options(Options::new().timeout(Duration::from_secs(900)).retries(RetryPolicy::none()))?;
/// # Ok::<(), mistral_datasets::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Options {
    pub(crate) api_key: Option<String>,
    pub(crate) server_url: Option<String>,
    timeout: Option<Duration>,
    deadline: Option<Duration>,
    retries: Option<RetryPolicy>,
    headers: Vec<(String, String)>,
    share_bodies: Option<bool>,
}

impl Options {
    /// Nothing is otherwise.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another key.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Another server.
    pub fn server_url(mut self, url: impl Into<String>) -> Self {
        self.server_url = Some(url.into());
        self
    }

    /// How long one attempt may take until its response has been read. Default: 300 s. Uploads and downloads may take longer, as
    /// long as they do not pause for this time.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long a call may take with all its attempts and the waits between them. Default: 600 s. Uploads and downloads may
    /// take longer.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// How often and after how long failed calls are sent again.
    pub fn retries(mut self, retries: RetryPolicy) -> Self {
        self.retries = Some(retries);
        self
    }

    /// A further header of every request to the API. One that was given before under the same name is replaced. Those that
    /// the client sends itself, such as `Authorization`, cannot be given. Links are opened without it; a server's redirect to
    /// another host takes it along, unlike the key.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Whether payloads, properties and other raw JSON of a response share its body. Default: they do not, but are pieces of
    /// their own. Sharing is faster where a response is used up as a whole; but the body of a page stays in memory as long as a
    /// single record of it does.
    pub fn share_bodies(mut self, share: bool) -> Self {
        self.share_bodies = Some(share);
        self
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers may hold secrets, so only their names are shown.
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Options")
            .field("api_key", &self.api_key.as_ref().map(|_| "…"))
            .field("server_url", &self.server_url)
            .field("timeout", &self.timeout)
            .field("deadline", &self.deadline)
            .field("retries", &self.retries)
            .field("headers", &headers)
            .field("share_bodies", &self.share_bodies)
            .finish()
    }
}

/// What holds for a call, complete and checked.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) authorization: HeaderValue,
    pub(crate) timeout: Duration,
    pub(crate) deadline: Duration,
    pub(crate) retries: RetryPolicy,
    pub(crate) headers: HeaderMap,
    pub(crate) share_bodies: bool,
}

impl Settings {
    /// The defaults with this key.
    pub(crate) fn new(key: &str) -> Result<Self, Error> {
        Ok(Self {
            authorization: authorization(key)?,
            timeout: DEFAULT_TIMEOUT,
            deadline: DEFAULT_DEADLINE,
            retries: RetryPolicy::default(),
            headers: HeaderMap::new(),
            share_bodies: false,
        })
    }

    /// These settings with what is to be otherwise.
    pub(crate) fn with(&self, options: &Options) -> Result<Self, Error> {
        let mut settings = self.clone();
        if let Some(key) = &options.api_key {
            settings.authorization = authorization(key)?;
        }
        settings.timeout = some_time("timeout", options.timeout.unwrap_or(self.timeout))?;
        settings.deadline = some_time("deadline", options.deadline.unwrap_or(self.deadline))?;
        if let Some(retries) = &options.retries {
            settings.retries = retries.clone();
        }
        settings.share_bodies = options.share_bodies.unwrap_or(self.share_bodies);
        for (name, value) in &options.headers {
            let (name, value) = header(name, value)?;
            settings.headers.insert(name, value);
        }
        Ok(settings)
    }
}

pub(crate) fn misconfigured(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

fn authorization(key: &str) -> Result<HeaderValue, Error> {
    if key.trim().is_empty() {
        return Err(misconfigured("there is no API key; give one, or set MISTRAL_API_KEY"));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.trim()))
        .map_err(|_| misconfigured("the API key holds characters that no header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn some_time(name: &str, time: Duration) -> Result<Duration, Error> {
    if time.is_zero() {
        return Err(misconfigured(format!("the {name} must be longer than nothing")));
    }
    Ok(time)
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let Ok(parsed) = name.parse::<HeaderName>() else {
        return Err(misconfigured(format!("`{name}` cannot be the name of a header")));
    };
    if RESERVED.contains(&parsed) {
        return Err(misconfigured(format!("the client says the header `{parsed}` itself")));
    }
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        misconfigured(format!("the header `{parsed}` holds characters that no header can carry"))
    })?;
    value.set_sensitive(true);
    Ok((parsed, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_request_can_carry_is_refused_without_showing_it() {
        let settings = Settings::new("key").unwrap();
        for options in [
            Options::new().header("x-secret", "a\nsecret"),
            Options::new().header("Authorization", "secret"),
            Options::new().header("no name", "secret"),
            Options::new().api_key("a\nsecret"),
            Options::new().api_key(" "),
            Options::new().timeout(Duration::ZERO),
            Options::new().deadline(Duration::ZERO),
        ] {
            let error = settings.with(&options).err().expect("it is refused");
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(!format!("{error} {error:?} {options:?}").contains("\nsecret"));
        }
    }

    #[test]
    fn what_is_not_said_stays_and_headers_add_up() {
        let first = Options::new().header("x-team", "a").header("x-job", "1");
        let settings = Settings::new("key").unwrap().with(&first).unwrap();
        let other = settings.with(&Options::new().header("X-Job", "2")).unwrap();
        assert_eq!(
            (&other.headers["x-team"], &other.headers["x-job"]),
            (&"a".parse().unwrap(), &"2".parse().unwrap())
        );
        assert_eq!((other.timeout, other.deadline), (DEFAULT_TIMEOUT, DEFAULT_DEADLINE));
    }
}
