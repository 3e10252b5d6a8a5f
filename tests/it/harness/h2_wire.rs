//! HTTP/2 as frames (RFC 9113 §4), for an upstream that does what no library lets it do.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
};

use super::PATIENCE;

/// One connection from the gateway.
pub(crate) struct Frames(TcpStream);

/// One frame.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// `:status: 200`, by the static table.
const OK: &[u8] = &[0x88];

impl Frames {
    /// Takes the next connection, and says what it has to.
    pub(crate) fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut this = Self(stream);
        let mut preface = [0; PREFACE.len()];
        this.0.read_exact(&mut preface).unwrap();
        assert_eq!(preface, PREFACE);
        this.write(SETTINGS, 0, 0, &[]);
        this
    }

    pub(crate) fn write(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.0.write_all(&frame).unwrap();
    }

    /// The next frame of a kind, with those before it passed over; settings and pings are acknowledged.
    pub(crate) fn next(&mut self, kind: u8) -> Frame {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).unwrap();
            let length =
                usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).unwrap();
            if matches!(head[3], SETTINGS | PING) && head[4] & 1 == 0 {
                let payload = if head[3] == PING {
                    payload.clone()
                } else {
                    Vec::new()
                };
                self.write(head[3], 1, 0, &payload);
            }
            if head[3] == kind {
                let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
                return Frame { stream, payload };
            }
        }
    }

    /// Answers a request with 200 and no body.
    pub(crate) fn answer(&mut self, stream: u32) {
        self.write(HEADERS, 0x4 | 0x1, stream, OK);
    }

    /// Begins an answer with 200.
    pub(crate) fn begin(&mut self, stream: u32) {
        self.write(HEADERS, 0x4, stream, OK);
    }

    /// Says goodbye: nothing behind the request `last` was looked at.
    pub(crate) fn goodbye(&mut self, last: u32) {
        let payload = [last.to_be_bytes(), 0_u32.to_be_bytes()].concat();
        self.write(GOAWAY, 0, 0, &payload);
    }

    /// Refuses a request.
    pub(crate) fn reset(&mut self, stream: u32, reason: u32) {
        self.write(RST_STREAM, 0, stream, &reason.to_be_bytes());
    }
}
