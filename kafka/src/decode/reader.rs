//! A cursor over the bytes of one answer that cannot panic and never reserves more than those bytes justify.
//!
//! An array's length is refused when the bytes left could not hold that many elements of the smallest size, so the
//! capacity asked for is bounded by the frame. It leaves out records and compression: nothing here reads messages.

use std::sync::Arc;

use uuid::Uuid;

/// Bytes that are not what the schema of their version says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed answer at byte {offset}, field {field}: {reason}")]
pub struct DecodeError {
    /// The field that was being read.
    pub field: &'static str,
    /// Where in the bytes given.
    pub offset: usize,
    /// What was wrong.
    pub reason: DecodeReason,
}

/// What was wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeReason {
    /// The bytes end before the field does.
    #[error("needs {needed} bytes, {left} are left")]
    Short {
        /// How many bytes the field takes.
        needed: usize,
        /// How many there are.
        left: usize,
    },
    /// A length that is negative or larger than the bytes left allow.
    #[error("impossible length {0}")]
    Length(i64),
    /// Null where the schema does not allow it.
    #[error("is null")]
    Null,
    /// Text that is not UTF-8.
    #[error("is not UTF-8")]
    Text,
    /// A variable-length integer longer than its type.
    #[error("overlong variable-length integer")]
    Varint,
    /// A value outside what the protocol allows.
    #[error("impossible value {0}")]
    Value(i64),
    /// Bytes after the end of the answer.
    #[error("{0} bytes too many")]
    Trailing(usize),
    /// A version this decoder does not know.
    #[error("version {0} is not known")]
    Version(i16),
    /// A frame larger than the limit.
    #[error("a frame of {0} bytes is larger than the limit")]
    Frame(i64),
    /// An answer to something that was not asked on this connection.
    #[error("correlation id {0} was not asked for")]
    Correlation(i32),
}

pub(crate) type Result<T> = std::result::Result<T, DecodeError>;

