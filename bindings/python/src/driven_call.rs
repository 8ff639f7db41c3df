//! Calls that need Python while they run: to read their input, write their output or report progress.
//!
//! Such a call never runs Python code itself, because that would happen on an arbitrary worker thread. Instead it emits an
//! [`Event`] and waits for the reply. The caller's thread, or its asyncio task, handles the events in a loop; see
//! `mistral_datasets._driver`. Generators therefore run in the caller's context, exceptions propagate normally, and cancellation
//! reaches both sides.

use std::collections::VecDeque;
use std::future::Future;
use std::process;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use mistral_datasets::types::{ImportTask, TaskStatus, TelemetrySpanReference};
use mistral_datasets::{Error, Progress};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBytes;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use crate::awaitable;
use crate::call;
use crate::convert::{ConvertContext, IntoPython};
use crate::error;
use crate::runtime;
use crate::session::Session;

/// Python's reply to an event.
pub enum Reply {
    /// More input items. An empty list ends the input, or confirms that output was written.
    Items(Vec<InputItem>),
    /// The input failed. Python keeps the exception.
    Failed,
}

/// An item of the input.
pub enum InputItem {
    /// A record, or the reason why it is invalid.
    Record(Result<mistral_datasets::NewRecord, Error>),
    /// A span.
    Span(TelemetrySpanReference),
    /// A chunk of a file.
    Bytes(Bytes),
    /// The input failed.
    Failure,
}

/// A request from a call to Python.
enum Event {
    /// Report progress.
    Progress(Update),
    /// Provide more input.
    Read(oneshot::Sender<Reply>),
    /// Write a chunk of output.
    Write(Bytes, oneshot::Sender<Reply>),
    /// Return the result of the call, or raise its error.
    Done(Finish),
}

/// Creates the Python object of the result.
type Finish = Box<dyn FnOnce(ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> + Send>;

enum Update {
    Transfer(Progress),
    Task(Box<ImportTask>),
    Campaign(TaskStatus),
}

/// Progress updates that Python has not handled yet.
#[derive(Default)]
struct UpdateQueue {
    queue: Mutex<VecDeque<Update>>,
    added: Notify,
}

impl UpdateQueue {
    fn push(&self, update: Update) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        // A slow callback receives only the latest update of each phase.
        if let (Some(Update::Transfer(last)), Update::Transfer(progress)) =
            (queue.back_mut(), &update)
            && last.phase == progress.phase
        {
            *last = *progress;
        } else {
            queue.push_back(update);
        }
        drop(queue);
        self.added.notify_one();
    }

    fn pop(&self) -> Option<Update> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// The channel through which a running call reaches Python.
#[derive(Clone)]
pub struct Driver {
    events: mpsc::Sender<Event>,
    updates: Arc<UpdateQueue>,
}

impl Driver {
    /// Returns a callback that reports the progress of a transfer.
    pub fn transfer_progress(&self) -> impl FnMut(&Progress) + Send + 'static + use<> {
        let updates = self.updates.clone();
        move |progress| updates.push(Update::Transfer(*progress))
    }

    /// Returns a callback that reports the state of an import task.
    pub fn task_progress(&self) -> impl FnMut(&ImportTask) + Send + 'static + use<> {
        let updates = self.updates.clone();
        move |task| updates.push(Update::Task(Box::new(task.clone())))
    }

    /// Returns a callback that reports the status of a campaign.
    pub fn campaign_progress(&self) -> impl FnMut(&TaskStatus) + Send + 'static + use<> {
        let updates = self.updates.clone();
        move |status| updates.push(Update::Campaign(status.clone()))
    }

    /// Reads more input.
    pub async fn read(&self) -> Reply {
        self.send(Event::Read).await
    }

    /// Writes a chunk of output, and returns when Python has written it.
    pub async fn write(&self, chunk: Bytes) -> Reply {
        self.send(|reply| Event::Write(chunk, reply)).await
    }

    async fn send(&self, event: impl FnOnce(oneshot::Sender<Reply>) -> Event) -> Reply {
        let (sender, reply) = oneshot::channel();
        if self.events.send(event(sender)).await.is_err() {
            return Reply::Failed;
        }
        reply.await.unwrap_or(Reply::Failed)
    }
}

/// A call that Python drives by handling its events.
#[pyclass(frozen, generic, module = "mistral_datasets._native")]
pub struct DrivenCall {
    process: u32,
    session: Session,
    events: Arc<tokio::sync::Mutex<EventStream>>,
    task: Arc<OnceLock<AbortOnDropHandle<()>>>,
    /// Sends the reply to the last event.
    reply: Mutex<Option<oneshot::Sender<Reply>>>,
}

/// The events of a call. The call is started when the first event is requested.
struct EventStream {
    call: Option<BoxFuture<'static, ()>>,
    task: Arc<OnceLock<AbortOnDropHandle<()>>>,
    events: mpsc::Receiver<Event>,
    updates: Arc<UpdateQueue>,
    /// The final event, held back until all updates have been delivered.
    done: Option<Event>,
}

