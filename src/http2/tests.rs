use std::{
    collections::VecDeque,
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream, client, server};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::task::JoinHandle;

use super::*;

const WINDOW: usize = 65_535;

/// What a request's two sides have in their hands.
struct Stream {
    to_server: SendStream<Bytes>,
    at_server: RecvStream,
    /// The connections go on as long as these are kept.
    _requests: client::SendRequest<Bytes>,
    _response: (client::ResponseFuture, server::SendResponse<Bytes>),
    _tasks: (JoinHandle<()>, JoinHandle<()>),
}

/// A request with an open body on a new connection.
async fn stream() -> Stream {
    let (client, server) = tokio::io::duplex(16 * 1024);
    let accepted = tokio::spawn(async move {
        let mut connection = server::handshake(server).await.unwrap();
        let accepted = connection.accept().await.unwrap().unwrap();
        let task =
            tokio::spawn(async move { while let Some(Ok(_)) = connection.accept().await {} });
        (accepted, task)
    });
    let (mut requests, connection) = client::handshake(client).await.unwrap();
    let driver = tokio::spawn(async move {
        let _ = connection.await;
    });
    let request = Request::post("http://a/").body(()).unwrap();
    let (response, to_server) = requests.send_request(request, false).unwrap();
    let ((request, respond), task) = accepted.await.unwrap();
    Stream {
        to_server,
        at_server: request.into_body(),
        _requests: requests,
        _response: (response, respond),
        _tasks: (driver, task),
    }
}

/// A body of these frames; `Err` is where it breaks off.
struct Script {
    frames: VecDeque<Result<Frame<Bytes>, &'static str>>,
    /// Whether it says of its last frame that it is the last.
    tells: bool,
}

impl Body for Script {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        Poll::Ready(self.frames.pop_front())
    }

    fn is_end_stream(&self) -> bool {
        self.tells && self.frames.is_empty()
    }
}

fn script(
    frames: impl IntoIterator<Item = Result<Frame<Bytes>, &'static str>>,
    tells: bool,
) -> Script {
    let frames = frames.into_iter().collect();
    Script { frames, tells }
}

fn data(length: usize) -> Result<Frame<Bytes>, &'static str> {
    Ok(Frame::data(vec![b'x'; length].into()))
}

fn trailers() -> HeaderMap {
    HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())])
}

#[tokio::test]
async fn a_body_of_many_windows_arrives_whole_with_its_trailers() {
    for tells in [true, false] {
        let stream = stream().await;
        let body = script(
            [
                data(0),
                data(3 * WINDOW),
                data(1),
                Ok(Frame::trailers(trailers())),
            ],
            tells,
        );
        let sending = tokio::spawn(Sending::new(body, stream.to_server, Reason::CANCEL));
        let received = Received::new(stream.at_server, None)
            .collect()
            .await
            .unwrap();
        sending.await.unwrap().unwrap();
        assert_eq!(received.trailers(), Some(&trailers()));
        assert_eq!(received.to_bytes().len(), 3 * WINDOW + 1);
    }
}

#[tokio::test]
async fn a_body_ends_whether_or_not_it_tells() {
    for frames in [vec![], vec![data(0)], vec![data(7)], vec![data(7), data(0)]] {
        for tells in [true, false] {
            let stream = stream().await;
            let expected: usize = if frames.iter().flatten().any(|frame| {
                let data = frame.data_ref();
                data.is_some_and(|data| !data.is_empty())
            }) {
                7
            } else {
                0
            };
            let again = frames
                .iter()
                .map(|frame| data(frame.as_ref().unwrap().data_ref().unwrap().len()));
            let body = script(again, tells);
            let sent = Sending::new(body, stream.to_server, Reason::CANCEL).await;
            sent.unwrap();
            let mut received = Received::new(stream.at_server, Some(expected as u64));
            let whole = (&mut received).collect().await.unwrap().to_bytes();
            assert_eq!(whole.len(), expected);
            assert!(received.is_end_stream());
            assert_eq!(received.size_hint().exact(), Some(0));
        }
    }
}

