//! Which rules and which journal a workspace has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use http::Method;
use uuid::Uuid;

use super::journal::{Arrival, Journal, Outcome};
use super::rule::Rule;
use crate::api::OperationRoute;
use crate::json::{Object, array};

/// So many workspaces are remembered. Where every key is accepted there is no end of them.
const WORKSPACES: usize = 128;

/// With more rules than this in a workspace, those that are used up are forgotten when new ones come, so that tests that never
/// remove theirs do not slow down the requests of those to come.
const RULES: usize = 1_000;

/// The rules and journals of all workspaces.
#[derive(Debug, Default)]
pub(crate) struct Faults(RwLock<HashMap<Uuid, Arc<Workspace>>>);

/// One workspace's.
#[derive(Debug)]
pub(super) struct Workspace(Mutex<State>);

#[derive(Debug)]
struct State {
    rules: Vec<Planted>,
    journal: Journal,
    last_used: Instant,
}

/// A rule, and what became of it.
#[derive(Debug)]
struct Planted {
    id: Uuid,
    rule: Arc<Rule>,
    /// The requests it was asked about and speaks of, and those of them that it spoiled.
    matched: u64,
    applied: u64,
}

/// A request as it comes.
pub(super) struct Request<'a> {
    pub(super) arrival: Arrival<'a>,
    pub(super) route: &'a str,
    pub(super) operation: Option<&'static OperationRoute>,
}

