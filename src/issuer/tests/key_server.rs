//! A JWKS server that can be told to misbehave.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What a [`KeyServer`] answers.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// 200 with this body.
    Document(String),
    /// These bytes, then the connection closes.
    Raw(Vec<u8>),
    /// These bytes, and then the connection stays open in silence.
    Unfinished(Vec<u8>),
}

/// Listens on a free port until its runtime ends. Cloning shares it.
#[derive(Clone)]
pub(super) struct KeyServer {
    pub(super) url: reqwest::Url,
    answer: Arc<Mutex<Answer>>,
    metadata: Arc<Mutex<Option<Answer>>>,
    requests: watch::Sender<Vec<String>>,
    open: watch::Sender<bool>,
}

impl KeyServer {
    pub(super) async fn start(document: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self {
            url: format!("http://{address}/keys").parse().unwrap(),
            answer: Arc::new(Mutex::new(Answer::Document(document))),
            metadata: Arc::default(),
            requests: watch::Sender::default(),
            open: watch::Sender::new(true),
        };
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(accepting.clone().serve(stream));
            }
        });
        server
    }

    pub(super) fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(super) fn publishes(&self, document: String) {
        self.answers(Answer::Document(document));
    }

    /// What stands below `/.well-known/`; `None`: the same as everywhere.
    pub(super) fn has_metadata(&self, document: Option<String>) {
        *self.metadata.lock().unwrap() = document.map(Answer::Document);
    }

    /// What is answered below `/.well-known/`.
    pub(super) fn answers_metadata(&self, answer: Answer) {
        *self.metadata.lock().unwrap() = Some(answer);
    }

    /// Another path of this server.
    pub(super) fn at(&self, path: &str) -> reqwest::Url {
        self.url.join(path).unwrap()
    }

    /// Makes requests wait for their answers, or lets them go.
    pub(super) fn holds_answers(&self, hold: bool) {
        self.open.send_replace(!hold);
    }

    pub(super) fn hits(&self) -> usize {
        self.requests.borrow().len()
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.borrow().clone()
    }

    pub(super) fn last_request(&self) -> String {
        self.requests.borrow().last().cloned().unwrap_or_default()
    }

    /// Returns when `count` requests have come in all.
    pub(super) async fn has_seen(&self, count: usize) {
        self.requests
            .subscribe()
            .wait_for(|requests| requests.len() >= count)
            .await
            .unwrap();
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => request.push(byte),
                Err(_) => return,
            }
        }
        let request = String::from_utf8(request).unwrap();
        let is_metadata = request.starts_with("GET /.well-known/");
        self.requests.send_modify(|requests| requests.push(request));
        self.open.subscribe().wait_for(|open| *open).await.unwrap();
        let metadata = self.metadata.lock().unwrap().clone();
        let answer = match metadata {
            Some(answer) if is_metadata => answer,
            _ => self.answer.lock().unwrap().clone(),
        };
        // A client that has had enough closes the connection: not this server's concern.
        match answer {
            Answer::Document(body) => {
                let _ = stream.write_all(&response("200 OK", &body)).await;
            }
            Answer::Raw(bytes) => {
                let _ = stream.write_all(&bytes).await;
            }
            Answer::Unfinished(bytes) => {
                let _ = stream.write_all(&bytes).await;
                // Ends when the client closes.
                let _ = stream.read_u8().await;
            }
        }
    }
}

pub(super) fn response(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .into()
}
