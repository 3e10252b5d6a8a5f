//! The gateway's own pipeline over one request, with somebody who writes down what it says.

use std::{rc::Rc, time::Duration};

use super::{
    Report,
    question::{Question, QuestionError},
};
use crate::{
    deadline::Deadlines,
    forward::{Pace, RequestBody},
    gateway::{Gateway, Note, Recent, Record, Step},
};

/// What becomes of the request of `question` in `gateway`, which is to be one of its own: [`Gateway::aside`] the
/// one that serves. Nothing is used up, and no upstream is asked.
///
/// # Errors
/// [`QuestionError`] when it is no request.
pub async fn ask(gateway: &Gateway, question: &Question) -> Result<Report, QuestionError> {
    let head = question.head(gateway)?;
    if let Some(what) = gateway.answers_itself(&head) {
        let mut record = Record::default();
        let said = format!(
            "none: the gateway answers this itself, as {what}; its token is not looked at here"
        );
        record.passed.push((Step::Route, said));
        return Ok(Report::of(&record, None, None));
    }
    let deadlines = Deadlines::new(Duration::from_millis(100));
    let pace = Rc::new(Pace::new(&deadlines, Duration::ZERO));
    let mut body = RequestBody::whole(question.body.clone().into(), pace);
    let mut record = Record::default();
    let mut note = Note {
        peer: question.from,
        method: head.method.clone(),
        uri: head.uri.clone(),
        ..Note::default()
    };
    let asked = head.clone();
    let snapshot = gateway.snapshot();
    let recent = Recent::default();
    let decided = gateway
        .decide(
            &snapshot,
            Box::new(head),
            &mut body,
            &recent,
            &mut note,
            &mut record,
        )
        .await;
    let decided = decided.and_then(|permit| {
        let shown = snapshot.rehearse_credential(&permit, &note, gateway.now())?;
        let passed = shown.map(|shown| (Step::Credential, shown));
        record.passed.extend(passed);
        Ok(permit)
    });
    let refusal = decided.err();
    let route = note.route.as_ref().map(|route| route.name.to_string());
    let report = Report::of(&record, refusal.as_ref(), route);
    let considered = || snapshot.considered(&note, &asked);
    Ok(match &refusal {
        None => report.with(Step::Route, considered(), None),
        Some(refusal) => {
            let compared = snapshot.compare(refusal, &note, Some(&asked), gateway.now());
            let remedy = refusal.code().remedy();
            let report = match note.route {
                Some(_) => report.with(Step::Route, considered(), None),
                None => report,
            };
            report.with(refusal.step(), compared, Some(remedy))
        }
    })
}