impl Faults {
    /// What a workspace has; room is made for it if it is new.
    pub(super) fn of(&self, workspace: Uuid) -> Arc<Workspace> {
        if let Some(known) = self.known(workspace) {
            return known;
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= WORKSPACES && !all.contains_key(&workspace) {
            // Somebody may still count on rules, but hardly on an old journal.
            let last = all.iter().min_by_key(|(_, other)| {
                let state = other.state();
                (!state.rules.is_empty(), state.last_used)
            });
            if let Some(last) = last.map(|(id, _)| *id) {
                all.remove(&last);
            }
        }
        Arc::clone(all.entry(workspace).or_insert_with(|| Arc::new(Workspace::new())))
    }

    fn known(&self, workspace: Uuid) -> Option<Arc<Workspace>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&workspace).map(Arc::clone)
    }

    /// Adds rules behind those that are there, and writes them as a JSON array.
    pub(crate) fn add(&self, workspace: Uuid, rules: Vec<Rule>, out: &mut Vec<u8>) {
        let workspace = self.of(workspace);
        let mut state = workspace.state();
        if state.rules.len() + rules.len() > RULES {
            state.rules.retain(|planted| !planted.is_used_up());
        }
        let before = state.rules.len();
        state.rules.extend(rules.into_iter().map(|rule| Planted {
            id: Uuid::now_v7(),
            rule: Arc::new(rule),
            matched: 0,
            applied: 0,
        }));
        array(out, &state.rules[before..], |out, planted| planted.write(out));
    }

    /// Writes the rules as a JSON array.
    pub(crate) fn write_rules(&self, workspace: Uuid, out: &mut Vec<u8>) {
        match self.known(workspace) {
            Some(known) => array(out, &known.state().rules, |out, planted| planted.write(out)),
            None => out.extend_from_slice(b"[]"),
        }
    }

    /// Writes the journal as a JSON array.
    pub(crate) fn write_journal(&self, workspace: Uuid, out: &mut Vec<u8>) {
        match self.known(workspace) {
            Some(known) => known.state().journal.write(out),
            None => out.extend_from_slice(b"[]"),
        }
    }

    /// Removes the rules. Requests that are being spoiled go on so.
    pub(crate) fn clear_rules(&self, workspace: Uuid) {
        if let Some(known) = self.known(workspace) {
            known.state().rules.clear();
        }
    }

    /// Empties the journal.
    pub(crate) fn clear_journal(&self, workspace: Uuid) {
        if let Some(known) = self.known(workspace) {
            known.state().journal.clear();
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

    /// Notes a request, and answers its number in the journal and the rule that spoils it. One lock for both: the rules
    /// count requests in the order of the journal.
    pub(super) fn arrived(&self, request: &Request<'_>, now: Instant) -> (u64, Option<Arc<Rule>>) {
        let mut state = self.state();
        state.last_used = now;
        let fault = spoiler(&mut state.rules, request);
        let number = state.journal.begin(&request.arrival, fault.as_ref().map(|(id, _)| *id));
        (number, fault.map(|(_, rule)| rule))
    }

    /// Notes how a request ended.
    pub(super) fn ended(&self, number: u64, outcome: Outcome) {
        self.state().journal.end(number, outcome);
    }
}

/// The first rule that spoils a request. Rules behind it do not get to see the request, so that rules that are used up one
/// after another make a sequence.
fn spoiler(rules: &mut [Planted], request: &Request<'_>) -> Option<(Uuid, Arc<Rule>)> {
    let method: &Method = request.arrival.method;
    for planted in rules {
        let rule = &planted.rule;
        if planted.is_used_up() || !rule.matches(method, request.route, request.operation) {
            continue;
        }
        planted.matched += 1;
        if planted.matched > rule.skip {
            planted.applied += 1;
            return Some((planted.id, Arc::clone(rule)));
        }
    }
    None
}

impl Planted {
    fn is_used_up(&self) -> bool {
        self.rule.times.is_some_and(|times| self.applied >= times)
    }

    /// Writes the rule as it was given, with its id and what became of it.
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
        let values =
            Document::read(text.as_bytes(), "the body", MAX_DEPTH).unwrap().one_or_items().unwrap();
        values.iter().map(|value| Rule::read(value).unwrap()).collect()
    }

    /// Whether a request is spoiled, and by which of the rules.
    fn ask(faults: &Faults, workspace: Uuid) -> Option<u16> {
        let headers = HeaderMap::new();
        let arrival =
            Arrival { method: &Method::GET, path: "/", operation: None, headers: &headers };
        let request = Request { arrival, route: "/", operation: None };
        let (_, rule) = faults.of(workspace).arrived(&request, Instant::now());
        rule.map(|rule| rule.response(http::StatusCode::OK).status().as_u16())
    }

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    #[test]
    fn rules_follow_each_other_as_they_are_used_up() {
        let faults = Faults::default();
        let two = json!([
            {"status": 500, "skip": 1, "times": 2},
            {"status": 501, "times": 1},
            {"status": 502, "times": null, "method": "POST"},
        ]);
        faults.add(A, rules(two), &mut Vec::new());
        let spoiled: Vec<_> = (0..5).map(|_| ask(&faults, A)).collect();
        // The first passes the first rule over, which leaves it to the second.
        assert_eq!(spoiled, [Some(501), Some(500), Some(500), None, None]);
        assert_eq!(ask(&faults, B), None);
        let mut out = Vec::new();
        faults.write_rules(A, &mut out);
        let listed: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!((&listed[0]["matched"], &listed[0]["applied"]), (&json!(3), &json!(2)));
        assert_eq!(listed[2]["times"], Value::Null);
        faults.clear_rules(A);
        faults.add(A, rules(json!({"status": 503, "times": null})), &mut Vec::new());
        assert!((0..20).all(|_| ask(&faults, A) == Some(503)));
    }

    #[test]
    fn a_rule_is_used_as_often_as_it_says_however_many_ask_at_once() {
        let faults = Faults::default();
        faults.add(A, rules(json!({"status": 500, "skip": 50, "times": 100})), &mut Vec::new());
        let count = || (0..100).filter(|_| ask(&faults, A).is_some()).count();
        let spoiled: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(count)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(spoiled, 100);
    }

    #[test]
    fn rules_that_are_used_up_make_room() {
        let faults = Faults::default();
        let often = json!({"status": 500, "times": null, "skip": u64::MAX});
        faults.add(A, rules(often), &mut Vec::new());
        for _ in 0..RULES + 10 {
            faults.add(A, rules(json!({"status": 501})), &mut Vec::new());
            assert_eq!(ask(&faults, A), Some(501));
        }
        let kept = faults.of(A).state().rules.len();
        assert!((2..RULES).contains(&kept), "{kept}");
        assert_eq!(faults.of(A).state().rules[0].rule.times, None);
    }

    #[test]
    fn the_workspace_that_was_silent_longest_is_forgotten_and_those_with_rules_last() {
        let faults = Faults::default();
        faults.add(A, rules(json!({"status": 500, "times": null})), &mut Vec::new());
        ask(&faults, B);
        for n in 0..WORKSPACES as u128 {
            ask(&faults, Uuid::from_u128(100 + n));
        }
        assert_eq!(faults.0.read().unwrap().len(), WORKSPACES);
        assert!(faults.known(B).is_none());
        assert_eq!(ask(&faults, A), Some(500));
    }
}
