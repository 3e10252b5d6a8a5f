//! curl's options, by what they mean for a request.

/// What an option means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It changes nothing of the request, and takes no value.
    Nothing,
    /// It changes nothing of the request, and takes a value.
    NothingWithValue,
    Method,
    Head,
    Get,
    Url,
    Header,
    /// A header field of this name.
    Field(&'static str),
    User,
    Bearer,
    Cookie,
    Data(Kind),
    /// It cannot be followed here.
    Refused(&'static str),
}

/// How a piece of the body is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `@` names a file.
    Plain,
    /// `@` is itself.
    Raw,
    /// Parts are encoded.
    Encoded,
    /// JSON, with its content type.
    Json,
}

const FORM: &str =
    "sends a multipart form, in which no token is looked for: write the request with -d";
const FILE: &str = "reads or sends a file, and none is read: write the body with -d";
const CONFIG: &str = "reads options from a file, and none is read: write them out";
const RETARGET: &str = "sends the request to another target: write the URL as it is meant";

/// Options with one letter, and the long names that they stand for.
const SHORT: &[(char, &str)] = &[
    ('X', "request"),
    ('H', "header"),
    ('d', "data"),
    ('F', "form"),
    ('G', "get"),
    ('u', "user"),
    ('b', "cookie"),
    ('A', "user-agent"),
    ('e', "referer"),
    ('I', "head"),
    ('T', "upload-file"),
    ('K', "config"),
    ('o', "output"),
    ('O', "remote-name"),
    ('J', "remote-header-name"),
    ('w', "write-out"),
    ('m', "max-time"),
    ('x', "proxy"),
    ('U', "proxy-user"),
    ('E', "cert"),
    ('c', "cookie-jar"),
    ('D', "dump-header"),
    ('r', "range"),
    ('s', "silent"),
    ('S', "show-error"),
    ('i', "include"),
    ('v', "verbose"),
    ('k', "insecure"),
    ('L', "location"),
    ('f', "fail"),
    ('g', "globoff"),
    ('j', "junk-session-cookies"),
    ('n', "netrc"),
    ('N', "no-buffer"),
    ('q', "disable"),
    ('R', "remote-time"),
    ('#', "progress-bar"),
    ('0', "http1.0"),
    ('1', "tlsv1"),
    ('4', "ipv4"),
    ('6', "ipv6"),
    ('Z', "parallel"),
];

/// Long options that change nothing here and take no value.
const NOTHING: &[&str] = &[
    "silent",
    "show-error",
    "include",
    "show-headers",
    "verbose",
    "insecure",
    "location",
    "location-trusted",
    "fail",
    "fail-with-body",
    "fail-early",
    "globoff",
    "junk-session-cookies",
    "no-buffer",
    "disable",
    "remote-time",
    "progress-bar",
    "http1.0",
    "http1.1",
    "http2",
    "http2-prior-knowledge",
    "http3",
    "http0.9",
    "tlsv1",
    "tlsv1.0",
    "tlsv1.1",
    "tlsv1.2",
    "tlsv1.3",
    "sslv2",
    "sslv3",
    "ipv4",
    "ipv6",
    "compressed",
    "compressed-ssh",
    "anyauth",
    "basic",
    "remote-name",
    "remote-header-name",
    "remote-name-all",
    "create-dirs",
    "no-keepalive",
    "tcp-nodelay",
    "tcp-fastopen",
    "path-as-is",
    "post301",
    "post302",
    "post303",
    "raw",
    "retry-connrefused",
    "retry-all-errors",
    "cert-status",
    "ssl-no-revoke",
    "ssl-reqd",
    "no-progress-meter",
    "styled-output",
    "no-styled-output",
    "no-alpn",
    "parallel",
    "tr-encoding",
    "xattr",
    "no-sessionid",
    "suppress-connect-headers",
    "http-any",
];

/// Long options that change nothing here and take a value.
const NOTHING_WITH_VALUE: &[&str] = &[
    "output",
    "output-dir",
    "write-out",
    "max-time",
    "connect-timeout",
    "retry",
    "retry-delay",
    "retry-max-time",
    "proxy",
    "proxy-user",
    "proxy-header",
    "noproxy",
    "cacert",
    "capath",
    "cert",
    "cert-type",
    "key",
    "key-type",
    "pass",
    "ciphers",
    "tls13-ciphers",
    "tls-max",
    "pinnedpubkey",
    "cookie-jar",
    "dump-header",
    "max-redirs",
    "max-filesize",
    "limit-rate",
    "speed-limit",
    "speed-time",
    "keepalive-time",
    "interface",
    "local-port",
    "dns-servers",
    "resolve",
    "stderr",
    "trace",
    "trace-ascii",
    "expect100-timeout",
    "happy-eyeballs-timeout-ms",
    "curves",
    "unix-socket",
    "abstract-unix-socket",
    "crlfile",
    "engine",
    "alt-svc",
    "hsts",
];

/// What `--NAME` means; `None`: nobody here knows.
pub(super) fn long(name: &str) -> Option<Meaning> {
    Some(match name {
        "request" => Meaning::Method,
        "head" => Meaning::Head,
        "get" => Meaning::Get,
        "url" => Meaning::Url,
        "header" => Meaning::Header,
        "user-agent" => Meaning::Field("user-agent"),
        "referer" => Meaning::Field("referer"),
        "range" => Meaning::Refused("is not followed: write the header, -H 'Range: bytes=0-99'"),
        "user" => Meaning::User,
        "oauth2-bearer" => Meaning::Bearer,
        "cookie" => Meaning::Cookie,
        "data" | "data-ascii" | "data-binary" => Meaning::Data(Kind::Plain),
        "data-raw" => Meaning::Data(Kind::Raw),
        "data-urlencode" => Meaning::Data(Kind::Encoded),
        "json" => Meaning::Data(Kind::Json),
        "form" | "form-string" | "form-escape" => Meaning::Refused(FORM),
        "upload-file" => Meaning::Refused(FILE),
        "config" | "netrc" | "netrc-file" | "netrc-optional" => Meaning::Refused(CONFIG),
        "connect-to" | "request-target" | "next" | "url-query" | "variable" => {
            Meaning::Refused(RETARGET)
        }
        "digest" | "ntlm" | "negotiate" | "aws-sigv4" => Meaning::Refused(
            "signs the request in a way that is not followed: write the Authorization header with -H",
        ),
        _ if NOTHING.contains(&name) => Meaning::Nothing,
        _ if NOTHING_WITH_VALUE.contains(&name) => Meaning::NothingWithValue,
        _ => return None,
    })
}

/// What `-LETTER` means.
pub(super) fn short(letter: char) -> Option<Meaning> {
    let (_, name) = SHORT.iter().find(|(own, _)| *own == letter)?;
    long(name)
}

impl Meaning {
    pub(super) const fn takes_value(self) -> bool {
        match self {
            Self::Nothing | Self::Head | Self::Get | Self::Refused(_) => false,
            Self::NothingWithValue
            | Self::Method
            | Self::Url
            | Self::Header
            | Self::Field(_)
            | Self::User
            | Self::Bearer
            | Self::Cookie
            | Self::Data(_) => true,
        }
    }
}
