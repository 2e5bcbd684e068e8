//! The elements of a tensor in a file, as elements of a net

use chainrule_kernels::{Number, Scalar};
use safetensors::tensor::{Dtype, TensorView};

/// The elements of a tensor in F16, BF16, F32 or F64
///
/// # Errors
/// If it has another type, or an element is not a finite number of type `T`.
pub fn elements<T: Scalar>(tensor: &TensorView<'_>) -> Result<Vec<T>, String> {
    let data = tensor.data();
    let halves = || data.chunks_exact(2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    let single = |x: f32| T::from_f64(x.into());
    let elements: Vec<T> = match tensor.dtype() {
        Dtype::F16 => halves().map(f16).map(single).collect(),
        Dtype::BF16 => halves().map(bf16).map(single).collect(),
        Dtype::F32 => data.chunks_exact(4).filter_map(f32::read_le).map(single).collect(),
        Dtype::F64 => data.chunks_exact(8).filter_map(f64::read_le).map(T::from_f64).collect(),
        other => return Err(format!("is {other:?}, expected F16, BF16, F32 or F64")),
    };
    match elements.iter().position(|x| !x.is_finite()) {
        Some(at) => Err(format!("element {at} is {}, expected a finite number", elements[at])),
        None => Ok(elements),
    }
}

/// The number of an F16: 1 bit for the sign, 5 for the exponent plus 15, 10 for the fraction (IEEE 754-2019, binary16)
fn f16(bits: u16) -> f32 {
    let (exponent, fraction) = (bits >> 10 & 31, bits & 1023);
    let magnitude = match (exponent, fraction) {
        (0, _) => f32::from(fraction) * 2f32.powi(-24),
        (31, 0) => f32::INFINITY,
        (31, _) => f32::NAN,
        // F32 has the exponent plus 127, and 13 more bits of the fraction.
        _ => f32::from_bits((u32::from(exponent) + 112) << 23 | u32::from(fraction) << 13),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

/// The number of a BF16, which is the upper half of an F32
fn bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_the_numbers_that_pytorch_says() {
        // torch.tensor([bits], dtype=torch.uint16).view(torch.float16).item(), PyTorch 2.15
        for (bits, x) in [
            (0x0000, 0.0),
            (0x8001, -5.960_464_477_539_063e-8),
            (0x03ff, 6.097_555_160_522_461e-5),
            (0x0400, 6.103_515_625e-5),
            (0x3555, 0.333_251_953_125),
            (0x3c00, 1.0),
            (0xc248, -3.140_625),
            (0x7bff, 65_504.0),
        ] {
            assert_eq!(f64::from(f16(bits)), x, "{bits:#06x}");
        }
        assert!(f16(0x7c00) == f32::INFINITY && f16(0xfc00) == f32::NEG_INFINITY && f16(0x7e00).is_nan());
        assert!(f16(0x8000).is_sign_negative());
        for (bits, x) in [(0x3eab, 0.333_984_375), (0xc049, -3.140_625), (0x0001, 9.183_549_615_799_121e-41)]
        {
            assert_eq!(f64::from(bf16(bits)), x, "{bits:#06x}");
        }
    }

    #[test]
    fn elements_of_each_type_are_converted_and_others_are_refused() {
        let view = |dtype, bytes: &'static [u8]| {
            let size = dtype_size(dtype);
            TensorView::new(dtype, vec![bytes.len() / size], bytes).unwrap()
        };
        assert_eq!(elements::<f32>(&view(Dtype::F16, b"\x00\x3c\x00\xc0")).unwrap(), [1.0, -2.0]);
        assert_eq!(elements::<f64>(&view(Dtype::BF16, b"\x80\x3f\x00\xc0")).unwrap(), [1.0, -2.0]);
        assert_eq!(elements::<f64>(&view(Dtype::F32, b"\0\0\x80\x3f")).unwrap(), [1.0]);
        assert_eq!(elements::<f32>(&view(Dtype::F64, b"\0\0\0\0\0\0\xf0\x3f")).unwrap(), [1.0]);
        for (dtype, bytes, message) in [
            (Dtype::F16, &b"\0\0\x00\x7c"[..], "element 1 is inf"),
            (Dtype::BF16, b"\xc0\x7f", "element 0 is NaN"),
            // 1e300 is infinite in f32.
            (Dtype::F64, b"\x9c\x75\x00\x88\x3c\xe4\x37\x7e", "element 0 is inf"),
            (Dtype::I64, &[0; 8], "is I64, expected F16, BF16, F32 or F64"),
        ] {
            let error = elements::<f32>(&view(dtype, bytes)).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }

    fn dtype_size(dtype: Dtype) -> usize {
        dtype.bitsize() / 8
    }
}
