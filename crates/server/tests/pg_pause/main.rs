//! A worker that sleeps past its lease, frozen at each named point of its transactions: the others go on in its
//! place, and when it wakes it changes nothing. And one that takes orders, asleep while others wait for its locks.

mod doors;
mod points;
mod shop;
