//! The element types of array files, and the conversion of a block of elements to a type of the program

use bytemuck::Pod;

/// The type of an element in a file
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// A truth value, a byte that is 0 or 1
    Bool,
    /// 8 bits, unsigned
    U8,
    /// 8 bits, signed
    I8,
    /// 16 bits, unsigned
    U16,
    /// 16 bits, signed
    I16,
    /// 32 bits, unsigned
    U32,
    /// 32 bits, signed
    I32,
    /// 64 bits, unsigned
    U64,
    /// 64 bits, signed
    I64,
    /// IEEE 754 binary16
    F16,
    /// IEEE 754 binary32
    F32,
    /// IEEE 754 binary64
    F64,
}

impl ElementType {
    /// Number of bytes of an element
    pub fn bytes(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Whether it is a floating-point type
    pub fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::F32 | Self::F64)
    }
}

/// An element type and the order of its bytes
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// The type
    pub element: ElementType,
    /// Whether the most significant byte comes first
    pub is_big_endian: bool,
}

impl Encoding {
    /// Whether the bytes in a file are the bytes of `T` in memory
    pub fn is_native<T: Number>(self) -> bool {
        let is_native_order = self.element.bytes() == 1 || self.is_big_endian == cfg!(target_endian = "big");
        self.element == T::SAME && is_native_order
    }

    /// An element as text for messages
    pub fn text(self, raw: &[u8]) -> String {
        let value = |out: &mut [f64]| self.convert(raw, out);
        match self.element {
            ElementType::U64 => {
                let mut wide = [0_i64];
                self.convert(raw, &mut wide);
                wide[0].cast_unsigned().to_string()
            }
            _ => {
                let mut wide = [0.0];
                value(&mut wide);
                let (size, wide) = (wide[0].abs(), wide[0]);
                let is_short = size == 0.0 || (1e-4..1e16).contains(&size) || !size.is_finite();
                if is_short { wide.to_string() } else { format!("{wide:e}") }
            }
        }
    }

    /// Converts the elements in `raw` to `out`, each with one rounding; finite numbers may become infinite
    ///
    /// `raw` has as many elements as `out`; what is left over on either side is not converted.
    pub fn convert<T: Number>(self, raw: &[u8], out: &mut [T]) {
        if self.is_big_endian {
            convert::<T, true>(self.element, raw, out);
        } else {
            convert::<T, false>(self.element, raw, out);
        }
    }
}

/// A type that the elements of an [`Array`](super::array::Array) have in memory
pub trait Number: Pod + Send + Sync {
    /// The element type with the same values
    const SAME: ElementType;
    /// The nearest number
    fn of_i32(value: i32) -> Self;
    /// The nearest number
    fn of_i64(value: i64) -> Self;
    /// The nearest number; for a type of 64-bit integers, the same bits
    fn of_u64(value: u64) -> Self;
    /// The nearest number, which is infinite if `value` is too large
    fn of_f64(value: f64) -> Self;
    /// The nearest number
    fn of_f32(value: f32) -> Self;
    /// Whether a number that was converted from `element` is finite and did not wrap around
    fn is_valid(self, element: ElementType) -> bool;
    /// Whether it is NaN
    fn is_missing(self) -> bool {
        false
    }
}

impl Number for f32 {
    const SAME: ElementType = ElementType::F32;
    fn of_i32(value: i32) -> Self {
        value as f32
    }
    fn of_i64(value: i64) -> Self {
        value as f32
    }
    fn of_u64(value: u64) -> Self {
        value as f32
    }
    fn of_f64(value: f64) -> Self {
        value as f32
    }
    fn of_f32(value: f32) -> Self {
        value
    }
    fn is_valid(self, _: ElementType) -> bool {
        self.is_finite()
    }
    fn is_missing(self) -> bool {
        self.is_nan()
    }
}

impl Number for f64 {
    const SAME: ElementType = ElementType::F64;
    fn of_i32(value: i32) -> Self {
        value.into()
    }
    fn of_i64(value: i64) -> Self {
        value as f64
    }
    fn of_u64(value: u64) -> Self {
        value as f64
    }
    fn of_f64(value: f64) -> Self {
        value
    }
    fn of_f32(value: f32) -> Self {
        value.into()
    }
    fn is_valid(self, _: ElementType) -> bool {
        self.is_finite()
    }
    fn is_missing(self) -> bool {
        self.is_nan()
    }
}

impl Number for i64 {
    const SAME: ElementType = ElementType::I64;
    fn of_i32(value: i32) -> Self {
        value.into()
    }
    fn of_i64(value: i64) -> Self {
        value
    }
    fn of_u64(value: u64) -> Self {
        value.cast_signed()
    }
    fn of_f64(value: f64) -> Self {
        value as i64
    }
    fn of_f32(value: f32) -> Self {
        value as i64
    }
    fn is_valid(self, element: ElementType) -> bool {
        element != ElementType::U64 || self >= 0
    }
}

