//! The fault rules and journals of all workspaces.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use http::Method;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::journal::{Arrival, Journal, Outcome};
use super::rule::Rule;
use crate::api::OperationRoute;
use crate::json::{Object, array};

/// The maximum number of workspaces kept in memory. If any key is accepted, clients can create arbitrarily many.
const MAX_WORKSPACES: usize = 128;

/// The maximum number of rules in a workspace. Exhausted rules are removed when new ones would exceed it.
pub(crate) const MAX_RULES: usize = 1_000;

/// The memory for the rules of all workspaces, in KiB.
const RULE_MEMORY: usize = 32 << 10;

/// The memory for the journals of all workspaces, in bytes. Each workspace gets the same share.
const JOURNAL_BYTES: usize = 32 << 20;

/// The fault rules and journals of all workspaces.
#[derive(Debug)]
pub(crate) struct Faults {
    workspaces: RwLock<HashMap<Uuid, Arc<Workspace>>>,
    /// The memory that is left for rules, in KiB.
    rule_memory: Arc<Semaphore>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { workspaces: RwLock::default(), rule_memory: Arc::new(Semaphore::new(RULE_MEMORY)) }
    }
}

/// An error adding rules.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddError {
    #[error(
        "a workspace has at most {MAX_RULES} fault rules; remove rules with `DELETE /local/v1/faults`"
    )]
    TooMany,
    #[error("the fault rules of all workspaces take more than {} MiB; remove rules with `DELETE /local/v1/faults`", RULE_MEMORY >> 10)]
    TooLarge,
}

/// The fault rules and the journal of a workspace.
#[derive(Debug)]
pub(super) struct Workspace(Mutex<State>);

#[derive(Debug)]
struct State {
    rules: Vec<ActiveRule>,
    journal: Journal,
    last_used: Instant,
}

/// A rule and its counters.
#[derive(Debug)]
struct ActiveRule {
    id: Uuid,
    rule: Arc<Rule>,
    /// The memory of the rule, which is released with it.
    _memory: OwnedSemaphorePermit,
    /// The number of matching requests, including skipped ones.
    matched: u64,
    /// The number of requests that were affected.
    applied: u64,
}

/// A request to record and to match with rules.
pub(super) struct Request<'a> {
    pub(super) arrival: Arrival<'a>,
    pub(super) route: &'a str,
    pub(super) operation: Option<&'static OperationRoute>,
    /// Whether a rule may decide what the response contains.
    pub(super) allows_content: bool,
}

impl Faults {
    /// Returns a workspace, which is created if it does not exist.
    pub(super) fn workspace(&self, workspace: Uuid) -> Arc<Workspace> {
        if let Some(existing) = self.existing(workspace) {
            return existing;
        }
        let mut all = self.workspaces.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MAX_WORKSPACES && !all.contains_key(&workspace) {
            // Workspaces without rules are evicted first, because an old journal is hardly needed.
            let evicted = all.iter().min_by_key(|(_, other)| {
                let state = other.state();
                (!state.rules.is_empty(), state.last_used)
            });
            if let Some(evicted) = evicted.map(|(id, _)| *id) {
                all.remove(&evicted);
            }
        }
        let created =
            Arc::clone(all.entry(workspace).or_insert_with(|| Arc::new(Workspace::new())));
        let share = JOURNAL_BYTES / all.len();
        all.values().for_each(|workspace| workspace.state().journal.limit_bytes(share));
        created
    }