impl EventStream {
    async fn next(&mut self) -> Option<Event> {
        if let Some(call) = self.call.take() {
            // Set only once, because the call can be taken only once.
            let _ = self.task.set(AbortOnDropHandle::new(tokio::spawn(call.in_current_span())));
        }
        loop {
            if let Some(update) = self.updates.pop() {
                return Some(Event::Progress(update));
            }
            if let Some(done) = self.done.take() {
                return Some(done);
            }
            tokio::select! {
                biased;
                event = self.events.recv() => match event {
                    Some(done @ Event::Done(_)) => self.done = Some(done),
                    event => return event,
                },
                () = self.updates.added.notified() => {}
            }
        }
    }
}

impl DrivenCall {
    /// Creates a call. `call` receives the driver through which the call reaches Python.
    pub fn new<F>(session: &Session, call: impl FnOnce(Driver) -> F) -> Self
    where
        F: Future + Send + 'static,
        F::Output: IntoPython,
    {
        let (sender, events) = mpsc::channel(1);
        let updates = Arc::<UpdateQueue>::default();
        let call = call(Driver { events: sender.clone(), updates: updates.clone() });
        let call = async move {
            let output = call.await;
            let done = Event::Done(Box::new(move |context: ConvertContext<'_, '_>| {
                output.into_python(context)
            }));
            // The receiver is gone if Python stopped driving the call; that is fine.
            let _ = sender.send(done).await;
        };
        let task = Arc::<OnceLock<_>>::default();
        let call = Some(call.boxed());
        let events = EventStream { call, task: task.clone(), events, updates, done: None };
        Self {
            process: process::id(),
            session: session.clone(),
            events: Arc::new(tokio::sync::Mutex::new(events)),
            task,
            reply: Mutex::new(None),
        }
    }

    /// Replies to the last event.
    pub fn reply(&self, reply: Reply) {
        let sender = self.reply.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            // The receiver is gone if the call has failed in the meantime; that is fine.
            let _ = sender.send(reply);
        }
    }

    fn expect_reply(&self, sender: oneshot::Sender<Reply>) {
        *self.reply.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
    }

    fn next(
        slf: &Bound<'_, Self>,
    ) -> PyResult<impl Future<Output = NextEvent> + Send + 'static + use<>> {
        let call = slf.get();
        if call.process != process::id() {
            return Err(error::configuration(slf.py(), "a call cannot continue after a fork"));
        }
        let events = call.events.clone();
        let call = slf.clone().unbind();
        Ok(async move {
            let event = events.lock().await.next().await;
            NextEvent { event, call }
        })
    }
}

/// An event for Python, which receives it as a tuple of name and value.
struct NextEvent {
    event: Option<Event>,
    call: Py<DrivenCall>,
}

impl IntoPython for NextEvent {
    fn into_python(self, context: ConvertContext<'_, '_>) -> PyResult<Py<PyAny>> {
        let py = context.py;
        let call = self.call.get();
        let context = ConvertContext::new(py, &call.session);
        let (name, value) = match self.event {
            // The channel closes without a final event only if the call panicked.
            None => return Err(runtime::panicked()),
            Some(Event::Progress(Update::Transfer(progress))) => {
                ("progress", progress_object(py, &progress)?)
            }
            Some(Event::Progress(Update::Task(task))) => ("progress", task.into_python(context)?),
            Some(Event::Progress(Update::Campaign(status))) => {
                ("progress", status.into_python(context)?)
            }
            Some(Event::Read(reply)) => {
                call.expect_reply(reply);
                ("read", py.None())
            }
            Some(Event::Write(chunk, reply)) => {
                call.expect_reply(reply);
                ("write", PyBytes::new(py, &chunk).into_any().unbind())
            }
            Some(Event::Done(finish)) => ("done", finish(context)?),
        };
        Ok((name, value).into_pyobject(py)?.into_any().unbind())
    }
}

fn progress_object(py: Python<'_>, progress: &Progress) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let class = CLASS.import(py, "mistral_datasets._progress", "Progress")?;
    let Progress { phase, bytes, total_bytes, records, total_records, .. } = *progress;
    Ok(class.call1((phase, bytes, total_bytes, records, total_records))?.unbind())
}

#[pymethods]
impl DrivenCall {
    /// Returns the next event, starting the call if necessary.
    fn next_event(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        call::block(slf.py(), Self::next(slf)?)
    }

    /// Returns an awaitable of the next event.
    fn next_event_async<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        awaitable::coroutine(slf.py(), "DrivenCall.next_event_async", Self::next(slf)?)
    }

    /// Confirms that the chunk of a `write` event has been written.
    fn confirm_write(&self) {
        self.reply(Reply::Items(Vec::new()));
    }

    /// Ends the input.
    fn end_input(&self) {
        self.reply(Reply::Items(Vec::new()));
    }

    /// Reports that the input failed. The call still completes and returns its report.
    fn fail_input(&self) {
        self.reply(Reply::Failed);
    }

    /// Cancels the call. Does nothing if it has completed.
    fn abort(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}
