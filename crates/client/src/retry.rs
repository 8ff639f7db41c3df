//! When a call is sent again, and after how long.
//!
//! A request is repeated when that surely does no harm: it only reads, or writes what a second time changes nothing (GET, PUT,
//! DELETE, PATCH); or it was surely not carried out (no connection, 429, 503 with `Retry-After`). A POST that may have been
//! carried out is never repeated.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use reqwest::Method;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use tower::retry::budget::{Budget as _, TpsBudget};

/// How often and after how long a failed call is sent again.
///
/// The wait before the nth repetition is a random time between nothing and `first_delay` × 2ⁿ⁻¹, at most `max_delay`, so that
/// clients that failed together do not return together. A server that says how long to wait, by `Retry-After`, is obeyed. All
/// clones of a client share a budget of ten repetitions a second and one more for every five calls, so that a server in
/// trouble is not buried under them; what goes beyond it fails at once.
///
/// ```
/// use std::time::Duration;
/// use mistral_datasets::{Client, RetryPolicy};
///
/// let client = Client::builder()
///     .api_key("a key")
///     .retries(RetryPolicy::default().max_attempts(8).max_delay(Duration::from_secs(30)))
///     .build()?;
/// # Ok::<(), mistral_datasets::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    pub(crate) max_attempts: u32,
    pub(crate) first_delay: Duration,
    pub(crate) max_delay: Duration,
    pub(crate) max_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            first_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(8),
            max_retry_after: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// Sends everything once only.
    pub fn none() -> Self {
        Self::default().max_attempts(1)
    }

    /// How often a request is sent at most, the first time included. Default: 5. With 0, as with 1, it is sent once.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// The longest wait before the first repetition; it doubles from one to the next. Default: 0.5 s.
    pub fn first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay;
        self
    }

    /// What the waits do not grow beyond. Default: 8 s.
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// The longest `Retry-After` that is waited for; a server that asks for more ends the call, and the error tells how
    /// long it asked for. Default: 60 s.
    pub fn max_retry_after(mut self, delay: Duration) -> Self {
        self.max_retry_after = delay;
        self
    }

    /// The longest waits, one after the other.
    pub(crate) fn delays(&self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_min_delay(self.first_delay)
            .with_max_delay(self.max_delay.max(self.first_delay))
            .with_factor(2.0)
            .without_max_times()
            .build()
    }
}

/// The repetitions that all clones of a client have together.
#[derive(Clone)]
pub(crate) struct Budget(Arc<TpsBudget>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(TpsBudget::new(Duration::from_secs(10), 10, 0.2)))
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Budget")
    }
}

/// How an attempt failed, as far as repeating it goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    /// There was no connection to send it over.
    NotSent,
    /// It was sent, in part at least, and no whole response came.
    Broken,
    /// The server answered with a status that says it failed.
    Refused { status: u16, retry_after: Option<Duration> },
}

impl Failure {
    /// Whether the request was surely not carried out.
    fn is_harmless(self) -> bool {
        matches!(
            self,
            Self::NotSent
                | Self::Refused { status: 429, .. }
                | Self::Refused { status: 503, retry_after: Some(_) }
        )
    }

    /// Whether another attempt may go better.
    fn is_passing(self) -> bool {
        match self {
            Self::NotSent | Self::Broken => true,
            Self::Refused { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
        }
    }

    /// Whether a request of this method may have been carried out although it failed, so that repeating it could do it twice.
    pub(crate) fn is_ambiguous(self, method: &Method) -> bool {
        let refused =
            matches!(self, Self::Refused { status, .. } if !matches!(status, 408 | 500..));
        is_write(method) && !self.is_harmless() && !refused
    }

    fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => retry_after,
            _ => None,
        }
    }
}

/// Whether a second request of this method would change something again. PATCH would not: the API's one sets members to values.
pub(crate) fn is_write(method: &Method) -> bool {
    !method.is_idempotent() && *method != Method::PATCH
}

/// The attempts of one call.
#[derive(Debug)]
pub(crate) struct Attempts {
    policy: RetryPolicy,
    budget: Budget,
    delays: Option<ExponentialBackoff>,
    method: Method,
    started: Instant,
    deadline: Duration,
    made: u32,
}

impl Attempts {
    /// Begins a call, which may last until the deadline, and counts its first attempt.
    pub(crate) fn begin(
        policy: &RetryPolicy,
        budget: &Budget,
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
            made: 1,
        }
    }

    /// How many attempts were made, the one under way included.
    pub(crate) fn made(&self) -> u32 {
        self.made
    }

    /// How long the call has lasted.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// How long to wait before the next attempt, which is counted; none when the call has failed for good.
    pub(crate) fn after(&mut self, failure: Failure) -> Option<Duration> {
        let repeatable = failure.is_passing()
            && (!is_write(&self.method) || failure.is_harmless())
            && self.made < self.policy.max_attempts;
        if !repeatable || failure.retry_after() > Some(self.policy.max_retry_after) {
            return None;
        }
        let delays = self.delays.get_or_insert_with(|| self.policy.delays());
        let longest = delays.next().unwrap_or(self.policy.max_delay);
        // Full jitter, also beyond the time the server names, which it names to everybody alike.
        let delay = failure.retry_after().unwrap_or_default() + longest.mul_f64(rand::random());
        if self.elapsed() + delay >= self.deadline || !self.budget.0.withdraw() {
            return None;
        }
        self.made += 1;
        Some(delay)
    }
}

