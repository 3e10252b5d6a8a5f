//! A connection to Redis, from its first byte until it is known to be of use.

use std::{io, pin::Pin, sync::Arc, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{
    about::About,
    error::RedisError,
    resp::{self, Reply},
    settings::{Address, RedisSettings},
};

/// A connection that may be written to, and what was read beyond the greeting.
pub(super) struct Line {
    pub(super) stream: Pin<Box<dyn Stream>>,
    pub(super) address: Address,
    /// Whether keys are thrown away when its memory is full.
    pub(super) evicts: bool,
}

/// Bytes both ways, plain or under TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send {}

impl<S: AsyncRead + AsyncWrite + Send> Stream for S {}

/// How long a name, a connection and its handshake may take beside the time for an answer. Nobody waits for
/// them: requests are refused meanwhile.
const CONNECT: Duration = Duration::from_secs(1);

/// A connection that is at its beginning.
struct Greeting<'s> {
    stream: Pin<Box<dyn Stream>>,
    address: Address,
    settings: &'s RedisSettings,
    inbox: BytesMut,
}

/// Connects to the server that can be written to.
///
/// # Errors
/// [`RedisError`] says why there is none; of several sentinels, what the last one said.
pub(super) async fn connect(settings: &RedisSettings) -> Result<Line, RedisError> {
    let Some(master) = &settings.master else {
        let address = settings.addresses.first().ok_or_else(nowhere)?;
        return examine(settings, address.clone()).await;
    };
    let mut last = None;
    for sentinel in &settings.addresses {
        match ask_sentinel(settings, sentinel, master).await {
            Ok(address) => return examine(settings, address).await,
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(nowhere))
}

/// No configuration comes to this.
fn nowhere() -> RedisError {
    let nobody = Address {
        host: "".into(),
        port: 0,
    };
    RedisError::Unreachable(nobody, "it has no address".to_owned())
}

async fn examine(settings: &RedisSettings, address: Address) -> Result<Line, RedisError> {
    let mut greeting = Greeting::open(settings, address).await?;
    greeting.authenticate().await?;
    if settings.database != 0 {
        let number = settings.database.to_string();
        let reply = greeting.ask(&[b"SELECT", number.as_bytes()]).await?;
        if let Reply::Error(text) = reply {
            let error = greeting.refused(&text);
            return Err(match text.starts_with("ERR") {
                true => RedisError::Database(greeting.address, settings.database),
                false => error,
            });
        }
    }
    let evicts = match greeting.ask(&[b"INFO"]).await? {
        Reply::Bulk(Some(info)) => {
            let info = String::from_utf8_lossy(&info);
            About::parse(&info).check(&greeting.address)?.evicts()
        }
        Reply::Error(text) if text.starts_with("NOPERM") => {
            tracing::warn!(server = %greeting.address, "the store's user may not ask INFO, so its version, role and \
                maxmemory-policy are not known");
            false
        }
        Reply::Error(text) => return Err(greeting.refused(&text)),
        _ => return Err(RedisError::NotRedis(greeting.address)),
    };
    Ok(Line {
        stream: greeting.stream,
        address: greeting.address,
        evicts,
    })
}

/// Where the primary is, by one sentinel.
async fn ask_sentinel(
    settings: &RedisSettings,
    sentinel: &Address,
    master: &str,
) -> Result<Address, RedisError> {
    let mut greeting = Greeting::open(settings, sentinel.clone()).await?;
    // Sentinels have passwords of their own; most have none, or that of the servers.
    if let Err(error) = greeting.authenticate().await
        && !matches!(
            error,
            RedisError::Refused(..) | RedisError::WrongPassword(_)
        )
    {
        return Err(error);
    }
    let question: &[&[u8]] = &[b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", master.as_bytes()];
    let reply = greeting.ask(question).await?;
    let unknown = || RedisError::NoMaster(sentinel.clone(), master.into());
    match reply {
        Reply::Array(Some(elements)) => match elements.as_slice() {
            [Reply::Bulk(Some(host)), Reply::Bulk(Some(port))] => {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
                let port = text(port).and_then(|port| port.parse().ok());
                let address = text(host).zip(port).map(|(host, port)| Address {
                    host: host.into(),
                    port,
                });
                address.ok_or_else(|| RedisError::NotRedis(sentinel.clone()))
            }
            _ => Err(RedisError::NotRedis(sentinel.clone())),
        },
        Reply::Array(None) | Reply::Bulk(None) => Err(unknown()),
        Reply::Error(text) if text.starts_with("ERR unknown command") => Err(unknown()),
        Reply::Error(text) => Err(greeting.refused(&text)),
        Reply::Simple(_) | Reply::Integer(_) | Reply::Bulk(Some(_)) => {
            Err(RedisError::NotRedis(sentinel.clone()))
        }
    }
}

impl<'s> Greeting<'s> {
    async fn open(settings: &'s RedisSettings, address: Address) -> Result<Self, RedisError> {
        let unreachable = |error: io::Error| match error.kind() {
            io::ErrorKind::TimedOut => RedisError::Late(address.clone()),
            _ => RedisError::Unreachable(address.clone(), error.to_string()),
        };
        let opened = timeout(CONNECT, open(settings, &address)).await;
        let stream = opened
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(unreachable)?;
        Ok(Self {
            stream,
            address,
            settings,
            inbox: BytesMut::new(),
        })
    }

    /// Says who the gateway is, if it is said to be anybody.
    async fn authenticate(&mut self) -> Result<(), RedisError> {
        let Some(password) = &self.settings.password else {
            return Ok(());
        };
        let password = password.expose_secret();
        let reply = match &self.settings.username {
            Some(name) => self.ask(&[b"AUTH", name.as_bytes(), password]).await?,
            None => self.ask(&[b"AUTH", password]).await?,
        };
        match reply {
            Reply::Simple(word) if word == "OK" => Ok(()),
            Reply::Error(text)
                if text.starts_with("WRONGPASS") || text.contains("invalid password") =>
            {
                Err(RedisError::WrongPassword(self.address.clone()))
            }
            // Other texts may repeat what was sent.
            Reply::Error(text) if text.contains("without any password") => {
                let why =
                    "it has no password, and is shown one: leave \"password_file\" out".to_owned();
                Err(RedisError::Refused(self.address.clone(), why))
            }
            Reply::Error(_) => {
                let why = "it does not take AUTH".to_owned();
                Err(RedisError::Refused(self.address.clone(), why))
            }
            _ => Err(RedisError::NotRedis(self.address.clone())),
        }
    }

    /// One command and its reply, within the time for an answer.
    async fn ask(&mut self, arguments: &[&[u8]]) -> Result<Reply, RedisError> {
        // A server that begins or has just been woken may take more than an answer takes later on.
        let patience = self.settings.timeout.max(CONNECT);
        let asked = timeout(patience, self.exchange(arguments)).await;
        asked.unwrap_or_else(|_| Err(RedisError::Late(self.address.clone())))
    }

    async fn exchange(&mut self, arguments: &[&[u8]]) -> Result<Reply, RedisError> {
        let command = zeroize::Zeroizing::new(resp::command(arguments));
        self.stream
            .write_all(&command)
            .await
            .map_err(|e| self.closed(&e))?;
        self.stream.flush().await.map_err(|e| self.closed(&e))?;
        loop {
            let parsed = Reply::parse(&self.inbox);
            match parsed.map_err(|_| RedisError::NotRedis(self.address.clone()))? {
                Some((reply, taken)) if taken == self.inbox.len() => {
                    self.inbox.clear();
                    return Ok(reply);
                }
                Some(_) => return Err(RedisError::NotRedis(self.address.clone())),
                None => {}
            }
            let read = self.stream.read_buf(&mut self.inbox).await;
            if read.map_err(|e| self.closed(&e))? == 0 {
                return Err(self.closed(&io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    fn closed(&self, error: &io::Error) -> RedisError {
        RedisError::Closed(self.address.clone(), error.to_string())
    }

    fn refused(&self, text: &str) -> RedisError {
        refused(&self.address, text)
    }
}

/// What an error reply means.
pub(super) fn refused(address: &Address, text: &str) -> RedisError {
    let address = address.clone();
    match text.split(' ').next().unwrap_or_default() {
        "NOAUTH" => RedisError::NoPassword(address),
        "WRONGPASS" => RedisError::WrongPassword(address),
        "READONLY" => RedisError::Replica(address),
        "LOADING" => RedisError::Loading(address),
        "MOVED" | "ASK" | "CROSSSLOT" | "CLUSTERDOWN" => RedisError::Cluster(address),
        _ => {
            let plain = |c: &char| !c.is_control();
            let text = text.chars().filter(plain).take(200).collect();
            RedisError::Refused(address, text)
        }
    }
}

async fn open(settings: &RedisSettings, address: &Address) -> io::Result<Pin<Box<dyn Stream>>> {
    let stream = TcpStream::connect((&*address.host, address.port)).await?;
    stream.set_nodelay(true)?;
    let Some(tls) = &settings.tls else {
        return Ok(Box::pin(stream));
    };
    let connector = TlsConnector::from(Arc::clone(tls.config()));
    let stream = connector.connect(tls.name().clone(), stream).await?;
    Ok(Box::pin(stream))
}
