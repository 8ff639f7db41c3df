//! Calls that need Python while they are under way: to hand over what they send, to take what they bring, to hear how far
//! they are.
//!
//! Such a call does not run Python's code itself, which would then run on some thread of the runtime. It asks for a *turn*, and
//! whoever waits for the call takes it: the thread that called, or the task of asyncio that awaits. There generators run where they
//! belong, exceptions go where they are expected, and cancelling reaches both sides. The loop that takes the turns is
//! `mistral_datasets._exchange`.

use std::collections::VecDeque;
use std::future::Future;
use std::process;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use mistral_datasets::{Error, Progress, types::ImportTask};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBytes;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use crate::error;
use crate::model::Source;
use crate::runtime::{self, Response};
use crate::session::Session;

/// What Python hands over when it is asked to.
pub enum Given {
    /// Pieces of what is sent; none at the end.
    Pieces(Vec<Piece>),
    /// The source failed. What it raised is with Python.
    Failed,
}

/// One of the things that Python hands over.
pub enum Piece {
    /// A record, or why there is none.
    Record(Result<mistral_datasets::NewRecord, Error>),
    /// A part of a file.
    Bytes(Bytes),
    /// Nothing any more, because the source failed.
    Failure,
}

/// What a call asks of Python.
enum Turn {
    /// To hear how far it is.
    Hear(News),
    /// To hand over more.
    Give(oneshot::Sender<Given>),
    /// To take this.
    Take(Bytes, oneshot::Sender<Given>),
    /// To take what came of the call.
    End(End),
}

/// Makes the Python object of what came of a call.
type End = Box<dyn FnOnce(Source<'_, '_>) -> PyResult<Py<PyAny>> + Send>;

enum News {
    Progress(Progress),
    Task(Box<ImportTask>),
}

/// The end of an exchange at which the call is.
#[derive(Clone)]
pub struct Link {
    turns: mpsc::Sender<Turn>,
    news: Arc<NewsQueue>,
}

#[derive(Default)]
struct NewsQueue {
    queue: Mutex<VecDeque<News>>,
    arrived: Notify,
}

impl NewsQueue {
    fn push(&self, news: News) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever is slow hears of each phase how far it is now, and not how far it was.
        if let (Some(News::Progress(last)), News::Progress(progress)) = (queue.back_mut(), &news)
            && last.phase == progress.phase
        {
            *last = *progress;
        } else {
            queue.push_back(news);
        }
        drop(queue);
        self.arrived.notify_one();
    }

    fn pop(&self) -> Option<News> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Link {
    /// Tells how far a transfer is.
    pub fn progress(&self) -> impl FnMut(&Progress) + Send + 'static + use<> {
        let news = self.news.clone();
        move |progress| news.push(News::Progress(*progress))
    }

    /// Tells how a task stands.
    pub fn task(&self) -> impl FnMut(&ImportTask) + Send + 'static + use<> {
        let news = self.news.clone();
        move |task| news.push(News::Task(Box::new(task.clone())))
    }

    /// Asks for more.
    pub async fn more(&self) -> Given {
        self.ask(Turn::Give).await
    }

    /// Hands over what came, and returns when it was taken.
    pub async fn hand_over(&self, piece: Bytes) -> Given {
        self.ask(|answer| Turn::Take(piece, answer)).await
    }

    async fn ask(&self, turn: impl FnOnce(oneshot::Sender<Given>) -> Turn) -> Given {
        let (answer, answered) = oneshot::channel();
        if self.turns.send(turn(answer)).await.is_err() {
            return Given::Failed;
        }
        answered.await.unwrap_or(Given::Failed)
    }
}

/// The end of an exchange at which Python is.
#[pyclass(frozen, module = "mistral_datasets._native")]
pub struct Exchange {
    process: u32,
    session: Session,
    turns: Arc<tokio::sync::Mutex<Turns>>,
    call: Arc<OnceLock<AbortOnDropHandle<()>>>,
    /// Who waits for what Python does in its turn.
    answer: Mutex<Option<oneshot::Sender<Given>>>,
}

/// The call under way, and what it asks.
struct Turns {
    begin: Option<BoxFuture<'static, ()>>,
    call: Arc<OnceLock<AbortOnDropHandle<()>>>,
    turns: mpsc::Receiver<Turn>,
    news: Arc<NewsQueue>,
    /// The end, which comes after all news.
    end: Option<Turn>,
}

impl Turns {
    async fn next(&mut self) -> Option<Turn> {
        if let Some(call) = self.begin.take() {
            // The call was there to be taken only once.
            let _ = self.call.set(AbortOnDropHandle::new(tokio::spawn(call)));
        }
        loop {
            if let Some(news) = self.news.pop() {
                return Some(Turn::Hear(news));
            }
            if let Some(end) = self.end.take() {
                return Some(end);
            }
            tokio::select! {
                biased;
                turn = self.turns.recv() => match turn {
                    Some(end @ Turn::End(_)) => self.end = Some(end),
                    turn => return turn,
                },
                () = self.news.arrived.notified() => {}
            }
        }
    }
}

