//! What the client reports of its work, on its way to a logger in JavaScript.
//!
//! The client reports through `tracing`, which costs next to nothing while nobody listens. A client with a logger has a
//! listener of its own, so that loggers of other clients and other threads hear nothing of it.

use std::fmt;
use std::sync::LazyLock;

use napi::Status;
use napi::bindgen_prelude::{Either3, FnArgs};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use tracing::field::{Field, Visit};
use tracing::subscriber::NoSubscriber;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// A fact, or its name.
type Fact = Either3<String, f64, bool>;

/// A level, a message and the facts, names and values in turn.
type Said = FnArgs<(&'static str, String, Vec<Fact>)>;

/// What is called with whatever is said. It is weak, so that listening keeps no process alive.
pub type Log = ThreadsafeFunction<Said, (), Said, Status, false, true>;

/// A listener beside the logger's. While there is a single one, `tracing` asks the thread that is the first to come to a
/// place in the code whether anybody listens there, and takes the answer for that of all clients ever after.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// A listener that tells a logger what the client reports, and nothing of what the libraries below it do.
pub fn dispatch(log: Log) -> Dispatch {
    LazyLock::force(&SECOND);
    let ours = filter_fn(|metadata: &Metadata<'_>| {
        let target = metadata.target();
        *metadata.level() <= Level::DEBUG
            && (target == "mistral_datasets" || target.starts_with("mistral_datasets::"))
    });
    Dispatch::new(tracing_subscriber::registry().with(Forward(log).with_filter(ours)))
}

struct Forward(Log);

impl<S: Subscriber> Layer<S> for Forward {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            _ => "debug",
        };
        let mut facts = Facts::default();
        event.record(&mut facts);
        // Where JavaScript is shutting down, nobody listens any more.
        let arguments = (level, facts.message, facts.members).into();
        self.0.call(arguments, ThreadsafeFunctionCallMode::NonBlocking);
    }
}

/// What an event says.
#[derive(Default)]
struct Facts {
    message: String,
    members: Vec<Fact>,
}

impl Facts {
    fn add(&mut self, field: &Field, fact: Fact) {
        self.members.extend([Either3::A(field.name().to_owned()), fact]);
    }
}

impl Visit for Facts {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.add(field, Either3::A(value.to_owned()));
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Either3::B(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Either3::B(value as f64));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Either3::B(value as f64));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Either3::C(value));
    }
}
