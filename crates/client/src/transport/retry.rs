//! Decides whether and when a failed attempt is retried.
//!
//! Every failed attempt belongs to a [`FailureClass`]. A request is retried only if that cannot repeat its effect: if
//! the request is idempotent (GET, PUT, DELETE, PATCH), or if it was certainly not carried out (not sent, 429, 503 with
//! `Retry-After`). A POST that may have been carried out is never retried.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use backon::ExponentialBackoff;
use reqwest::Method;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use tower::retry::budget::{Budget as _, TpsBudget};

use crate::config::RetryPolicy;

/// The retry budget that all clones of a client share: 10 retries per second plus one for every five calls.
#[derive(Clone)]
pub(crate) struct RetryBudget(Arc<TpsBudget>);

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

/// The class of a failed attempt, which determines whether it is retried.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FailureClass {
    /// The request was not sent, for example because there was no connection.
    NotSent,
    /// The request was sent at least in part, but no complete response was received.
    ConnectionLost,
    /// The server responded with an error status.
    ErrorStatus { status: u16, retry_after: Option<Duration> },
}

impl FailureClass {
    /// Classifies an attempt for which reqwest returned an error instead of a response.
    pub(crate) fn of(error: &reqwest::Error) -> Self {
        if error.is_connect() || error.is_builder() { Self::NotSent } else { Self::ConnectionLost }
    }

    /// Returns whether the request was certainly not carried out.
    fn was_not_carried_out(self) -> bool {
        matches!(
            self,
            Self::NotSent
                | Self::ErrorStatus { status: 429, .. }
                | Self::ErrorStatus { status: 503, retry_after: Some(_) }
        )
    }

