//! The owner of no rows.

use super::super::pipeline::{Answers, Pipeline};
use super::super::transaction::Commits;
use super::OwnedRows;
use crate::error::Result;
use crate::traits::NoRows;
use waybill_domain::change::Change;
use waybill_domain::ids::OrderId;

impl OwnedRows for NoRows {
    type Wanted = ();
    type Locks = ();
    type Locked = ();

    async fn load(_commits: &Commits, _orders: &[OrderId]) -> Result<Vec<()>> {
        Ok(vec![])
    }

    fn wanted(_changes: &[&Change<Self>]) {}

    fn lock<'p>((): &'p (), _pipeline: &mut Pipeline<'p>) {}

    fn read((): (), _answers: &mut Answers) -> Result<()> {
        Ok(())
    }

    fn take((): &mut (), change: &Change<Self>) -> Result<()> {
        match change.effect {}
    }

    fn write<'p>(_pipeline: &mut Pipeline<'p>, _changes: &[&'p Change<Self>], _locked: &'p ()) {}
}
