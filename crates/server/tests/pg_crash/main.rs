//! Several processes on one PostgreSQL database, killed under load, and the database with them: nothing
//! acknowledged is lost or doubled, and a client sees an error or a 2xx that is true.

mod backend;
mod database;
mod fleet;
mod killed;
mod points;
mod wired;
