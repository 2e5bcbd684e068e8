//! Protocol buffers, as far as ONNX files need them: a writer of whole numbers, bytes, texts and messages
//!
//! Source: Google, *Protocol Buffers: Encoding*, <https://protobuf.dev/programming-guides/encoding/>.

/// The bytes of a message: its fields in the order in which they are added
#[derive(Debug, Default)]
pub struct Message(Vec<u8>);

/// How the value of a field is written
#[derive(Clone, Copy)]
enum Wire {
    /// A number in groups of seven bits
    Varint = 0,
    /// A length, then as many bytes
    Bytes = 2,
}

impl Message {
    /// The bytes
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Adds a whole number
    pub fn int(&mut self, field: u32, value: i64) {
        self.key(field, Wire::Varint);
        // A negative number is written as its two's complement in 64 bits.
        varint(value as u64, &mut self.0);
    }

    /// Adds bytes
    pub fn bytes(&mut self, field: u32, bytes: &[u8]) {
        self.key(field, Wire::Bytes);
        varint(bytes.len() as u64, &mut self.0);
        self.0.extend(bytes);
    }

    /// Adds a text
    pub fn text(&mut self, field: u32, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    /// Adds a message, whose fields `fill` adds
    pub fn message(&mut self, field: u32, fill: impl FnOnce(&mut Self)) {
        self.key(field, Wire::Bytes);
        let start = self.0.len();
        fill(self);
        // The length stands before the fields, and is known only now.
        let mut len = Vec::new();
        varint((self.0.len() - start) as u64, &mut len);
        self.0.splice(start..start, len);
    }

    /// Adds the fields of another message
    pub fn extend(&mut self, fields: &Self) {
        self.0.extend(&fields.0);
    }

    fn key(&mut self, field: u32, wire: Wire) {
        varint(u64::from(field << 3 | wire as u32), &mut self.0);
    }
}

fn varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification_are_written_as_there() {
        let mut message = Message::default();
        message.int(1, 150);
        message.text(2, "testing");
        message.message(3, |inner| inner.int(1, 150));
        let text = *b"\x12\x07testing";
        let expected = [&[0x08, 0x96, 0x01][..], &text, &[0x1a, 0x03, 0x08, 0x96, 0x01]].concat();
        assert_eq!(message.into_bytes(), expected);
    }

    #[test]
    fn a_long_message_and_a_negative_number_have_varints_of_several_bytes() {
        let mut message = Message::default();
        message.message(1, |inner| inner.bytes(2, &[7; 300]));
        let bytes = message.into_bytes();
        assert_eq!((&bytes[..6], bytes.len()), (&[0x0a, 0xaf, 0x02, 0x12, 0xac, 0x02][..], 306));
        let mut message = Message::default();
        message.int(1, -1);
        assert_eq!(message.into_bytes(), [&[0x08][..], &[0xff; 9], &[0x01]].concat());
    }
}
