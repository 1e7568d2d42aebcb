//! A worker that sleeps past its lease, frozen at each named point of its transactions: the others go on in its
//! place, and when it wakes it changes nothing.

mod points;
mod shop;
