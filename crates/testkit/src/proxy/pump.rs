//! One connection through the proxy: both directions, and its end.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;

use super::cut::{Cut, Passed};
use super::{Armed, State};

const BUFFER_BYTES: usize = 64 * 1024;

/// Why a direction has no more to carry.
enum End {
    /// One side has closed, and so has the connection to the other.
    Closed,
    /// To be reset on both sides.
    Cut,
}

/// What one direction tells the other: an answer to look out for.
type Awaited = Mutex<Option<Awaiting>>;

#[derive(Clone)]
enum Awaiting {
    /// Its arrival is the end, and until then no byte passes.
    End(Vec<u8>),
    /// Its arrival freezes the wire, once.
    Hold(Vec<u8>),
}

pub(super) async fn carry(mut client: TcpStream, state: Arc<State>) {
    let Ok(mut server) = TcpStream::connect(state.target).await else {
        return reset(client);
    };
    // What is small is sent at once, as its sender did.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    state.connections.fetch_add(1, Ordering::SeqCst);
    let mut cuts = state.cuts.subscribe();
    let was_cut = {
        let awaited = Awaited::default();
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let requests = carry_requests(&state, from_client, to_server, &awaited);
        let answers = carry_answers(&state, from_server, to_client, &awaited);
        tokio::select! {
            _ = cuts.changed() => true,
            cut = both(requests, answers) => cut,
        }
    };
    state.connections.fetch_sub(1, Ordering::SeqCst);
    if was_cut {
        reset(client);
        reset(server);
    }
}

/// Until both directions have closed, or one is cut or broken; whether to reset.
async fn both(
    requests: impl Future<Output = io::Result<End>>,
    answers: impl Future<Output = io::Result<End>>,
) -> bool {
    // A direction that is cut or broken does not wait for the other one.
    let closed = |end: io::Result<End>| match end {
        Ok(End::Closed) => Ok(()),
        Ok(End::Cut) | Err(_) => Err(()),
    };
    let requests = async { closed(requests.await) };
    let answers = async { closed(answers.await) };
    tokio::try_join!(requests, answers).is_err()
}

/// Closed with what is unread thrown away, which the other side sees as a reset.
fn reset(stream: TcpStream) {
    // A socket that is gone already needs no reset.
    let _ = stream.set_zero_linger();
}

async fn carry_requests(
    state: &State,
    mut client: ReadHalf<'_>,
    mut server: WriteHalf<'_>,
    awaited: &Awaited,
) -> io::Result<End> {
    let mut frozen = state.frozen.subscribe();
    let mut passed = Passed::default();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = state.unless_orphaned(client.read(&mut buffer).await)?;
        thawed(&mut frozen).await;
        if count == 0 {
            server.shutdown().await?;
            return Ok(End::Closed);
        }
        let fresh = &buffer[..count];
        match state.struck_by_request(&passed, fresh) {
            None | Some(Cut::Torn { .. }) => server.write_all(fresh).await?,
            Some(Cut::Request { .. }) => {
                state.hit();
                return Ok(End::Cut);
            }
            Some(Cut::Between { .. }) => {
                server.write_all(fresh).await?;
                state.hit();
                return Ok(End::Cut);
            }
            Some(Cut::Hold { .. }) => {
                state.frozen.send_replace(true);
                state.hit();
                thawed(&mut frozen).await;
                server.write_all(fresh).await?;
            }
            Some(Cut::Answer { answered, .. }) => {
                // Before the server can answer.
                await_answer(awaited, Some(Awaiting::End(answered)));
                server.write_all(fresh).await?;
            }
            Some(Cut::HoldAnswer { answered, .. }) => {
                await_answer(awaited, Some(Awaiting::Hold(answered)));
                server.write_all(fresh).await?;
            }
        }
        passed.push(fresh);
    }
}

async fn carry_answers(
    state: &State,
    mut server: ReadHalf<'_>,
    mut client: WriteHalf<'_>,
    awaited: &Awaited,
) -> io::Result<End> {
    let mut frozen = state.frozen.subscribe();
    let mut passed = Passed::default();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = server.read(&mut buffer).await?;
        thawed(&mut frozen).await;
        if count == 0 {
            state.unless_orphaned(client.shutdown().await)?;
            return Ok(End::Closed);
        }
        let fresh = &buffer[..count];
        match answer_awaited(awaited) {
            None => {}
            Some(Awaiting::End(answer)) => {
                if passed.completes(fresh, &answer) {
                    state.hit();
                    return Ok(End::Cut);
                }
                passed.push(fresh);
                continue;
            }
            Some(Awaiting::Hold(answer)) if passed.completes(fresh, &answer) => {
                await_answer(awaited, None);
                passed = Passed::default();
                state.frozen.send_replace(true);
                state.hit();
                thawed(&mut frozen).await;
            }
            Some(Awaiting::Hold(_)) => passed.push(fresh),
        }
        let whole = state.passes_of_answer(count);
        state.unless_orphaned(client.write_all(&fresh[..whole]).await)?;
        if whole < count {
            state.hit();
            return Ok(End::Cut);
        }
    }
}

fn await_answer(awaited: &Awaited, answer: Option<Awaiting>) {
    // A poisoned lock holds a valid value, because it is replaced as a whole.
    *awaited.lock().unwrap_or_else(PoisonError::into_inner) = answer;
}

fn answer_awaited(awaited: &Awaited) -> Option<Awaiting> {
    awaited
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

async fn thawed(frozen: &mut watch::Receiver<bool>) {
    // The sender is part of the state that the caller holds.
    let _ = frozen.wait_for(|frozen| !*frozen).await;
}

impl State {
    /// What is armed, if its moment is within these bytes of a client; counted down.
    fn struck_by_request(&self, passed: &Passed, fresh: &[u8]) -> Option<Cut> {
        let mut armed = self.armed();
        let Armed { cut, times } = armed.as_mut()?;
        if *times == 0 || !passed.completes(fresh, cut.said()?) {
            return None;
        }
        *times -= 1;
        Some(cut.clone())
    }

    /// How many of `count` bytes of a server reach the client; fewer than all is the end.
    fn passes_of_answer(&self, count: usize) -> usize {
        let mut armed = self.armed();
        let Some(Armed {
            cut: Cut::Torn { bytes },
            times,
        }) = armed.as_mut()
        else {
            return count;
        };
        if *times == 0 {
            return count;
        }
        let passing = usize::try_from(*bytes).map_or(count, |left| left.min(count));
        *bytes -= passing as u64;
        if passing < count {
            *times -= 1;
        }
        passing
    }
}
