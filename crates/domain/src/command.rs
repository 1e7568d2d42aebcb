//! Commands on an order. A command that the transition table does not allow is refused with the list of allowed ones.

use crate::allocation;
use crate::change::{Change, HoldChange, OrderEffect};
use crate::context::Context;
use crate::event::{EventKind, body};
use crate::ids::HoldId;
use crate::order::{Hold, HoldReason, Line, MAX_HOLDS, Order};
use crate::progress::{Because, Progress};
use crate::refusal::Refusal;
use crate::status::OrderStatus::{
    self, Backordered, Cancelled, Cancelling, Confirmed, Delivered, Failed, PartiallyShipped,
    Pending, Processing, Shipped,
};
use crate::text::Vendor;
use crate::transitions;

/// A command on an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Cancel the order: at once if nothing was released to delivery, otherwise delivery is asked.
    Cancel { reason: Option<String> },
    /// Keep delivery from starting.
    PlaceHold {
        reason: HoldReason,
        placed_by: String,
        note: Option<String>,
    },
    /// Release a hold.
    ReleaseHold { hold: HoldId },
    /// Record that a note was added; its text is personal data and is stored elsewhere.
    AddNote,
    /// Cancel the units of a line: all of them before anything was released to delivery, afterwards those that wait for
    /// stock.
    CancelLine { line: u16 },
    /// Source a failed order again, if nothing has left the warehouse: the units that it lost by failing, not those that
    /// were cancelled on request.
    Retry,
}

fn refuse(order: &Order, to: OrderStatus) -> Refusal {
    Refusal::InvalidTransition {
        from: order.status,
        to,
        allowed: transitions::allowed(order.status),
    }
}

/// Decides a command; `Ok(None)` when the order already is in the requested state.
///
/// # Errors
/// [`Refusal`]; the order is unchanged then.
pub fn decide(
    order: &Order,
    command: &Command,
    context: &mut Context<'_>,
) -> Result<Option<Change<OrderEffect>>, Refusal> {
    if is_so_already(order, command) {
        return Ok(None);
    }
    let mut progress = Progress::new(order, context);
    match command {
        Command::Cancel { reason } => cancel(order, &mut progress, reason.clone())?,
        Command::PlaceHold {
            reason,
            placed_by,
            note,
        } => place_hold(order, &mut progress, *reason, placed_by, note.clone())?,
        Command::ReleaseHold { hold } => release_hold(&mut progress, *hold)?,
        Command::AddNote => progress.note(EventKind::OrderNoteAdded, None, None),
        Command::CancelLine { line } => cancel_line(order, &mut progress, *line)?,
        Command::Retry => retry(order, &mut progress)?,
    }
    Ok(progress.finish())
}

/// Whether the order already is in the state that the command asks for: a repeated cancellation or release of a hold.
fn is_so_already(order: &Order, command: &Command) -> bool {
    match command {
        Command::Cancel { .. } => matches!(order.status, Cancelling | Cancelled),
        Command::ReleaseHold { hold } => {
            let mut holds = order.holds.iter();
            holds.any(|h| h.id == *hold && h.released_at.is_some())
        }
        Command::CancelLine { line } => {
            let mut lines = order.lines.iter();
            // What it lost by failing could be sourced again.
            let is_over =
                |of: &Line| of.quantities.cancelled == of.quantities.ordered && of.given_up == 0;
            lines.any(|of| of.id == *line && is_over(of))
        }
        Command::PlaceHold { .. } | Command::AddNote | Command::Retry => false,
    }
}

fn cancel(
    order: &Order,
    progress: &mut Progress<'_, '_>,
    reason: Option<String>,
) -> Result<(), Refusal> {
    match order.status {
        Pending | Backordered => {
            progress.order.flags.sourcing = false;
            progress.give_up_waiting(Because::OfRequest);
            progress.cancel_reason(reason);
            progress.step(Cancelled, Some(body::CANCEL_REQUESTED));
        }
        Confirmed | Processing | PartiallyShipped => {
            progress.order.flags.cancelling_from = Some(order.status);
            progress.cancel_reason(reason);
            progress.step(Cancelling, Some(body::CANCEL_REQUESTED));
        }
        Shipped | Delivered | Cancelling => return Err(refuse(order, Cancelling)),
        Cancelled | Failed => return Err(refuse(order, Cancelled)),
    }
    Ok(())
}

