//! The whole file: its sections, and what they say about each other.

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock},
};

use super::{
    Config, Files, access_log_section, admin_section, authorizers,
    context::Context,
    decryption, identity_section, issuer,
    issuer_identity::Subjects,
    issuers, rate_limit, route,
    schema::{Key, Schema, key, section},
    section::Section,
    server_section, session_section,
    shape::Shape,
    signing_section, store_section, token, token_service_section, tracing_section,
    upstream::{self, Upstreams},
    user_registry,
    value::Node,
};
use crate::{
    admin,
    forward::headers::{X_CLIENT_CERT_FINGERPRINT, X_CLIENT_CERT_SUBJECT},
    gateway::Policy,
    identity::{OwnHeaders, header::canonical},
    issuer::KeyCache,
    outbound::Credentials,
    route::Routes,
    server, signing, store,
    token::Sources,
    users::Users,
};

pub(super) static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::new("the file", KEYS));

const KEYS: &[Key] = &[
    key(
        "issuers_file",
        "\"\"",
        "More issuers, in Liberty Create's JSON form.",
    ),
    key(
        "key_cache_dir",
        "\"\"",
        "A directory of the gateway's own, where the last good fetched keys survive a restart. Fixed until then.",
    ),
    section("server", "Where clients connect.").is(Shape::Section(|| &server_section::SCHEMA)),
    section("admin", "Health, metrics and status.").is(Shape::Section(|| &admin_section::SCHEMA)),
    section(
        "authorizers",
        "[[authorizers]]: where other proxies ask whether a request may pass.",
    )
    .is(Shape::List(1, &Shape::Section(|| &authorizers::SCHEMA))),
    section("token", "Where a request may carry its token.").is(Shape::Section(|| &token::SCHEMA)),
    section("session", "A cookie that stands for a token.")
        .is(Shape::Section(|| &session_section::SCHEMA)),
    section("store", "What has to be remembered.").is(Shape::Section(|| &store_section::SCHEMA)),
    section("access_log", "A line for each request.")
        .is(Shape::Section(|| &access_log_section::SCHEMA)),
    section(
        "tracing",
        "Whose traces are continued, and which requests are recorded.",
    )
    .is(Shape::Section(|| &tracing_section::SCHEMA)),
    section("signing", "The gateway's own keys.").is(Shape::Section(|| &signing_section::SCHEMA)),
    section("token_service", "Tokens that the gateway issues itself.")
        .is(Shape::Section(|| &token_service_section::SCHEMA)),
    section(
        "decryption",
        "Tokens that are encrypted (JWE), and the keys that decrypt them.",
    )
    .is(Shape::Section(|| &decryption::SCHEMA)),
    section(
        "upstream",
        "Short for [upstreams.default]: where requests go.",
    )
    .is(Shape::Section(|| &upstream::SCHEMA)),
    section("upstreams", "[upstreams.NAME]: more of them.")
        .is(Shape::Map(&Shape::Section(|| &upstream::SCHEMA))),
    section(
        "routes",
        "Absent: every path to [upstream], access = \"required\".",
    )
    .is(Shape::List(1, &Shape::Section(|| &route::SCHEMA))),
    section("identity", "What upstreams are told of a token's subject.")
        .is(Shape::Section(|| &identity_section::SCHEMA)),
    section("user_registry", "Users and their groups.")
        .is(Shape::Section(|| &user_registry::SCHEMA)),
    section(
        "issuer_defaults",
        "Any key of an issuer except its source of keys, for all of them.",
    )
    .is(Shape::Section(|| &issuer::DEFAULTS)),
    section(
        "issuers",
        "Whom the gateway trusts, by iss: percent-encoded, or a plain URL.",
    )
    .is(Shape::Map(&Shape::Section(|| &issuer::SCHEMA))),
];

