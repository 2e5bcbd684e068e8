//! NumPy's array files, version 1.0, in C order and little-endian
//!
//! Source: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use super::element::Element;

/// An array of numbers of type `element`
pub fn numbers(element: Element, shape: &[usize], numbers: impl Iterator<Item = f64>) -> Vec<u8> {
    let kind = if element == Element::Single { "<f4" } else { "<f8" };
    array(kind, shape, &element.bytes(numbers))
}

/// A list of whole numbers, i64
pub fn integers(numbers: impl ExactSizeIterator<Item = i64>) -> Vec<u8> {
    let len = numbers.len();
    array("<i8", &[len], &numbers.flat_map(i64::to_le_bytes).collect::<Vec<_>>())
}

/// One truth value
pub fn flag(value: bool) -> Vec<u8> {
    array("|b1", &[], &[value.into()])
}

/// A list of texts, each padded with zeros to the length of the longest
pub fn texts<S: AsRef<str>>(texts: &[S]) -> Vec<u8> {
    unicode(texts, &[texts.len()])
}

/// One text
pub fn text(text: &str) -> Vec<u8> {
    unicode(&[text], &[])
}

fn unicode<S: AsRef<str>>(texts: &[S], shape: &[usize]) -> Vec<u8> {
    let chars = |text: &S| text.as_ref().chars().count();
    // NumPy has no texts of length 0.
    let width = texts.iter().map(chars).max().unwrap_or(0).max(1);
    let mut bytes = Vec::with_capacity(4 * width * texts.len());
    for (at, text) in texts.iter().enumerate() {
        bytes.extend(text.as_ref().chars().flat_map(|c| u32::from(c).to_le_bytes()));
        bytes.resize(4 * width * (at + 1), 0);
    }
    array(&format!("<U{width}"), shape, &bytes)
}

/// The file of an array: magic number, version, a header that ends at a multiple of 64 bytes, and the elements
fn array(kind: &str, shape: &[usize], elements: &[u8]) -> Vec<u8> {
    let dims: String = match shape {
        [one] => format!("{one},"),
        dims => dims.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
    };
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({dims}), }}");
    let start = b"\x93NUMPY\x01\x00".len() + 2;
    let len = (start + header.len() + 1).next_multiple_of(64) - start;
    header.extend(std::iter::repeat_n(' ', len - 1 - header.len()));
    header.push('\n');
    // The header of an array of three dimensions at most has far fewer than 65,536 bytes.
    let len = (len as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &len[..], header.as_bytes(), elements].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_that_numpy_writes() {
        // np.save(f, np.array(["é", "ab"])), NumPy 2.4: head, padded header, UTF-32
        let bytes = texts(&["é", "ab"]);
        let header = "{'descr': '<U2', 'fortran_order': False, 'shape': (2,), }";
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        assert_eq!(bytes[10..128], *format!("{header:<117}\n").as_bytes());
        assert_eq!(bytes[128..], [0xe9, 0, 0, 0, 0, 0, 0, 0, 0x61, 0, 0, 0, 0x62, 0, 0, 0]);
    }

    #[test]
    fn shapes_have_the_form_of_tuples() {
        let header = |bytes: Vec<u8>| String::from_utf8(bytes[10..128].to_vec()).unwrap();
        let zeros = |n| std::iter::repeat_n(0.0, n);
        assert!(
            header(numbers(Element::Single, &[2, 3], zeros(6)))
                .contains("'<f4', 'fortran_order': False, 'shape': (2, 3), ")
        );
        assert!(
            header(numbers(Element::Double, &[2], zeros(2)))
                .contains("'<f8', 'fortran_order': False, 'shape': (2,), ")
        );
        assert!(header(flag(true)).contains("'|b1', 'fortran_order': False, 'shape': (), "));
        assert!(header(text("")).contains("'<U1'"));
        assert_eq!(integers([-1, 2].into_iter()).len(), 128 + 16);
    }
}
