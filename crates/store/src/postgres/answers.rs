//! The answers to the statements of a pipeline, and the handles by which a caller takes them.
//!
//! A handle is made when its statement is added, and its type names the kind of answer. It is moved into
//! [`Answers::take`], so each answer is taken once, and only from the answers of the handle's own pipeline.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_postgres::Row;

/// Identifies the pipeline that a handle and an answer belong to; unique within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipelineId(u64);

impl PipelineId {
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Stands for the answer to one statement until the pipeline has run.
#[derive(Debug)]
pub struct Handle<A> {
    pipeline: PipelineId,
    index: usize,
    kind: PhantomData<fn() -> A>,
}

impl<A> Handle<A> {
    /// `index` is the statement's place among the steps of the pipeline that have an answer, from 0.
    pub fn new(pipeline: PipelineId, index: usize) -> Self {
        let kind = PhantomData;
        Self {
            pipeline,
            index,
            kind,
        }
    }
}

/// The answer of a statement whose rows are read.
#[derive(Debug)]
pub enum Rows {}
/// The answer of a statement of which only the row count is read.
#[derive(Debug)]
pub enum Count {}
/// The answer of a COMMIT.
#[derive(Debug)]
pub enum Committed {}

/// The answer to one step.
#[derive(Debug)]
pub enum Answer {
    Rows(Vec<Row>),
    Count(u64),
    Committed,
}

/// A kind of answer.
pub trait Kind {
    /// The type that [`Answers::take`] returns for a handle of this kind.
    type Value;

    /// The answer's value; `None` when the answer is of another kind.
    fn value(answer: Answer) -> Option<Self::Value>;
}

impl Kind for Rows {
    type Value = Vec<Row>;

    fn value(answer: Answer) -> Option<Vec<Row>> {
        match answer {
            Answer::Rows(rows) => Some(rows),
            Answer::Count(_) | Answer::Committed => None,
        }
    }
}

impl Kind for Count {
    type Value = u64;

    fn value(answer: Answer) -> Option<u64> {
        match answer {
            Answer::Count(rows) => Some(rows),
            Answer::Rows(_) | Answer::Committed => None,
        }
    }
}

impl Kind for Committed {
    type Value = ();

    fn value(answer: Answer) -> Option<()> {
        match answer {
            Answer::Committed => Some(()),
            Answer::Rows(_) | Answer::Count(_) => None,
        }
    }
}

/// The answers to everything that a pipeline sent.
#[derive(Debug)]
pub struct Answers {
    pipeline: PipelineId,
    all: Vec<Option<Answer>>,
}

impl Answers {
    /// `all` are the answers in the order in which the steps were sent.
    pub fn new(pipeline: PipelineId, all: Vec<Answer>) -> Self {
        let all = all.into_iter().map(Some).collect();
        Self { pipeline, all }
    }

    /// The answer to a statement.
    ///
    /// # Panics
    /// When the handle belongs to another pipeline: a defect of the caller, which would read the rows of another
    /// statement.
    pub fn take<A: Kind>(&mut self, handle: Handle<A>) -> A::Value {
        assert_eq!(
            handle.pipeline, self.pipeline,
            "a handle was redeemed from the answers of another pipeline"
        );
        let answer = self.all.get_mut(handle.index).and_then(Option::take);
        let value = answer.and_then(A::value);
        // `Answers` exists only when the pipeline succeeded, so every handle has an answer of its kind; a handle is
        // moved here, so no answer is taken twice.
        value.expect("each handle has an answer of its kind")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_worth_the_answer_of_its_own_statement() {
        let id = PipelineId::new();
        let mut answers = Answers::new(id, vec![Answer::Count(3), Answer::Rows(vec![])]);
        assert!(answers.take(Handle::<Rows>::new(id, 1)).is_empty());
        assert_eq!(answers.take(Handle::<Count>::new(id, 0)), 3);
    }

    #[test]
    #[should_panic(expected = "another pipeline")]
    fn a_handle_of_another_pipeline_is_refused() {
        let mut answers = Answers::new(PipelineId::new(), vec![Answer::Count(3)]);
        answers.take(Handle::<Count>::new(PipelineId::new(), 0));
    }
}