impl Exchange {
    /// A call that is made when the first turn is asked for. It gets the link through which it asks.
    pub fn new<F, R>(session: &Session, call: impl FnOnce(Link) -> F) -> Self
    where
        F: Future<Output = Result<R, Error>> + Send + 'static,
        R: Response,
    {
        let (sender, turns) = mpsc::channel(1);
        let news = Arc::<NewsQueue>::default();
        let call = call(Link { turns: sender.clone(), news: news.clone() });
        let begin = async move {
            let result = call.await;
            let end = Turn::End(Box::new(move |source: Source<'_, '_>| match result {
                Ok(response) => response.into_object(source),
                Err(error) => Err(error::exception(source.py, source.session, &error)),
            }));
            // Python has lost its interest after an error of its own.
            let _ = sender.send(end).await;
        };
        let handle = Arc::<OnceLock<_>>::default();
        let begin = Some(begin.boxed());
        let turns = Turns { begin, call: handle.clone(), turns, news, end: None };
        Self {
            process: process::id(),
            session: session.clone(),
            turns: Arc::new(tokio::sync::Mutex::new(turns)),
            call: handle,
            answer: Mutex::new(None),
        }
    }

    fn next(
        slf: &Bound<'_, Self>,
    ) -> PyResult<impl Future<Output = Result<Next, Error>> + Send + 'static + use<>> {
        let exchange = slf.get();
        if exchange.process != process::id() {
            return Err(error::misconfigured(slf.py(), "a call does not outlive a fork"));
        }
        let turns = exchange.turns.clone();
        let exchange = slf.clone().unbind();
        Ok(async move {
            let turn = turns.lock().await.next().await;
            Ok(Next { turn, exchange })
        })
    }

    /// Answers the turn that was taken last.
    pub fn answer(&self, given: Given) {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(answer) = answer {
            // The call may have ended otherwise meanwhile.
            let _ = answer.send(given);
        }
    }
}

/// The next turn on its way to Python, as its name and what belongs to it.
struct Next {
    turn: Option<Turn>,
    exchange: Py<Exchange>,
}

impl Response for Next {
    fn into_object(self, source: Source<'_, '_>) -> PyResult<Py<PyAny>> {
        let py = source.py;
        let exchange = self.exchange.get();
        let source = Source { session: Some(&exchange.session), ..source };
        let (name, value) = match self.turn {
            // The call panicked; its trace is on standard error.
            None => return Err(runtime::panicked()),
            Some(Turn::Hear(News::Progress(progress))) => ("hear", progress_object(py, &progress)?),
            Some(Turn::Hear(News::Task(task))) => ("hear", task.into_object(source)?),
            Some(Turn::Give(answer)) => {
                exchange.expect(answer);
                ("give", py.None())
            }
            Some(Turn::Take(piece, answer)) => {
                exchange.expect(answer);
                ("take", PyBytes::new(py, &piece).into_any().unbind())
            }
            Some(Turn::End(end)) => ("end", end(source)?),
        };
        Ok((name, value).into_pyobject(py)?.into_any().unbind())
    }
}

impl Exchange {
    fn expect(&self, answer: oneshot::Sender<Given>) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }
}

fn progress_object(py: Python<'_>, progress: &Progress) -> PyResult<Py<PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let class = CLASS.import(py, "mistral_datasets._progress", "Progress")?;
    let Progress { phase, bytes, total_bytes, records, total_records, .. } = *progress;
    Ok(class.call1((phase, bytes, total_bytes, records, total_records))?.unbind())
}

#[pymethods]
impl Exchange {
    /// The next turn.
    fn turn(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        runtime::wait(slf.py(), Self::next(slf)?)
    }

    /// The next turn, as an awaitable.
    fn turn_async<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        runtime::coroutine(slf.py(), "Exchange.turn_async", Self::next(slf)?)
    }

    /// Says that what there was to take was taken.
    fn taken(&self) {
        self.answer(Given::Pieces(Vec::new()));
    }

    /// Says that there is no more to hand over.
    fn end(&self) {
        self.answer(Given::Pieces(Vec::new()));
    }

    /// Says that there will be no more, because the source has failed, and lets the call come to its end.
    fn fail(&self) {
        self.answer(Given::Failed);
    }

    /// Drops the call, wherever it is. Nothing happens when it is done.
    fn abort(&self) {
        if let Some(call) = self.call.get() {
            call.abort();
        }
    }
}