    fn existing(&self, workspace: Uuid) -> Option<Arc<Workspace>> {
        self.workspaces
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&workspace)
            .map(Arc::clone)
    }

    /// Adds rules after the existing ones, and returns the new ones as a JSON array. Adds all of them or none.
    pub(crate) fn add(&self, workspace: Uuid, rules: Vec<Rule>) -> Result<Vec<u8>, AddError> {
        let mut reserved = Vec::with_capacity(rules.len());
        for rule in &rules {
            reserved.push(self.reserve(rule.size()).ok_or(AddError::TooLarge)?);
        }
        let workspace = self.workspace(workspace);
        let mut state = workspace.state();
        if state.rules.len() + rules.len() > MAX_RULES {
            state.rules.retain(|active| !active.is_exhausted());
        }
        if state.rules.len() + rules.len() > MAX_RULES {
            return Err(AddError::TooMany);
        }
        let first_new = state.rules.len();
        state.rules.extend(rules.into_iter().zip(reserved).map(|(rule, memory)| ActiveRule {
            id: Uuid::now_v7(),
            rule: Arc::new(rule),
            _memory: memory,
            matched: 0,
            applied: 0,
        }));
        let mut out = Vec::new();
        array(&mut out, &state.rules[first_new..], |out, active| active.write(out));
        Ok(out)
    }

    /// Reserves memory for a rule. If there is too little, removes the exhausted rules of all workspaces.
    fn reserve(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(1 << 10)).ok()?;
        let reserve = || Arc::clone(&self.rule_memory).try_acquire_many_owned(units).ok();
        reserve().or_else(|| {
            let all = self.workspaces.read().unwrap_or_else(PoisonError::into_inner);
            for workspace in all.values() {
                workspace.state().rules.retain(|active| !active.is_exhausted());
            }
            reserve()
        })
    }

    /// Writes the rules as a JSON array.
    pub(crate) fn write_rules(&self, workspace: Uuid, out: &mut Vec<u8>) {
        match self.existing(workspace) {
            Some(existing) => array(out, &existing.state().rules, |out, active| active.write(out)),
            None => out.extend_from_slice(b"[]"),
        }
    }

    /// Writes the journal as a JSON array.
    pub(crate) fn write_journal(&self, workspace: Uuid, out: &mut Vec<u8>) {
        match self.existing(workspace) {
            Some(existing) => existing.state().journal.write(out),
            None => out.extend_from_slice(b"[]"),
        }
    }

    /// Removes all rules. Faults that are already being injected continue.
    pub(crate) fn clear_rules(&self, workspace: Uuid) {
        if let Some(existing) = self.existing(workspace) {
            existing.state().rules.clear();
        }
    }

    /// Empties the journal.
    pub(crate) fn clear_journal(&self, workspace: Uuid) {
        if let Some(existing) = self.existing(workspace) {
            existing.state().journal.clear();
        }
    }
}

