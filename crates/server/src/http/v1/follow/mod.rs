//! Following one order as it moves: by server-sent events, or over a WebSocket.
//!
//! Both read the same steps from the store (`steps`) for the same callers (`caller`) and within the same bounds; they
//! differ in how a step is written and how an end is told.

mod caller;
mod steps;
pub mod stream;
pub mod websocket;
