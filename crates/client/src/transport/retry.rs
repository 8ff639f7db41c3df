//! Decides whether and when a failed attempt is retried.
//!
//! Every loop that sends requests (calls, uploads, downloads, bulk creation) has [`Attempts`], which makes all decisions:
//! the number of retries, backoff, `Retry-After`, the retry budget, the deadline, and what the final error says.
//!
//! Every failed attempt belongs to a [`FailureClass`]. A request is retried only if that cannot repeat its effect: if
//! the request is idempotent (GET, PUT, DELETE, PATCH) or only reads (searches), or if it was not carried out (not sent, 429, and by
//! [policy](RetryPolicy::retry_unavailable_writes) 503 with `Retry-After`). Any other POST that may have been carried out is
//! never retried.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use backon::ExponentialBackoff;
use reqwest::Method;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use tower::retry::budget::{Budget as _, TpsBudget};

use crate::config::RetryPolicy;
use crate::error::{Error, ErrorKind};

/// The longest delay that is told apart from longer ones, 136 years. It can be added to an `Instant`.
const MAX_DELAY: Duration = Duration::from_secs(u32::MAX as u64);

/// The retry budget that all clones of a client share: 10 retries per second plus one for every five calls.
#[derive(Clone)]
pub(crate) struct RetryBudget(Arc<TpsBudget>);

impl RetryBudget {
    /// Counts a call, which adds to the budget.
    pub(crate) fn deposit(&self) {
        self.0.deposit();
    }

    /// Takes a retry out of the budget. Returns `false` if it is exhausted.
    pub(crate) fn withdraw(&self) -> bool {
        self.0.withdraw()
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self(Arc::new(TpsBudget::new(Duration::from_secs(10), 10, 0.2)))
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RetryBudget")
    }
}

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) class: FailureClass,
    pub(crate) error: Error,
}

impl Failure {
    /// Creates the failure of an attempt that was sent and received no complete response.
    pub(crate) fn connection_lost(error: Error) -> Self {
        Self { class: FailureClass::ConnectionLost, error }
    }

    /// Returns a short description for logs and for the errors of aborted calls.
    pub(crate) fn reason(&self) -> String {
        match self.class {
            FailureClass::NotSent => "no connection".to_owned(),
            FailureClass::ConnectionLost if self.error.kind() == ErrorKind::Timeout => {
                "no response within the timeout".to_owned()
            }
            FailureClass::ConnectionLost => "connection lost".to_owned(),
            FailureClass::ErrorStatus { status, .. } => format!("status {status}"),
            FailureClass::Permanent { .. } => self.error.kind().name().to_owned(),
        }
    }
}

/// The class of a failed attempt, which determines whether it is retried.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FailureClass {
    /// No connection could be made, so not a byte was sent.
    NotSent,
    /// The request was sent at least in part, but no complete response was received.
    ConnectionLost,
    /// The server responded with an error status.
    ErrorStatus { status: u16, retry_after: Option<Duration> },
    /// Another attempt would fail in the same way.
    Permanent {
        /// Whether a write may have been carried out.
        is_ambiguous: bool,
    },
}

impl FailureClass {
    /// Returns the class of a call that failed after a single attempt.
    pub(crate) fn of_call(error: &Error) -> Self {
        match error.status() {
            Some(status) => Self::ErrorStatus { status, retry_after: error.retry_after() },
            None if !error.is_retryable() => Self::Permanent { is_ambiguous: error.is_ambiguous() },
            None if error.is_ambiguous() => Self::ConnectionLost,
            None => Self::NotSent,
        }
    }