/// The cursor. `flexible` chooses compact lengths and tagged fields for everything read through it.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
    flexible: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], flexible: bool) -> Self {
        Self { bytes, offset: 0, flexible }
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.offset
    }

    pub(crate) fn error(&self, field: &'static str, reason: DecodeReason) -> DecodeError {
        DecodeError { field, offset: self.offset, reason }
    }

    fn take(&mut self, field: &'static str, needed: usize) -> Result<&'a [u8]> {
        let left = self.left();
        let end = self.offset.checked_add(needed).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else { return Err(self.error(field, DecodeReason::Short { needed, left })) };
        let taken = &self.bytes[self.offset..end];
        self.offset = end;
        Ok(taken)
    }

    fn array_of<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(field, N)?);
        Ok(out)
    }

    pub(crate) fn bool(&mut self, field: &'static str) -> Result<bool> {
        match self.array_of::<1>(field)?[0] {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.error(field, DecodeReason::Value(other.into()))),
        }
    }

    pub(crate) fn i8(&mut self, field: &'static str) -> Result<i8> {
        self.array_of(field).map(i8::from_be_bytes)
    }

    pub(crate) fn i16(&mut self, field: &'static str) -> Result<i16> {
        self.array_of(field).map(i16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self, field: &'static str) -> Result<i32> {
        self.array_of(field).map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self, field: &'static str) -> Result<i64> {
        self.array_of(field).map(i64::from_be_bytes)
    }

    pub(crate) fn uuid(&mut self, field: &'static str) -> Result<Uuid> {
        self.array_of(field).map(Uuid::from_bytes)
    }

    /// A port number, which the protocol carries as 32 bits.
    pub(crate) fn port(&mut self, field: &'static str) -> Result<u16> {
        let port = self.i32(field)?;
        u16::try_from(port).map_err(|_| self.error(field, DecodeReason::Value(port.into())))
    }

    fn uvarint(&mut self, field: &'static str) -> Result<u32> {
        let mut value: u32 = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.array_of::<1>(field)?[0];
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.error(field, DecodeReason::Varint))
    }

    /// A length in this reader's encoding; none for null. `long` tells 32-bit lengths from 16-bit ones.
    fn length(&mut self, field: &'static str, long: bool) -> Result<Option<usize>> {
        let length = match (self.flexible, long) {
            (true, _) => i64::from(self.uvarint(field)?) - 1,
            (false, true) => self.i32(field)?.into(),
            (false, false) => self.i16(field)?.into(),
        };
        match length {
            -1 => Ok(None),
            _ => usize::try_from(length).map(Some).map_err(|_| self.error(field, DecodeReason::Length(length))),
        }
    }

    fn required<T>(&self, field: &'static str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| self.error(field, DecodeReason::Null))
    }

    pub(crate) fn nullable_str(&mut self, field: &'static str) -> Result<Option<&'a str>> {
        let Some(length) = self.length(field, false)? else { return Ok(None) };
        let bytes = self.take(field, length)?;
        std::str::from_utf8(bytes).map(Some).map_err(|_| self.error(field, DecodeReason::Text))
    }

    pub(crate) fn str(&mut self, field: &'static str) -> Result<&'a str> {
        let text = self.nullable_str(field)?;
        self.required(field, text)
    }

    pub(crate) fn name(&mut self, field: &'static str) -> Result<Arc<str>> {
        self.str(field).map(Arc::from)
    }

    pub(crate) fn nullable_name(&mut self, field: &'static str) -> Result<Option<Arc<str>>> {
        Ok(self.nullable_str(field)?.map(Arc::from))
    }

    pub(crate) fn nullable_bytes(&mut self, field: &'static str) -> Result<Option<&'a [u8]>> {
        let Some(length) = self.length(field, true)? else { return Ok(None) };
        self.take(field, length).map(Some)
    }

    pub(crate) fn bytes(&mut self, field: &'static str) -> Result<&'a [u8]> {
        let bytes = self.nullable_bytes(field)?;
        self.required(field, bytes)
    }

    /// An array whose elements take at least `min` bytes each.
    pub(crate) fn nullable_array<T>(
        &mut self,
        field: &'static str,
        min: usize,
        mut element: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Option<Vec<T>>> {
        let Some(length) = self.length(field, true)? else { return Ok(None) };
        if length > self.left() / min.max(1) {
            let length = i64::try_from(length).unwrap_or(i64::MAX);
            return Err(self.error(field, DecodeReason::Length(length)));
        }
        let mut out = Vec::with_capacity(length);
        for _ in 0..length {
            out.push(element(self)?);
        }
        Ok(Some(out))
    }

    pub(crate) fn array<T>(
        &mut self,
        field: &'static str,
        min: usize,
        element: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let array = self.nullable_array(field, min, element)?;
        self.required(field, array)
    }

    /// Skips the tagged fields that end a structure in flexible versions.
    pub(crate) fn tags(&mut self) -> Result<()> {
        if !self.flexible {
            return Ok(());
        }
        let count = self.uvarint("tagged_fields")?;
        for _ in 0..count {
            self.uvarint("tag")?;
            let size = self.uvarint("tag_size")?;
            let size = usize::try_from(size).map_err(|_| self.error("tag_size", DecodeReason::Varint))?;
            self.take("tagged_field", size)?;
        }
        Ok(())
    }

    /// Whether a structure that may be null is there.
    pub(crate) fn present(&mut self, field: &'static str) -> Result<bool> {
        match self.i8(field)? {
            -1 => Ok(false),
            1 => Ok(true),
            other => Err(self.error(field, DecodeReason::Value(other.into()))),
        }
    }

    /// The end of the answer.
    pub(crate) fn end<T>(self, value: T) -> Result<T> {
        match self.left() {
            0 => Ok(value),
            left => Err(self.error("end", DecodeReason::Trailing(left))),
        }
    }
}

/// A version that is not within `range` is refused before a byte is read.
pub(crate) fn known_version(version: i16, range: (i16, i16)) -> Result<()> {
    if (range.0..=range.1).contains(&version) {
        return Ok(());
    }
    Err(DecodeError { field: "version", offset: 0, reason: DecodeReason::Version(version) })
}

#[cfg(test)]
mod tests {
    use super::{DecodeReason, Reader};

    #[test]
    fn hostile_lengths_reserve_nothing() {
        let mut reader = Reader::new(&[0x7f, 0xff, 0xff, 0xff, 0, 0], false);
        let error = reader.array("topics", 1, |r| r.i8("x")).expect_err("too long");
        assert_eq!(error.reason, DecodeReason::Length(0x7fff_ffff));
        let mut reader = Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x0f], true);
        assert!(matches!(reader.bytes("x").expect_err("short").reason, DecodeReason::Short { .. }));
        let mut reader = Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x1f], true);
        assert_eq!(reader.bytes("x").expect_err("33 bits").reason, DecodeReason::Varint);
        let mut reader = Reader::new(&[0x80, 0, 0, 0], false);
        assert!(matches!(reader.bytes("x").expect_err("negative").reason, DecodeReason::Length(_)));
    }

    #[test]
    fn null_is_not_empty() {
        assert_eq!(Reader::new(&[0], true).nullable_str("x"), Ok(None));
        assert_eq!(Reader::new(&[1], true).nullable_str("x"), Ok(Some("")));
        assert_eq!(Reader::new(&[0], true).str("x").map_err(|e| e.reason), Err(DecodeReason::Null));
        assert_eq!(Reader::new(&[2, 0xff], true).str("x").map_err(|e| e.reason), Err(DecodeReason::Text));
    }
}