#[tokio::test]
async fn what_is_not_taken_makes_no_room() {
    let stream = stream().await;
    let body = script([data(2 * WINDOW)], true);
    let mut sending = Sending::new(body, stream.to_server, Reason::CANCEL);
    let mut received = Received::new(stream.at_server, None);
    // Everything goes on until only the receiver can make room.
    while sending.held() != WINDOW {
        assert!(poll_once(&mut sending).await.is_pending());
        tokio::task::yield_now().await;
    }
    for _ in 0..1000 {
        assert!(poll_once(&mut sending).await.is_pending());
        tokio::task::yield_now().await;
    }
    assert!(sending.awaits_room() && sending.held() == WINDOW);
    let sending = tokio::spawn(sending);
    let whole = (&mut received).collect().await.unwrap().to_bytes();
    assert_eq!(whole.len(), 2 * WINDOW);
    sending.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_reset_for_its_receiver() {
    let stream = stream().await;
    let body = script([data(7), Err("broken")], false);
    let sent = Sending::new(body, stream.to_server, Reason::INTERNAL_ERROR).await;
    assert!(matches!(sent, Err(SendError::Body("broken"))));
    let received = Received::new(stream.at_server, None).collect().await;
    let error = received.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::INTERNAL_ERROR));
}

#[tokio::test]
async fn a_receiver_that_resets_ends_the_sending() {
    let mut stream = stream().await;
    let body = script([data(10 * WINDOW)], true);
    let sending = tokio::spawn(Sending::new(body, stream.to_server, Reason::CANCEL));
    stream._response.1.send_reset(Reason::REFUSED_STREAM);
    let sent = sending.await.unwrap();
    assert!(matches!(
        sent,
        Err(SendError::Reset(Reason::REFUSED_STREAM))
    ));
}

#[tokio::test]
async fn a_response_may_come_before_the_request_is_whole() {
    let mut stream = stream().await;
    let mut to_client = stream
        ._response
        .1
        .send_response(Response::new(()), false)
        .unwrap();
    to_client
        .send_data(Bytes::from_static(b"early"), true)
        .unwrap();
    let response = (&mut stream._response.0).await.unwrap();
    let early = Received::new(response.into_body(), None).collect().await;
    assert_eq!(early.unwrap().to_bytes(), "early");
    let late = script([data(7)], true);
    Sending::new(late, stream.to_server, Reason::CANCEL)
        .await
        .unwrap();
    let late = Received::new(stream.at_server, None).collect().await;
    assert_eq!(late.unwrap().to_bytes().len(), 7);
}

#[tokio::test]
async fn a_few_empty_frames_pass_and_a_row_of_them_ends_the_connection() {
    for (count, passes) in [(100, true), (101, false)] {
        let mut stream = stream().await;
        for _ in 0..count {
            stream.to_server.send_data(Bytes::new(), false).unwrap();
        }
        let last = Bytes::from_static(b"x");
        stream.to_server.send_data(last, true).unwrap();
        let received = Received::new(stream.at_server, None).collect().await;
        match received {
            Ok(received) => assert!(passes && received.to_bytes() == "x"),
            Err(error) => {
                assert!(!passes && error.reason() == Some(Reason::ENHANCE_YOUR_CALM));
            }
        }
    }
}

async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(Pin::new(&mut *future).poll(context))).await
}

/// The bodies of the gateway itself cannot fail, and must be sendable too.
#[tokio::test]
async fn a_body_that_cannot_fail_is_sent_too() {
    let stream = stream().await;
    let body = http_body_util::Full::new(Bytes::from_static(b"own"));
    let sent: Result<(), SendError<Infallible>> =
        Sending::new(body, stream.to_server, Reason::CANCEL).await;
    sent.unwrap();
    let received = Received::new(stream.at_server, None).collect().await;
    assert_eq!(received.unwrap().to_bytes(), "own");
}
