//! What is to be written to an upstream.

use std::io::Write as _;

use bytes::{Buf, Bytes};

use super::upload::Coding;

/// Bytes on their way out, in this order.
#[derive(Default)]
pub(super) struct Output {
    pub(super) head: Vec<u8>,
    written: usize,
    data: Bytes,
    tail: &'static [u8],
}

impl Output {
    /// Whether everything is written.
    pub(super) fn is_empty(&self) -> bool {
        self.written == self.head.len() && self.data.is_empty() && self.tail.is_empty()
    }

    /// Forgets what was written; the room stays.
    pub(super) fn clear(&mut self) {
        self.head.clear();
        self.written = 0;
        self.data = Bytes::new();
        self.tail = &[];
    }

    /// Whether data of a body, or what ends it, is still to be written.
    pub(super) fn holds_data(&self) -> bool {
        !self.data.is_empty() || !self.tail.is_empty()
    }

    /// Appends data of the request's body; what was staged before has been written, but for the head.
    pub(super) fn stage(&mut self, data: Bytes, coding: Coding) {
        if data.is_empty() {
            // An empty chunk would be the last one.
            return;
        }
        if self.is_empty() {
            self.clear();
        }
        if coding == Coding::Chunked {
            let _ = write!(self.head, "{:x}\r\n", data.len());
            self.tail = b"\r\n";
        }
        self.data = data;
    }

    /// Appends what says that the body has ended.
    pub(super) const fn stage_end(&mut self, coding: Coding) {
        if matches!(coding, Coding::Chunked) {
            self.tail = b"0\r\n\r\n";
        }
    }

    /// What is still to be written: of the head, of the data, of what ends them.
    pub(super) fn parts(&self) -> (&[u8], &[u8], &'static [u8]) {
        let head = self.head.get(self.written..).unwrap_or_default();
        (head, &self.data, self.tail)
    }

    /// So many bytes have been written.
    pub(super) fn advance(&mut self, count: usize) {
        let of_head = count.min(self.head.len() - self.written);
        self.written += of_head;
        let of_data = (count - of_head).min(self.data.len());
        self.data.advance(of_data);
        if self.data.is_empty() {
            // Even an empty one keeps the buffer of the client's stream from being used again.
            self.data = Bytes::new();
        }
        self.tail = self
            .tail
            .get(count - of_head - of_data..)
            .unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything, written in steps of `step` bytes.
    fn written(output: &mut Output, step: usize) -> Vec<u8> {
        let mut written = Vec::new();
        while !output.is_empty() {
            let (head, data, tail) = output.parts();
            let all = [head, data, tail].concat();
            let count = all.len().min(step);
            written.extend_from_slice(&all[..count]);
            output.advance(count);
        }
        written
    }

    #[test]
    fn head_data_and_end_go_out_in_order_however_they_are_cut() {
        for step in 1..40 {
            let mut output = Output::default();
            output.head.extend_from_slice(b"PUT / HTTP/1.1\r\n\r\n");
            output.stage(Bytes::from_static(b"hello"), Coding::Length);
            assert_eq!(written(&mut output, step), b"PUT / HTTP/1.1\r\n\r\nhello");
            output.stage(Bytes::new(), Coding::Chunked);
            assert!(output.is_empty());
            output.stage(Bytes::from_static(b"hello world"), Coding::Chunked);
            assert_eq!(written(&mut output, step), b"b\r\nhello world\r\n");
            output.stage_end(Coding::Chunked);
            assert_eq!(written(&mut output, step), b"0\r\n\r\n");
        }
    }

    #[test]
    fn data_that_is_written_is_let_go() {
        let mut output = Output::default();
        let data = Bytes::from(vec![b'x'; 100]);
        output.stage(data.clone(), Coding::Length);
        output.advance(99);
        assert!(!data.is_unique());
        output.advance(1);
        assert!(data.is_unique());
    }
}