/// Reads the file; `None` when the routes are wrong.
pub(super) fn decode(context: &Context<'_>, node: &Node) -> Option<Config> {
    let root = Section::open(context, &SCHEMA, node);
    let key_cache = key_cache(&root);
    let authorizers = authorizers::decode(&root);
    let server = server_section::decode(
        &root.child("server", &server_section::SCHEMA),
        authorizers.listen,
    );
    let admin_section = root.child("admin", &admin_section::SCHEMA);
    let admin = admin_section::decode(&admin_section);
    let token = root.child("token", &token::SCHEMA);
    let sources = token::decode(&token);
    let around = session_section::Surroundings {
        listen: &server.settings.listen,
        token: &sources,
    };
    let session =
        session_section::decode(&root.child("session", &session_section::SCHEMA), &around);
    let store = store_section::decode(&root.child("store", &store_section::SCHEMA));
    let access_log =
        access_log_section::decode(&root.child("access_log", &access_log_section::SCHEMA));
    let tracing = tracing_section::decode(&root.child("tracing", &tracing_section::SCHEMA));
    let signing = root.child("signing", &signing_section::SCHEMA);
    let signer = signing_section::keys(&signing, &signing_section::decode(&signing));
    let around = token_service_section::Around {
        public_url: server.public_url.as_deref(),
        signer: signer.as_ref(),
        has_directory: signing.has("directory"),
    };
    let service = root.child("token_service", &token_service_section::SCHEMA);
    let service = token_service_section::decode(&service, &around);
    let (service, own) = service.map(|made| (made.service, made.own)).unzip();
    let upstreams = upstream::decode(&root, signer.as_ref());
    let registry = user_registry::decode(&root);
    let identity = identity_section::decode(&root.child("identity", &identity_section::SCHEMA));
    let subjects = Subjects::new(
        identity.headers,
        identity.mapper.is_some(),
        registry.is_some(),
    );
    let mut decryption = decryption::decode(&root.child("decryption", &decryption::SCHEMA));
    let issuers = issuers::decode(
        &root,
        server.public_url.is_some(),
        &mut decryption,
        subjects,
        own,
    );
    let mut own_headers = issuers.own_headers();
    if server.tls.as_ref().is_some_and(|tls| tls.tells_upstreams()) {
        for name in [X_CLIENT_CERT_SUBJECT, X_CLIENT_CERT_FINGERPRINT] {
            own_headers.add(name.as_str());
        }
    }
    let to = route::References {
        upstreams: &upstreams,
        forwards: !server.settings.listen.is_empty(),
        issuers: &issuers,
        token: &token,
        sources: &sources,
        own_headers: &own_headers,
        limits: &rate_limit::Named::default(),
    };
    let routes = route::decode(&root, &to);
    check_credentials(context, &upstreams, &own_headers);
    if let Some(admin) = &admin {
        check_ports(&admin_section, admin, &server.settings);
    }
    let routes = routes?;
    warn_of_unused(context, &upstreams, &routes);
    warn_of_unshared(context, &store, &routes);
    if !authorizers.all.is_empty() {
        warn_of_untaken(context, &routes);
    }
    let policy = Policy {
        routes,
        own_headers,
        registry: issuers.into_registry(),
        users: Arc::new(Users::new(identity.mapper, registry)),
        keychain: decryption.into_keychain(context),
        upstreams: upstreams.all,
        credentials: Credentials::new(upstreams.credentials),
        trusted_proxies: server.trusted_proxies,
        public_url: server.public_url,
        refusal_docs: server.refusal_docs,
        session,
        tls: server.tls,
        token_service: service.map(Box::new),
        authorizers: authorizers.all,
    };
    Some(Config {
        server: server.settings,
        admin,
        policy,
        key_cache,
        store,
        access_log,
        tracing,
        signer,
        warnings: Vec::new(),
        file: None,
        files: Files::new(),
    })
}

/// Reads `[signing]` alone.
pub(super) fn decode_signing(context: &Context<'_>, node: &Node) -> signing::Settings {
    let root = Section::open(context, &SCHEMA, node);
    signing_section::decode(&root.child("signing", &signing_section::SCHEMA))
}

/// It need not be there yet; but a file in its place never will be one.
fn key_cache(root: &Section<'_>) -> Option<KeyCache> {
    let (path, span) = root.foreign_path("key_cache_dir")?;
    if std::fs::metadata(&path).is_ok_and(|metadata| !metadata.is_dir()) {
        let message = format!("{} is not a directory", path.display());
        root.context.error(span, message);
    }
    Some(KeyCache::new(path))
}

fn check_ports(section: &Section<'_>, admin: &admin::Settings, server: &server::Settings) {
    if !admin.listen.is_fixed() {
        return;
    }
    if server.listen.contains(&admin.listen) {
        let message = "the admin listener and the server cannot share an address";
        section.context.error(section.place("listen"), message);
    }
    if server.authorizers.contains(&admin.listen) {
        let message = "the admin listener and an authorizer cannot share an address";
        section.context.error(section.place("listen"), message);
    }
}

/// Two fields of one name would leave it to the upstream whom it believes.
fn check_credentials(context: &Context<'_>, upstreams: &Upstreams, own: &OwnHeaders) {
    for (credential, (name, span)) in upstreams.credentials.iter().zip(&upstreams.names) {
        let header = credential.as_ref().map(|one| &one.settings().header);
        if let Some(header) = header.filter(|header| own.has(&canonical(header.as_str()))) {
            let message =
                format!("the credential of {name} has the header {header}, which a claim has too");
            context.error_with_help(*span, message, "choose another \"header\"");
        }
    }
}

/// Each replica would let as much through as all of them should.
fn warn_of_unshared(context: &Context<'_>, store: &store::Settings, routes: &Routes) {
    let mut limits = routes.all().iter().flat_map(|route| route.limits.iter());
    if !store.is_shared() && limits.any(|limit| limit.shared) {
        let warning = "\"limit\": shared = true does nothing without a [store] that gateways share: \
             each of them counts for itself";
        context.warn(warning);
    }
}

/// The other proxy sends the path and the query on as they came.
fn warn_of_untaken(context: &Context<'_>, routes: &Routes) {
    let stays = |token: &Sources| token.query_parameter.is_some() && !token.forward;
    if routes.all().iter().any(|route| stays(&route.token)) {
        context.warn(
            "[[authorizers]] cannot take a token in a query out of it: its upstream sees the token"
                .to_owned(),
        );
    }
}

fn warn_of_unused(context: &Context<'_>, upstreams: &Upstreams, routes: &Routes) {
    let used: HashSet<usize> = routes.all().iter().map(|route| route.upstream).collect();
    for (number, (name, _)) in upstreams.names.iter().enumerate() {
        if !used.contains(&number) {
            context.warn(format!("no route uses the upstream {name}"));
        }
    }
}
