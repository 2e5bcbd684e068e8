//! State dicts as `safetensors.torch.save_file` writes them

use serde_json::{Map, Value, json};

/// A tensor: its name, element type, dimensions and numbers
pub type Tensor<'a> = (&'a str, &'a str, Vec<usize>, Vec<f64>);

/// The bytes of a file with these tensors, in this order
pub fn state_dict(tensors: &[Tensor<'_>]) -> Vec<u8> {
    let (mut header, mut data) = (Map::new(), Vec::new());
    header.insert("__metadata__".to_owned(), json!({"format": "pt"}));
    for (name, dtype, shape, numbers) in tensors {
        let start = data.len();
        numbers.iter().for_each(|&x| push(&mut data, dtype, x));
        let offsets = [start, data.len()];
        header.insert((*name).to_owned(), json!({"dtype": dtype, "shape": shape, "data_offsets": offsets}));
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()
}

/// Appends a number that the type has exactly
fn push(data: &mut Vec<u8>, dtype: &str, x: f64) {
    let single = x as f32;
    match dtype {
        "F64" => data.extend(x.to_le_bytes()),
        "F32" => data.extend(single.to_le_bytes()),
        "BF16" => data.extend(&single.to_le_bytes()[2..]),
        "F16" => data.extend(f16(single).to_le_bytes()),
        _ => data.extend((x as i64).to_le_bytes()),
    }
}

/// The bits of a number with at most 11 digits in base 2, from 2⁻¹⁴ to 65,504, or of 0 or infinity
fn f16(x: f32) -> u16 {
    let (bits, sign) = (x.to_bits(), if x.is_sign_negative() { 0x8000 } else { 0 });
    match x.abs() {
        0.0 => sign,
        f32::INFINITY => sign | 0x7c00,
        _ => sign | ((bits >> 13 & 0x3_ffff) as u16).wrapping_sub(112 << 10),
    }
}