    /// Returns whether another attempt may succeed.
    fn is_transient(self) -> bool {
        match self {
            Self::NotSent | Self::ConnectionLost => true,
            Self::ErrorStatus { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
        }
    }

    /// Returns whether a request with this method may have been carried out, so that a retry could repeat its effect.
    pub(crate) fn is_ambiguous(self, method: &Method) -> bool {
        let was_rejected =
            matches!(self, Self::ErrorStatus { status, .. } if !matches!(status, 408 | 500..));
        is_write(method) && !self.was_not_carried_out() && !was_rejected
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
    delays: Option<ExponentialBackoff>,
    method: Method,
    started: Instant,
    deadline: Duration,
    count: u32,
}

impl Attempts {
    /// Starts the first attempt of a call. `deadline` limits the duration of all attempts and the delays between them.
    pub(crate) fn start(
        policy: &RetryPolicy,
        budget: &RetryBudget,
        method: Method,
        deadline: Duration,
    ) -> Self {
        budget.0.deposit();
        Self {
            policy: policy.clone(),
            budget: budget.clone(),
            delays: None,
            method,
            started: Instant::now(),
            deadline,
            count: 1,
        }
    }

    /// Returns the number of attempts, including the current one.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Returns the time since the call started.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Returns the delay before the next attempt and counts that attempt, or returns `None` if the call must not be retried.
    pub(crate) fn next_delay(&mut self, failure: FailureClass) -> Option<Duration> {
        let may_retry = failure.is_transient()
            && (!is_write(&self.method) || failure.was_not_carried_out())
            && self.count < self.policy.max_attempts;
        if !may_retry || failure.retry_after() > Some(self.policy.max_retry_after) {
            return None;
        }
        let delays = self.delays.get_or_insert_with(|| self.policy.delays());
        let max_delay = delays.next().unwrap_or(self.policy.max_delay);
        // Jitter is added to `Retry-After` too: the server sends the same value to all clients.
        let delay = failure.retry_after().unwrap_or_default() + max_delay.mul_f64(rand::random());
        if self.elapsed() + delay >= self.deadline || !self.budget.0.withdraw() {
            return None;
        }
        self.count += 1;
        Some(delay)
    }
}

/// Logs that an attempt failed and will be retried.
pub(crate) fn log_retry(operation: &'static str, attempt: u32, delay: Duration, reason: &str) {
    let delay_ms = delay.as_millis() as u64;
    tracing::warn!(operation, attempt, delay_ms, reason, "retry");
}

/// Parses how long the server asks to wait: seconds, a date, or the `retry-after-ms` header that some gateways send.
pub(crate) fn parse_retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = |name| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(milliseconds) = value("retry-after-ms").and_then(|value| value.parse().ok()) {
        return Some(Duration::from_millis(milliseconds));
    }
    let value = value(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: FailureClass = FailureClass::ErrorStatus { status: 503, retry_after: None };

    fn attempts(method: Method, policy: RetryPolicy) -> Attempts {
        Attempts::start(&policy, &RetryBudget::default(), method, Duration::from_secs(600))
    }

    fn error_status(status: u16) -> FailureClass {
        FailureClass::ErrorStatus { status, retry_after: None }
    }

    #[test]
    fn idempotent_requests_are_retried_after_transient_failures() {
        for failure in [
            FailureClass::NotSent,
            FailureClass::ConnectionLost,
            BUSY,
            error_status(408),
            error_status(500),
        ] {
            for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
                assert!(attempts(method, RetryPolicy::default()).next_delay(failure).is_some());
            }
        }
        for status in [400, 401, 403, 404, 409, 422, 501] {
            let mut attempts = attempts(Method::GET, RetryPolicy::default());
            assert!(attempts.next_delay(error_status(status)).is_none(), "{status}");
        }
    }

    #[test]
    fn writes_are_retried_only_if_they_were_not_carried_out() {
        let busy = |status| FailureClass::ErrorStatus { status, retry_after: Some(Duration::ZERO) };
        for failure in [FailureClass::NotSent, error_status(429), busy(503)] {
            assert!(attempts(Method::POST, RetryPolicy::default()).next_delay(failure).is_some());
            assert!(!failure.is_ambiguous(&Method::POST));
        }
        for failure in [
            FailureClass::ConnectionLost,
            BUSY,
            error_status(408),
            error_status(500),
            busy(502),
            error_status(504),
        ] {
            assert!(attempts(Method::POST, RetryPolicy::default()).next_delay(failure).is_none());
            assert!(failure.is_ambiguous(&Method::POST) && !failure.is_ambiguous(&Method::PUT));
        }
        assert!(!error_status(422).is_ambiguous(&Method::POST));
    }

    #[test]
    fn delays_are_random_and_grow_to_the_maximum() {
        let policy = RetryPolicy::default().max_attempts(50).max_delay(Duration::from_secs(2));
        let mut attempts = attempts(Method::GET, policy);
        let delays: Vec<_> = (0..40).map(|_| attempts.next_delay(BUSY).unwrap()).collect();
        assert!(delays[0] <= Duration::from_millis(500));
        assert!(delays.iter().all(|delay| *delay <= Duration::from_secs(2)));
        assert!(delays.iter().any(|delay| *delay > Duration::from_secs(1)));
        assert!(delays[2..].iter().any(|delay| *delay < Duration::from_secs(1)));
        assert_eq!(attempts.count(), 41);
    }

    #[test]
    fn attempts_are_limited() {
        let mut attempts = attempts(Method::GET, RetryPolicy::default().max_attempts(3));
        assert!(attempts.next_delay(BUSY).is_some() && attempts.next_delay(BUSY).is_some());
        assert!(attempts.next_delay(BUSY).is_none());
        assert_eq!(attempts.count(), 3);
        assert!(self::attempts(Method::GET, RetryPolicy::none()).next_delay(BUSY).is_none());
    }

    #[test]
    fn retry_after_is_honored_up_to_its_limit() {
        let rate_limited = |seconds| FailureClass::ErrorStatus {
            status: 429,
            retry_after: Some(Duration::from_secs(seconds)),
        };
        let wait =
            attempts(Method::POST, RetryPolicy::default()).next_delay(rate_limited(3)).unwrap();
        assert!(wait >= Duration::from_secs(3) && wait <= Duration::from_millis(3500));
        assert!(
            attempts(Method::POST, RetryPolicy::default()).next_delay(rate_limited(61)).is_none()
        );
        let policy = RetryPolicy::default().max_retry_after(Duration::from_secs(1000));
        assert!(
            attempts(Method::POST, policy).next_delay(rate_limited(601)).is_none(),
            "past the deadline"
        );
    }

    #[test]
    fn the_budget_limits_retries_across_calls() {
        let (policy, budget) = (RetryPolicy::default(), RetryBudget::default());
        let retried = (0..1000)
            .filter(|_| {
                let hour = Duration::from_secs(3600);
                Attempts::start(&policy, &budget, Method::GET, hour).next_delay(BUSY).is_some()
            })
            .count();
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
        assert_eq!(parse("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(parse("retry-after", "soon"), None);
        let past = parse("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(past, Some(Duration::ZERO));
        let later = SystemTime::now() + Duration::from_secs(90);
        let wait = parse("retry-after", &httpdate::fmt_http_date(later)).unwrap();
        assert!(wait > Duration::from_secs(85) && wait <= Duration::from_secs(90));
    }
}