/// How long the server asks to wait: seconds, a date, or milliseconds in the header that some gateways send.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(milliseconds) = text("retry-after-ms").and_then(|text| text.parse().ok()) {
        return Some(Duration::from_millis(milliseconds));
    }
    let text = text(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Failure = Failure::Refused { status: 503, retry_after: None };

    fn attempts(method: Method, policy: RetryPolicy) -> Attempts {
        Attempts::begin(&policy, &Budget::default(), method, Duration::from_secs(600))
    }

    fn refused(status: u16) -> Failure {
        Failure::Refused { status, retry_after: None }
    }

    #[test]
    fn reads_are_repeated_after_what_passes() {
        for failure in [Failure::NotSent, Failure::Broken, BUSY, refused(408), refused(500)] {
            for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
                assert!(attempts(method, RetryPolicy::default()).after(failure).is_some());
            }
        }
        for status in [400, 401, 403, 404, 409, 422, 501] {
            let mut attempts = attempts(Method::GET, RetryPolicy::default());
            assert!(attempts.after(refused(status)).is_none(), "{status}");
        }
    }

    #[test]
    fn writes_are_repeated_only_when_they_were_not_carried_out() {
        let busy = |status| Failure::Refused { status, retry_after: Some(Duration::ZERO) };
        for failure in [Failure::NotSent, refused(429), busy(503)] {
            assert!(attempts(Method::POST, RetryPolicy::default()).after(failure).is_some());
            assert!(!failure.is_ambiguous(&Method::POST));
        }
        for failure in [Failure::Broken, BUSY, refused(408), refused(500), busy(502), refused(504)]
        {
            assert!(attempts(Method::POST, RetryPolicy::default()).after(failure).is_none());
            assert!(failure.is_ambiguous(&Method::POST) && !failure.is_ambiguous(&Method::PUT));
        }
        assert!(!refused(422).is_ambiguous(&Method::POST));
    }

    #[test]
    fn waits_grow_to_their_bound_and_are_drawn_at_random() {
        let policy = RetryPolicy::default().max_attempts(50).max_delay(Duration::from_secs(2));
        let mut attempts = attempts(Method::GET, policy);
        let waits: Vec<_> = (0..40).map(|_| attempts.after(BUSY).unwrap()).collect();
        assert!(waits[0] <= Duration::from_millis(500));
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(2)));
        assert!(waits.iter().any(|wait| *wait > Duration::from_secs(1)));
        assert!(waits[2..].iter().any(|wait| *wait < Duration::from_secs(1)));
        assert_eq!(attempts.made(), 41);
    }

    #[test]
    fn the_number_of_attempts_is_bounded() {
        let mut attempts = attempts(Method::GET, RetryPolicy::default().max_attempts(3));
        assert!(attempts.after(BUSY).is_some() && attempts.after(BUSY).is_some());
        assert!(attempts.after(BUSY).is_none());
        assert_eq!(attempts.made(), 3);
        assert!(self::attempts(Method::GET, RetryPolicy::none()).after(BUSY).is_none());
    }

    #[test]
    fn the_server_is_obeyed_within_bounds() {
        let asked = |seconds| Failure::Refused {
            status: 429,
            retry_after: Some(Duration::from_secs(seconds)),
        };
        let wait = attempts(Method::POST, RetryPolicy::default()).after(asked(3)).unwrap();
        assert!(wait >= Duration::from_secs(3) && wait <= Duration::from_millis(3500));
        assert!(attempts(Method::POST, RetryPolicy::default()).after(asked(61)).is_none());
        let policy = RetryPolicy::default().max_retry_after(Duration::from_secs(1000));
        assert!(attempts(Method::POST, policy).after(asked(601)).is_none(), "beyond the deadline");
    }

    #[test]
    fn a_budget_bounds_what_many_calls_repeat() {
        let (policy, budget) = (RetryPolicy::default(), Budget::default());
        let repeated = (0..1000)
            .filter(|_| {
                let hour = Duration::from_secs(3600);
                Attempts::begin(&policy, &budget, Method::GET, hour).after(BUSY).is_some()
            })
            .count();
        assert!((100..=400).contains(&repeated), "{repeated}");
    }

    #[test]
    fn the_header_is_read_in_all_its_forms() {
        let read = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(read("retry-after", " 7 "), Some(Duration::from_secs(7)));
        assert_eq!(read("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(read("retry-after", "soon"), None);
        let past = read("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT");
        assert_eq!(past, Some(Duration::ZERO));
        let later = SystemTime::now() + Duration::from_secs(90);
        let wait = read("retry-after", &httpdate::fmt_http_date(later)).unwrap();
        assert!(wait > Duration::from_secs(85) && wait <= Duration::from_secs(90));
    }
}
