//! Numbers and ids as bytes: small ones are short.

use uuid::Uuid;

/// Appends a number, seven bits a byte, the lowest first; the high bit says that more follow (LEB128).
pub fn put_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Appends a number that may be negative: its sign goes to the lowest bit (zigzag).
pub fn put_signed(out: &mut Vec<u8>, value: i64) {
    put_number(
        out,
        (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned(),
    );
}

/// Appends an id: how many of its first bytes are those of `before`, and the rest. Ids made one after the other share
/// their beginning (UUID version 7, RFC 9562).
pub fn put_id(out: &mut Vec<u8>, id: Uuid, before: Uuid) {
    let bytes = id.as_bytes();
    let shared = bytes
        .iter()
        .zip(before.as_bytes())
        .take_while(|(a, b)| a == b);
    let shared = shared.count();
    put_number(out, shared as u64);
    out.extend_from_slice(&bytes[shared..]);
}

/// Why bytes cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("it ends too early")]
    Short,
    #[error("it has {0}")]
    Unknown(&'static str),
}

/// Bytes that are read from their beginning.
#[derive(Clone, Copy)]
pub struct Input<'b> {
    rest: &'b [u8],
}

impl<'b> Input<'b> {
    pub fn of(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn byte(&mut self) -> Result<u8, Unreadable> {
        let (first, rest) = self.rest.split_first().ok_or(Unreadable::Short)?;
        self.rest = rest;
        Ok(*first)
    }

    pub fn take(&mut self, length: usize) -> Result<&'b [u8], Unreadable> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(Unreadable::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn number(&mut self) -> Result<u64, Unreadable> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Unreadable::Unknown("a number of more than 64 bits"))
    }

    pub fn signed(&mut self) -> Result<i64, Unreadable> {
        let value = self.number()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// A length, and as many bytes.
    pub fn counted(&mut self) -> Result<&'b [u8], Unreadable> {
        let length = self.number()?;
        self.take(usize::try_from(length).map_err(|_| Unreadable::Short)?)
    }

    pub fn id(&mut self, before: Uuid) -> Result<Uuid, Unreadable> {
        let shared = self.number()?;
        let mut bytes = before.into_bytes();
        let own = usize::try_from(shared)
            .ok()
            .and_then(|shared| bytes.get_mut(shared..));
        let own = own.ok_or(Unreadable::Unknown("an id that is too long"))?;
        own.copy_from_slice(self.take(own.len())?);
        Ok(Uuid::from_bytes(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_small_ones_are_short() {
        for value in [0, 1, -1, 63, -64, 64, 1_000, i64::MAX, i64::MIN] {
            let mut out = vec![];
            put_signed(&mut out, value);
            put_number(&mut out, value.cast_unsigned());
            let mut input = Input::of(&out);
            assert_eq!(input.signed(), Ok(value));
            assert_eq!(input.number(), Ok(value.cast_unsigned()));
            assert!(input.is_empty());
        }
        let mut out = vec![];
        put_signed(&mut out, -64);
        assert_eq!(out.len(), 1);
    }

    #[test]
    fn ids_come_back_whatever_they_share() {
        let before = Uuid::from_u128(0x0192_4b3c_7777_7000_8000_0000_0000_0001);
        for id in [
            before,
            Uuid::nil(),
            Uuid::max(),
            Uuid::from_u128(before.as_u128() + 1),
        ] {
            let mut out = vec![];
            put_id(&mut out, id, before);
            assert_eq!(Input::of(&out).id(before), Ok(id));
        }
    }

    #[test]
    fn what_no_writer_wrote_is_refused() {
        assert_eq!(Input::of(&[0x80]).number(), Err(Unreadable::Short));
        let long = Unreadable::Unknown("a number of more than 64 bits");
        assert_eq!(Input::of(&[0xff; 10]).number(), Err(long));
        assert_eq!(Input::of(&[3, 1, 2]).counted(), Err(Unreadable::Short));
        assert_eq!(Input::of(&[15]).id(Uuid::nil()), Err(Unreadable::Short));
        let too_long = Unreadable::Unknown("an id that is too long");
        assert_eq!(Input::of(&[17]).id(Uuid::nil()), Err(too_long));
    }
}