impl Number for u8 {
    const SAME: ElementType = ElementType::U8;
    fn of_i32(value: i32) -> Self {
        value as u8
    }
    fn of_i64(value: i64) -> Self {
        value as u8
    }
    fn of_u64(value: u64) -> Self {
        value as u8
    }
    fn of_f64(value: f64) -> Self {
        value as u8
    }
    fn of_f32(value: f32) -> Self {
        value as u8
    }
    fn is_valid(self, element: ElementType) -> bool {
        element != ElementType::Bool || self <= 1
    }
}

fn convert<T: Number, const BIG: bool>(element: ElementType, raw: &[u8], out: &mut [T]) {
    match element {
        ElementType::Bool | ElementType::U8 => each(raw, out, |[byte]| T::of_i32(byte.into())),
        ElementType::I8 => each(raw, out, |[byte]| T::of_i32(byte.cast_signed().into())),
        ElementType::U16 => each(raw, out, |b| T::of_i32(u16::from_le_bytes(little::<BIG, 2>(b)).into())),
        ElementType::I16 => each(raw, out, |b| T::of_i32(i16::from_le_bytes(little::<BIG, 2>(b)).into())),
        ElementType::U32 => each(raw, out, |b| T::of_i64(u32::from_le_bytes(little::<BIG, 4>(b)).into())),
        ElementType::I32 => each(raw, out, |b| T::of_i32(i32::from_le_bytes(little::<BIG, 4>(b)))),
        ElementType::U64 => each(raw, out, |b| T::of_u64(u64::from_le_bytes(little::<BIG, 8>(b)))),
        ElementType::I64 => each(raw, out, |b| T::of_i64(i64::from_le_bytes(little::<BIG, 8>(b)))),
        ElementType::F16 => each(raw, out, |b| T::of_f32(half(u16::from_le_bytes(little::<BIG, 2>(b))))),
        ElementType::F32 => each(raw, out, |b| T::of_f32(f32::from_le_bytes(little::<BIG, 4>(b)))),
        ElementType::F64 => each(raw, out, |b| T::of_f64(f64::from_le_bytes(little::<BIG, 8>(b)))),
    }
}

fn each<T, const N: usize>(raw: &[u8], out: &mut [T], of: impl Fn([u8; N]) -> T) {
    let (elements, _) = raw.as_chunks();
    elements.iter().zip(out).for_each(|(&bytes, out)| *out = of(bytes));
}

/// The bytes of an element with the least significant one first
fn little<const BIG: bool, const N: usize>(mut bytes: [u8; N]) -> [u8; N] {
    if BIG {
        bytes.reverse();
    }
    bytes
}

/// The value of an IEEE 754 binary16 number, which every f32 can hold
///
/// Source: IEEE 754-2019, section 3.4.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let (exponent, mantissa) = (u32::from(bits >> 10) & 0x1f, u32::from(bits & 0x3ff));
    match exponent {
        // Zero and subnormal numbers: mantissa · 2⁻²⁴.
        0 => f32::from_bits((mantissa as f32 / (1 << 24) as f32).to_bits() | sign),
        31 => f32::from_bits(sign | 0x7f80_0000 | mantissa << 13),
        // The bias of the exponent is 15 here, and 127 in f32.
        _ => f32::from_bits(sign | (exponent + 112) << 23 | mantissa << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_numbers_of_16_bits_have_the_value_of_their_parts() {
        for bits in 0..=u16::MAX {
            let (sign, exponent, mantissa) = (bits >> 15, bits >> 10 & 31, f64::from(bits & 1023));
            let size = match exponent {
                31 if mantissa == 0.0 => f64::INFINITY,
                31 => f64::NAN,
                0 => mantissa * 2f64.powi(-24),
                _ => (1.0 + mantissa / 1024.0) * 2f64.powi(i32::from(exponent) - 15),
            };
            let right = if sign == 1 { -size } else { size };
            let found = f64::from(half(bits));
            if size.is_nan() {
                assert!(found.is_nan(), "{bits:#06x}: {found}");
            } else {
                assert_eq!(found.to_bits(), right.to_bits(), "{bits:#06x}: {found}, not {right}");
            }
        }
    }

    #[test]
    fn numbers_in_messages_are_short() {
        let text = |value: f64| {
            Encoding { element: ElementType::F64, is_big_endian: true }.text(&value.to_be_bytes())
        };
        for (value, short) in [
            (0.0, "0"),
            (-1.5, "-1.5"),
            (1e300, "1e300"),
            (-2.5e-9, "-2.5e-9"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(text(value), short);
        }
        let bytes = u64::MAX.to_le_bytes();
        let text = Encoding { element: ElementType::U64, is_big_endian: false }.text(&bytes);
        assert_eq!(text, "18446744073709551615");
    }
}
