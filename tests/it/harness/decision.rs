//! What a gateway decides without a connection: as `explain` asks it.

use std::{rc::Rc, time::Duration};

use portcullis::{
    deadline::Deadlines,
    forward::{Pace, RequestBody},
    gateway::{Code, Gateway, Note, Recent, Trace},
};

/// What `gateway` decides about a GET of `/` with this field, and what it noted.
pub(crate) fn decide(
    gateway: &Gateway,
    (name, value): (&'static str, &str),
    trace: &mut impl Trace,
) -> (Option<Code>, Note) {
    let head = http::Request::get("/").header("host", "a.example");
    let (head, ()) = head.header(name, value).body(()).unwrap().into_parts();
    let deadlines = Deadlines::new(Duration::from_millis(100));
    let pace = Rc::new(Pace::new(&deadlines, Duration::ZERO));
    let (mut body, mut note) = (RequestBody::empty(pace), Note::default());
    let (snapshot, recent) = (gateway.snapshot(), Recent::default());
    let head = Box::new(head);
    let decision = gateway.decide(&snapshot, head, &mut body, &recent, &mut note, trace);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let decision = runtime.unwrap().block_on(decision);
    (decision.err().map(|refusal| refusal.code()), note)
}