    /// Returns whether another attempt may succeed.
    fn is_transient(self) -> bool {
        match self {
            Self::NotSent | Self::ConnectionLost => true,
            Self::ErrorStatus { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            Self::Permanent { .. } => false,
        }
    }

    /// Returns whether the request may have been carried out.
    fn may_have_been_carried_out(self, policy: &RetryPolicy) -> bool {
        match self {
            Self::NotSent => false,
            Self::ConnectionLost => true,
            Self::ErrorStatus { status: 503, retry_after: Some(_) } => {
                !policy.retries_unavailable_writes()
            }
            Self::ErrorStatus { status, .. } => matches!(status, 408 | 500..),
            Self::Permanent { is_ambiguous } => is_ambiguous,
        }
    }

    fn retry_after(self) -> Option<Duration> {
        match self {
            Self::ErrorStatus { retry_after, .. } => retry_after,
            _ => None,
        }
    }
}

/// Returns whether repeating a request with this method could repeat its effect. PATCH counts as idempotent because this
/// API only uses it to set fields to given values.
pub(crate) fn is_write(method: &Method) -> bool {
    !method.is_idempotent() && *method != Method::PATCH
}

/// The attempts of one call.
#[derive(Debug)]
pub(crate) struct Attempts {
    policy: RetryPolicy,
    budget: RetryBudget,
    delays: ExponentialBackoff,
    method: Method,
    /// Whether repeating the request could repeat its effect.
    is_write: bool,
    started: Instant,
    deadline: Duration,
    count: u32,
    /// Whether the request can only be sent once.
    only_once: bool,
    /// Whether an earlier attempt may have been carried out.
    may_have_been_carried_out: bool,
}

impl Attempts {
    /// Starts the first attempt of a call. `deadline` limits the duration of all attempts and the delays between them.
    pub(crate) fn start(
        policy: RetryPolicy,
        budget: RetryBudget,
        method: Method,
        deadline: Duration,
    ) -> Self {
        Self {
            delays: policy.delays(),
            policy,
            budget,
            is_write: is_write(&method),
            method,
            started: Instant::now(),
            deadline,
            count: 1,
            only_once: false,
            may_have_been_carried_out: false,
        }
    }

    /// Allows retries with any method, because the request only reads.
    pub(crate) fn only_reads(mut self) -> Self {
        self.is_write = false;
        self
    }

    /// Returns whether repeating the request could repeat its effect.
    pub(crate) fn is_write(&self) -> bool {
        self.is_write
    }

    /// Rules out retries, because the body of the request can only be read once.
    pub(crate) fn only_once(mut self) -> Self {
        self.only_once = true;
        self
    }

    /// Returns the number of attempts, including the current one.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Returns the time since the call started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Returns whether a failure shows that an earlier attempt was carried out although its response was lost: what the
    /// request deletes is gone.
    pub(crate) fn shows_success(&self, failure: &Failure) -> bool {
        self.method == Method::DELETE
            && self.may_have_been_carried_out
            && matches!(failure.class, FailureClass::ErrorStatus { status: 404, .. })
    }

    /// Waits before the next attempt and counts it.
    ///
    /// # Errors
    /// The final error of the call if it must not be retried.
    pub(crate) async fn retry(
        &mut self,
        operation: &'static str,
        failure: Failure,
    ) -> Result<(), Error> {
        let (attempt, reason) = (self.count, failure.reason());
        let delay = self.next_delay(failure)?;
        let delay_ms = delay.as_millis() as u64;
        tracing::warn!(operation, attempt, delay_ms, reason, "retry");
        tokio::time::sleep(delay).await;
        Ok(())
    }

    /// Takes the next attempt out of the retry budget, and returns the delay before it.
    fn next_delay(&mut self, failure: Failure) -> Result<Duration, Error> {
        let error = failure.error.clone();
        let delay = self.plan(failure)?;
        if self.budget.withdraw() {
            return Ok(delay);
        }
        self.count -= 1;
        Err(self.complete(error).with_not_retried("the retry budget of this client is exhausted"))
    }

    /// Counts the next attempt and returns the delay before it. The caller takes it out of the retry budget.
    ///
    /// # Errors
    /// The final error of the call if it must not be retried.
    pub(crate) fn plan(&mut self, failure: Failure) -> Result<Duration, Error> {
        let Failure { class, error } = failure;
        let may_have_been_carried_out = class.may_have_been_carried_out(&self.policy);
        self.may_have_been_carried_out |= may_have_been_carried_out;
        let is_ambiguous = may_have_been_carried_out && self.is_write;
        let error = self.complete(error.with_ambiguity(is_ambiguous));
        if !class.is_transient() || is_ambiguous || self.count > self.policy.retry_limit() {
            return Err(error);
        }
        if self.only_once {
            return Err(error.with_not_retried("the content can only be read once"));
        }
        if class.retry_after() > Some(self.policy.retry_after_limit()) {
            return Err(error.with_not_retried("the server asks for a longer delay than allowed"));
        }
        let max_delay = self.delays.next().unwrap_or_else(|| self.policy.delay_limit());
        // Jitter is added to `Retry-After` too: the server sends the same value to all clients.
        let jitter = max_delay.mul_f64(rand::random());
        let delay = class.retry_after().unwrap_or_default().saturating_add(jitter).min(MAX_DELAY);
        if self.elapsed().saturating_add(delay) >= self.deadline {
            return Err(error.with_not_retried("the deadline would pass before the next attempt"));
        }
        self.count += 1;
        Ok(delay)
    }

