//! Forwards the client's tracing events to a JavaScript logger.
//!
//! Each client with a logger has its own subscriber, so loggers never receive events of other clients or threads.

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

/// A field value or name.
type FieldValue = Either3<String, f64, bool>;

/// Level, message, and field names and values, alternating.
type LogArguments = FnArgs<(&'static str, String, Vec<FieldValue>)>;

/// The JavaScript function that receives events. It is a weak reference, so that a logger does not keep the process alive.
pub type LogFunction = ThreadsafeFunction<LogArguments, (), LogArguments, Status, false, true>;

/// A second, unused dispatcher. As long as only one exists, `tracing` caches the interest of whichever thread reaches a
/// callsite first and applies it to all clients.
static SECOND_DISPATCHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// Returns a dispatcher that forwards events of this client library, but not of its dependencies, to a logger.
pub fn dispatch(log: LogFunction) -> Dispatch {
    LazyLock::force(&SECOND_DISPATCHER);
    let own_events = filter_fn(|metadata: &Metadata<'_>| {
        let target = metadata.target();
        *metadata.level() <= Level::DEBUG
            && (target == "mistral_datasets" || target.starts_with("mistral_datasets::"))
    });
    Dispatch::new(tracing_subscriber::registry().with(ForwardLayer(log).with_filter(own_events)))
}

struct ForwardLayer(LogFunction);

impl<S: Subscriber> Layer<S> for ForwardLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            Level::INFO => "info",
            _ => "debug",
        };
        let mut visitor = EventVisitor::default();
        event.record(&mut visitor);
        let arguments = (level, visitor.message, visitor.fields).into();
        // This fails while the environment shuts down; the event is dropped.
        self.0.call(arguments, ThreadsafeFunctionCallMode::NonBlocking);
    }
}

/// Collects the message and the fields of an event.
#[derive(Default)]
struct EventVisitor {
    message: String,
    fields: Vec<FieldValue>,
}

impl EventVisitor {
    fn add(&mut self, field: &Field, value: FieldValue) {
        self.fields.extend([Either3::A(field.name().to_owned()), value]);
    }
}

impl Visit for EventVisitor {
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