impl Workspace {
    fn new() -> Self {
        Self(Mutex::new(State {
            rules: Vec::new(),
            journal: Journal::default(),
            last_used: Instant::now(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a request. Returns its number in the journal and the rule to apply to it.
    ///
    /// Both happen under one lock, so that rules count requests in the order of the journal.
    pub(super) fn record(&self, request: &Request<'_>, now: Instant) -> (u64, Option<Arc<Rule>>) {
        let mut state = self.state();
        state.last_used = now;
        let fault = find_rule(&mut state.rules, request);
        let number = state.journal.record(&request.arrival, fault.as_ref().map(|(id, _)| *id));
        (number, fault.map(|(_, rule)| rule))
    }

    /// Records the outcome of a request.
    pub(super) fn record_outcome(&self, number: u64, outcome: Outcome) {
        self.state().journal.record_outcome(number, outcome);
    }
}

/// Returns the first rule that applies to a request.
///
/// Later rules do not count the request, so that rules with limited `times` form a sequence.
fn find_rule(rules: &mut [ActiveRule], request: &Request<'_>) -> Option<(Uuid, Arc<Rule>)> {
    let method: &Method = request.arrival.method;
    for active in rules {
        let rule = &active.rule;
        if active.is_exhausted() || !rule.matches(method, request.route, request.operation) {
            continue;
        }
        if rule.chooses_content() && !request.allows_content {
            continue;
        }
        active.matched += 1;
        if active.matched > rule.skip {
            active.applied += 1;
            return Some((active.id, Arc::clone(rule)));
        }
    }
    None
}

impl ActiveRule {
    fn is_exhausted(&self) -> bool {
        self.rule.times.is_some_and(|times| self.applied >= times)
    }

    /// Writes the rule as the client sent it, with its id and counters.
    fn write(&self, out: &mut Vec<u8>) {
        Object::write(out, |object| {
            object.uuid("id", self.id);
            object.integer("matched", self.matched);
            object.integer("applied", self.applied);
            for (name, text) in self.rule.fields() {
                object.raw(name, text);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use serde_json::{Value, json};

    use super::*;
    use crate::json::{Document, MAX_DEPTH};

    fn rules(rules: Value) -> Vec<Rule> {
        let text = rules.to_string();
        let document = Document::read(text.as_bytes(), "the body", MAX_DEPTH).unwrap();
        let values = document.one_or_items(MAX_RULES).unwrap();
        values.map(|value| Rule::read(&value).unwrap()).collect()
    }

    /// Sends a request. Returns the status of the rule that applied to it.
    fn send(faults: &Faults, workspace: Uuid) -> Option<u16> {
        let headers = HeaderMap::new();
        let arrival =
            Arrival { method: &Method::GET, path: "/", operation: None, headers: &headers };
        let request = Request { arrival, route: "/", operation: None, allows_content: true };
        let (_, rule) = faults.workspace(workspace).record(&request, Instant::now());
        rule.map(|rule| rule.response(http::StatusCode::OK).status().as_u16())
    }

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    #[test]
    fn rules_apply_in_sequence() {
        let faults = Faults::default();
        let sequence = json!([
            {"status": 500, "skip": 1, "times": 2},
            {"status": 501, "times": 1},
            {"status": 502, "times": null, "method": "POST"},
        ]);
        faults.add(A, rules(sequence)).unwrap();
        let affected: Vec<_> = (0..5).map(|_| send(&faults, A)).collect();
        // The first rule skips the first request, so the second rule applies to it.
        assert_eq!(affected, [Some(501), Some(500), Some(500), None, None]);
        assert_eq!(send(&faults, B), None);
        let mut out = Vec::new();
        faults.write_rules(A, &mut out);
        let listed: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((&listed[0]["matched"], &listed[0]["applied"]), (&json!(3), &json!(2)));
        assert_eq!(listed[2]["times"], Value::Null);
        faults.clear_rules(A);
        faults.add(A, rules(json!({"status": 503, "times": null}))).unwrap();
        assert!((0..20).all(|_| send(&faults, A) == Some(503)));
    }

    #[test]
    fn concurrent_requests_do_not_exceed_times() {
        let faults = Faults::default();
        faults.add(A, rules(json!({"status": 500, "skip": 50, "times": 100}))).unwrap();
        let count = || (0..100).filter(|_| send(&faults, A).is_some()).count();
        let affected: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(count)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(affected, 100);
    }

    #[test]
    fn exhausted_rules_are_removed() {
        let faults = Faults::default();
        let unlimited = json!({"status": 500, "times": null, "skip": u64::MAX});
        faults.add(A, rules(unlimited)).unwrap();
        for _ in 0..MAX_RULES + 10 {
            faults.add(A, rules(json!({"status": 501}))).unwrap();
            assert_eq!(send(&faults, A), Some(501));
        }
        let kept = faults.workspace(A).state().rules.len();
        assert!((2..MAX_RULES).contains(&kept), "{kept}");
        assert_eq!(faults.workspace(A).state().rules[0].rule.times, None);
    }

    #[test]
    fn the_number_of_rules_is_limited() {
        let faults = Faults::default();
        let many = json!([json!({"status": 500, "times": null})]);
        for _ in 0..MAX_RULES {
            faults.add(A, rules(many.clone())).unwrap();
        }
        assert_eq!(faults.add(A, rules(many.clone())), Err(AddError::TooMany));
        faults.add(B, rules(many.clone())).unwrap();
        faults.clear_rules(A);
        faults.add(A, rules(many)).unwrap();
    }

    #[test]
    fn the_memory_of_rules_is_limited_and_released_with_them() {
        let faults = Faults::default();
        let rule =
            |times: Value| json!({"status": 500, "times": times, "body": "x".repeat(1_000_000)});
        let count = |times: fn() -> Value| {
            let workspaces = (0..).map(Uuid::from_u128);
            let added = workspaces.map_while(|n| faults.add(n, rules(rule(times()))).ok());
            added.take(RULE_MEMORY).count()
        };
        let first = count(|| json!(1));
        assert!((10..20).contains(&first), "{first}");
        assert_eq!(faults.add(A, rules(rule(json!(1)))), Err(AddError::TooLarge));
        for n in 0..first as u128 {
            assert_eq!(send(&faults, Uuid::from_u128(n)), Some(500));
        }
        // Exhausted rules make room.
        assert_eq!(count(|| Value::Null), first);
        faults.clear_rules(Uuid::from_u128(0));
        faults.add(A, rules(rule(Value::Null))).unwrap();
    }

    #[test]
    fn workspaces_share_the_memory_of_journals() {
        let faults = Faults::default();
        let mut headers = HeaderMap::new();
        let bytes = |workspace| faults.workspace(workspace).state().journal.bytes();
        for n in 0..20_000 {
            headers.insert("x", format!("{n}{}", "x".repeat(4_000)).parse().unwrap());
            let arrival =
                Arrival { method: &Method::GET, path: "/", operation: None, headers: &headers };
            let request = Request { arrival, route: "/", operation: None, allows_content: true };
            faults.workspace(A).record(&request, Instant::now());
        }
        assert!((JOURNAL_BYTES / 2..=JOURNAL_BYTES).contains(&bytes(A)), "{}", bytes(A));
        send(&faults, B);
        assert!(bytes(A) <= JOURNAL_BYTES / 2, "{}", bytes(A));
    }

    #[test]
    fn least_recently_used_workspaces_without_rules_are_evicted_first() {
        let faults = Faults::default();
        faults.add(A, rules(json!({"status": 500, "times": null}))).unwrap();
        send(&faults, B);
        for n in 0..MAX_WORKSPACES as u128 {
            send(&faults, Uuid::from_u128(100 + n));
        }
        assert_eq!(faults.workspaces.read().unwrap().len(), MAX_WORKSPACES);
        assert!(faults.existing(B).is_none());
        assert_eq!(send(&faults, A), Some(500));
    }
}