    fn complete(&self, error: Error) -> Error {
        error.with_attempts(self.count, self.elapsed())
    }
}

/// Parses how long the server asks to wait: seconds, possibly with a fraction, a date, or the `retry-after-ms` header that
/// some gateways send.
pub(crate) fn parse_retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = |name| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(delay) = value("retry-after-ms").and_then(|value| parse_number(value, 1e-3)) {
        return Some(delay);
    }
    let value = value(RETRY_AFTER.as_str())?;
    if let Some(delay) = parse_number(value, 1.0) {
        return Some(delay);
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Parses a non-negative decimal number of units.
fn parse_number(text: &str, unit_seconds: f64) -> Option<Duration> {
    if !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let seconds = text.parse::<f64>().ok()? * unit_seconds;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(MAX_DELAY).min(MAX_DELAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: FailureClass = error_status(503);

    const fn error_status(status: u16) -> FailureClass {
        FailureClass::ErrorStatus { status, retry_after: None }
    }

    const fn with_retry_after(status: u16, seconds: u64) -> FailureClass {
        FailureClass::ErrorStatus { status, retry_after: Some(Duration::from_secs(seconds)) }
    }

    fn failure(class: FailureClass) -> Failure {
        Failure { class, error: Error::new(ErrorKind::Server, "failed") }
    }

    fn attempts(method: Method, policy: RetryPolicy) -> Attempts {
        Attempts::start(policy, RetryBudget::default(), method, Duration::from_secs(600))
    }

    /// Returns the outcome of a first attempt that fails.
    fn first(method: Method, policy: RetryPolicy, class: FailureClass) -> Result<Duration, Error> {
        attempts(method, policy).next_delay(failure(class))
    }

    #[test]
    fn idempotent_requests_are_retried_after_transient_failures() {
        for class in [
            FailureClass::NotSent,
            FailureClass::ConnectionLost,
            BUSY,
            error_status(408),
            error_status(500),
        ] {
            for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
                assert!(first(method, RetryPolicy::new(), class).is_ok());
            }
        }
        for status in [400, 401, 403, 404, 409, 422, 501] {
            let result = first(Method::GET, RetryPolicy::new(), error_status(status));
            assert!(result.is_err(), "{status}");
        }
        let permanent = FailureClass::Permanent { is_ambiguous: false };
        assert!(first(Method::GET, RetryPolicy::new(), permanent).is_err());
    }

    #[test]
    fn writes_are_retried_only_if_they_were_not_carried_out() {
        let post = |class| first(Method::POST, RetryPolicy::new(), class);
        for class in [FailureClass::NotSent, error_status(429), with_retry_after(503, 0)] {
            assert!(post(class).is_ok());
        }
        for class in [
            FailureClass::ConnectionLost,
            BUSY,
            error_status(408),
            error_status(500),
            with_retry_after(502, 0),
            error_status(504),
        ] {
            assert!(post(class).unwrap_err().is_ambiguous());
            let none = first(Method::PUT, RetryPolicy::none(), class);
            assert!(!none.unwrap_err().is_ambiguous(), "an idempotent request is never ambiguous");
        }
        assert!(!post(error_status(422)).unwrap_err().is_ambiguous());
    }

    #[test]
    fn retrying_unavailable_writes_can_be_switched_off() {
        let policy = RetryPolicy::new().retry_unavailable_writes(false);
        let error = first(Method::POST, policy.clone(), with_retry_after(503, 0)).unwrap_err();
        assert!(error.is_ambiguous());
        assert!(first(Method::GET, policy.clone(), with_retry_after(503, 0)).is_ok());
        assert!(first(Method::POST, policy, error_status(429)).is_ok());
    }

    #[test]
    fn a_missing_resource_shows_that_an_earlier_delete_succeeded() {
        let not_found = failure(error_status(404));
        for (class, is_shown) in [
            (FailureClass::ConnectionLost, true),
            (error_status(504), true),
            (FailureClass::NotSent, false),
            (error_status(429), false),
        ] {
            for method in [Method::DELETE, Method::GET] {
                let mut attempts = attempts(method.clone(), RetryPolicy::new());
                assert!(!attempts.shows_success(&not_found));
                attempts.next_delay(failure(class)).unwrap();
                let is_delete = method == Method::DELETE;
                assert_eq!(attempts.shows_success(&not_found), is_shown && is_delete, "{class:?}");
            }
        }
    }

    #[test]
    fn delays_are_random_and_grow_to_the_maximum() {
        let policy = RetryPolicy::new().max_retries(50).max_delay(Duration::from_secs(2));
        let mut attempts = attempts(Method::GET, policy);
        let delays: Vec<_> = (0..40).map(|_| attempts.next_delay(failure(BUSY)).unwrap()).collect();
        assert!(delays[0] <= Duration::from_millis(500));
        assert!(delays.iter().all(|delay| *delay <= Duration::from_secs(2)));
        assert!(delays.iter().any(|delay| *delay > Duration::from_secs(1)));
        assert!(delays[2..].iter().any(|delay| *delay < Duration::from_secs(1)));
        assert_eq!(attempts.count(), 41);
    }

    #[test]
    fn retries_are_limited() {
        let mut twice = attempts(Method::GET, RetryPolicy::new().max_retries(2));
        for _ in 0..2 {
            twice.next_delay(failure(BUSY)).unwrap();
        }
        assert_eq!(twice.next_delay(failure(BUSY)).unwrap_err().attempts(), 3);
        assert_eq!(first(Method::GET, RetryPolicy::none(), BUSY).unwrap_err().attempts(), 1);
    }

    #[test]
    fn content_that_can_be_read_once_is_sent_once() {
        let mut attempts = attempts(Method::POST, RetryPolicy::new()).only_once();
        let error = attempts.next_delay(failure(with_retry_after(429, 5))).unwrap_err();
        assert!(error.to_string().contains("can only be read once"), "{error}");
    }

    #[test]
    fn retry_after_is_honored_up_to_its_limit() {
        let post = |policy, seconds| first(Method::POST, policy, with_retry_after(429, seconds));
        let wait = post(RetryPolicy::new(), 3).unwrap();
        assert!(wait >= Duration::from_secs(3) && wait <= Duration::from_millis(3500));
        let error = post(RetryPolicy::new(), 61).unwrap_err();
        assert!(error.to_string().contains("longer delay"), "{error}");
        let patient = RetryPolicy::new().max_retry_after(Duration::MAX);
        let error = post(patient, 601).unwrap_err();
        assert!(error.to_string().contains("deadline"), "{error}");
    }

    #[test]
    fn extreme_settings_do_not_overflow() {
        let policy = RetryPolicy::new()
            .first_delay(Duration::MAX)
            .max_delay(Duration::MAX)
            .max_retry_after(Duration::MAX);
        let class = FailureClass::ErrorStatus { status: 429, retry_after: Some(Duration::MAX) };
        let mut attempts =
            Attempts::start(policy, RetryBudget::default(), Method::GET, Duration::MAX);
        for _ in 0..3 {
            let _ = attempts.next_delay(failure(class));
        }
    }

    #[test]
    fn the_budget_limits_retries_across_calls_and_the_error_says_so() {
        let budget = RetryBudget::default();
        let mut retried = 0;
        for _ in 0..1000 {
            budget.deposit();
            let hour = Duration::from_secs(3600);
            let mut attempts =
                Attempts::start(RetryPolicy::new(), budget.clone(), Method::GET, hour);
            match attempts.next_delay(failure(BUSY)) {
                Ok(_) => retried += 1,
                Err(error) => {
                    assert!(error.to_string().contains("retry budget"), "{error}");
                    assert_eq!(error.attempts(), 1);
                }
            }
        }
        assert!((100..=400).contains(&retried), "{retried}");
    }

    #[test]
    fn retry_after_is_parsed_in_all_formats() {
        let parse = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            parse_retry_after(&headers)
        };
        assert_eq!(parse("retry-after", " 7 "), Some(Duration::from_secs(7)));
        assert_eq!(parse("retry-after", "1.5"), Some(Duration::from_millis(1500)));
        assert_eq!(parse("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(parse("retry-after-ms", "0.5"), Some(Duration::from_micros(500)));
        assert_eq!(parse("retry-after", &"9".repeat(400)), Some(MAX_DELAY));
        for text in ["soon", "-1", "inf", "nan", "1e3", "", "1.2.3"] {
            assert_eq!(parse("retry-after", text), None, "{text}");
        }
        let past = parse("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(past, Some(Duration::ZERO));
        let later = SystemTime::now() + Duration::from_secs(90);
        let wait = parse("retry-after", &httpdate::fmt_http_date(later)).unwrap();
        assert!(wait > Duration::from_secs(85) && wait <= Duration::from_secs(90));
    }
}