fn place_hold(
    order: &Order,
    progress: &mut Progress<'_, '_>,
    reason: HoldReason,
    placed_by: &str,
    note: Option<String>,
) -> Result<(), Refusal> {
    match order.status {
        Pending | Backordered | Confirmed | Processing | PartiallyShipped => {}
        // All units have left or are given up, so a hold would have no effect.
        Shipped | Delivered | Cancelling | Cancelled | Failed => {
            let status = order.status;
            return Err(Refusal::HoldTooLate { status });
        }
    }
    if order.holds.len() >= MAX_HOLDS {
        return Err(Refusal::TooManyHolds { limit: MAX_HOLDS });
    }
    let hold = Hold {
        id: progress.new_hold_id(),
        reason,
        placed_at: progress.now(),
        placed_by: placed_by.to_owned(),
        note,
        released_at: None,
    };
    progress.order.holds.push(hold.clone());
    progress.note(
        EventKind::OrderHoldPlaced,
        Some(reason.as_str().to_owned()),
        Some(hold.id),
    );
    progress.hold(HoldChange::Place(hold));
    Ok(())
}

fn release_hold(progress: &mut Progress<'_, '_>, id: HoldId) -> Result<(), Refusal> {
    let at = progress.now();
    let open = progress
        .order
        .holds
        .iter_mut()
        .find(|h| h.id == id && h.released_at.is_none());
    let hold = open.ok_or(Refusal::NoSuchHold)?;
    hold.released_at = Some(at);
    progress.hold(HoldChange::Release { id, at });
    progress.note(EventKind::OrderHoldReleased, None, Some(id));
    Ok(())
}

fn retry(order: &Order, progress: &mut Progress<'_, '_>) -> Result<(), Refusal> {
    let nothing_left = order.totals().shipped == 0;
    if order.status != Failed || !nothing_left {
        return Err(refuse(order, Pending));
    }
    progress.order.flags.failed = false;
    progress.order.flags.started = false;
    progress.order.flags.sourcing = true;
    // A version that did not note why units were cancelled has failed it: no line could be cancelled then.
    let unknown = order.lines.iter().all(|line| line.given_up == 0);
    for line in &mut progress.order.lines {
        let q = &mut line.quantities;
        let given_up = if unknown { q.cancelled } else { line.given_up };
        q.backordered += given_up;
        q.cancelled -= given_up;
        line.given_up = 0;
        // Where its units come from is open again.
        line.vendor
            .take_if(|vendor| vendor.as_str() == Vendor::LOCAL);
    }
    progress.step(Pending, None);
    progress.source_anew();
    Ok(())
}

fn cancel_line(order: &Order, progress: &mut Progress<'_, '_>, line: u16) -> Result<(), Refusal> {
    let index = order.lines.iter().position(|of| of.id == line);
    let index = index.ok_or(Refusal::NoSuchLine { line })?;
    let cancelled = match order.status {
        Pending | Backordered => progress.give_up_line(index, Because::OfRequest),
        // What was released to delivery may be leaving the warehouse at this moment.
        Confirmed | Processing | PartiallyShipped => {
            progress.give_up_backordered_of(index, Because::OfRequest)
        }
        Shipped | Delivered | Cancelling | Cancelled | Failed => 0,
    };
    if cancelled == 0 {
        let status = order.status;
        return Err(Refusal::LineTooLate { line, status });
    }
    let totals = progress.order.totals();
    if totals.backordered == 0 {
        progress.order.flags.sourcing = false;
    }
    if totals.ordered == totals.cancelled {
        // The order ends with its last units. After a release it has failed, because others were lost on the way.
        if matches!(order.status, Pending | Backordered) {
            progress.step(Cancelled, Some(body::CANCEL_REQUESTED));
        } else {
            progress.order.flags.failed = true;
            progress.settle(Some(body::CANCEL_REQUESTED));
        }
        return Ok(());
    }
    let reason = body::CANCEL_REQUESTED.to_owned();
    progress.note(EventKind::OrderLineCancelled, Some(reason), None);
    allocation::source_the_rest(progress);
    if progress.settle(None) {
        progress.release();
    }
    Ok(())
}
