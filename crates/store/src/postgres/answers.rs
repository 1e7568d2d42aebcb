//! The answers to the statements of a pipeline, and the handles that they are redeemed by.
//!
//! A statement's handle is made when the statement is added and says what kind of answer it has. It is worth its answer
//! once, and only from the answers of its own pipeline.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_postgres::Row;

/// Which pipeline a handle and an answer belong to; no two of a process have the same.
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
    /// Of the statement with this index among those of the pipeline that are answered.
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
/// The answer of a statement of which only the number of its rows is wanted.
#[derive(Debug)]
pub enum Count {}
/// The answer of a COMMIT.
#[derive(Debug)]
pub enum Committed {}

/// What came back for a step.
#[derive(Debug)]
pub enum Answer {
    Rows(Vec<Row>),
    Count(u64),
    Committed,
}

/// A kind of answer.
pub trait Kind {
    /// What a handle of this kind is redeemed for.
    type Value;

    /// The value, unless the answer is of another kind.
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
    /// In the order in which the steps were sent.
    pub fn new(pipeline: PipelineId, all: Vec<Answer>) -> Self {
        let all = all.into_iter().map(Some).collect();
        Self { pipeline, all }
    }

    /// The answer to a statement.
    ///
    /// # Panics
    /// The handle is of another pipeline: a defect of the caller, which would read the rows of another statement.
    pub fn take<A: Kind>(&mut self, handle: Handle<A>) -> A::Value {
        assert_eq!(
            handle.pipeline, self.pipeline,
            "a handle was redeemed from the answers of another pipeline"
        );
        let answer = self.all.get_mut(handle.index).and_then(Option::take);
        let value = answer.and_then(A::value);
        // Every step that has a handle is answered, in its kind, or the pipeline has failed; and a handle is moved here.
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
