//! A request of the API and its answer.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use troupe_codecs::api::advisory::ApiAudit;
use troupe_codecs::api::json::{Strictness, decode_value, encode, parse};
use troupe_codecs::api::response::Response;
use troupe_codecs::api::{ApiError, errors, headers};
use troupe_codecs::header;
use troupe_codecs::system::ClientInfo;
use troupe_engine::stream::level::refuses_request;

use super::super::account::JetStreamAccount;
use super::super::advisory;
use super::super::server::JetStreamServer;
use crate::router::{ArbiterLocal, ClientSink, Content, InboxMessage, ServerMessage};

/// A request of the API.
#[derive(Clone, Debug)]
pub struct ApiRequest {
    server: Arc<JetStreamServer>,
    account: Arc<JetStreamAccount>,
    client: Option<Arc<ClientSink>>,
    message: InboxMessage,
}

impl ApiRequest {
    /// A request that came in `account`.
    #[must_use]
    pub fn new(
        server: Arc<JetStreamServer>,
        account: Arc<JetStreamAccount>,
        client: Option<Arc<ClientSink>>,
        message: InboxMessage,
    ) -> Self {
        Self { server, account, client, message }
    }

    /// JetStream.
    #[must_use]
    pub fn server(&self) -> &Arc<JetStreamServer> {
        &self.server
    }

    /// The account that asks.
    #[must_use]
    pub fn account(&self) -> &Arc<JetStreamAccount> {
        &self.account
    }

    /// Subject.
    #[must_use]
    pub fn subject(&self) -> &[u8] {
        self.message.subject()
    }

    /// Where the answer goes.
    #[must_use]
    pub fn reply(&self) -> &[u8] {
        self.message.reply()
    }

    /// Headers.
    #[must_use]
    pub fn headers(&self) -> &[u8] {
        self.message.headers()
    }

    /// Body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.message.payload()
    }

    /// Whether there is no body.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.message.payload().is_empty()
    }

    /// Whether the body says nothing: it is empty, or an empty object.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let body = self.body();
        let body = body.trim_ascii();
        body.is_empty()
            || body
                .strip_prefix(b"{")
                .and_then(|body| body.strip_suffix(b"}"))
                .is_some_and(|body| body.trim_ascii().is_empty())
    }

    /// Reads the body.
    ///
    /// # Errors
    /// It is no JSON of this kind.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        self.decode_value(self.parse()?)
    }

    /// As [`ApiRequest::decode`], with nothing for an empty body.
    ///
    /// # Errors
    /// It is no JSON of this kind.
    pub fn decode_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, ApiError> {
        if self.is_empty() { Ok(T::default()) } else { self.decode() }
    }

    /// As [`ApiRequest::decode`], with nothing for a body that does not look like JSON.
    ///
    /// # Errors
    /// It is no JSON of this kind.
    pub fn decode_optional<T: DeserializeOwned + Default>(&self) -> Result<T, ApiError> {
        let body = self.body();
        if matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) { self.decode() } else { Ok(T::default()) }
    }

    /// Reads the body as any JSON.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(&self) -> Result<Value, ApiError> {
        parse(self.body()).map_err(|cause| self.invalid(cause))
    }

    /// As [`ApiRequest::decode`], for a body that was changed.
    ///
    /// # Errors
    /// It is no JSON of this kind.
    pub fn decode_value<T: DeserializeOwned>(&self, value: Value) -> Result<T, ApiError> {
        let strictness = if self.server.options().strict { Strictness::Strict } else { Strictness::Lenient };
        decode_value(value, strictness).map_err(|cause| self.invalid(cause))
    }

    fn invalid(&self, cause: impl std::fmt::Display) -> ApiError {
        let (account, subject) = (self.account.name(), String::from_utf8_lossy(self.subject()));
        tracing::warn!("Invalid JetStream request '{account} > {subject}': {cause}");
        errors::INVALID_JSON.with(cause)
    }

    /// Refuses the request where it needs a level of the API that is not served, or its account has no JetStream.
    ///
    /// # Errors
    /// It does.
    pub fn check(&self) -> Result<(), ApiError> {
        match header::get(self.headers(), headers::REQUIRED_API_LEVEL) {
            Some(level) if !level.is_empty() && refuses_request(level) => Err(errors::REQUIRED_API_LEVEL.error()),
            _ if !self.account.is_open() => Err(errors::NOT_ENABLED_FOR_ACCOUNT.error()),
            _ => Ok(()),
        }
    }

    /// Answers with a body, or with an error and the fields an answer of its kind has even then.
    pub fn answer<T: Serialize + Default>(
        &self,
        local: &ArbiterLocal,
        kind: &'static str,
        outcome: Result<T, ApiError>,
    ) {
        match outcome {
            Ok(body) => self.succeed(local, &Response::new(kind, body)),
            Err(error) => self.fail(local, &Response::failed(kind, error, T::default())),
        }
    }

    /// Answers that it was done.
    pub fn succeed<T: Serialize>(&self, local: &ArbiterLocal, response: &Response<T>) {
        self.account.count_request(false);
        self.send(local, b"", &encode(response));
    }

    /// Answers with more headers that it was done.
    pub fn succeed_with_headers<T: Serialize>(&self, local: &ArbiterLocal, headers: &[u8], response: &Response<T>) {
        self.account.count_request(false);
        self.send(local, headers, &encode(response));
    }

    /// Answers with an error.
    pub fn fail<T: Serialize>(&self, local: &ArbiterLocal, response: &Response<T>) {
        self.account.count_request(true);
        self.send(local, b"", &encode(response));
    }

    /// Answers as consumers do themselves: neither counted nor told to those who watch the API.
    pub fn tell<T: Serialize>(&self, local: &ArbiterLocal, headers: &[u8], response: &Response<T>) {
        self.send_answer(local, headers, &encode(response));
    }

    fn send_answer(&self, local: &ArbiterLocal, headers: &[u8], body: &[u8]) {
        if !self.reply().is_empty() {
            let mut batch = local.server_batch(self.account.view());
            let content = Content::Parts(headers, body);
            batch.publish(&ServerMessage { to: self.reply(), shown_subject: None, reply: b"", content });
            batch.finish();
        }
    }

    fn send(&self, local: &ArbiterLocal, headers: &[u8], body: &[u8]) {
        self.send_answer(local, headers, body);
        advisory::publish(local, self.account.view(), "API", "api_audit", || ApiAudit {
            server: self.server.parts().server_name.clone(),
            client: Some(self.client_info()),
            subject: String::from_utf8_lossy(self.subject()).into_owned(),
            request: String::from_utf8_lossy(self.body()).into_owned(),
            response: String::from_utf8_lossy(body).into_owned(),
            domain: self.server.domain().to_owned(),
        });
    }

    /// Who asks, as events tell it.
    #[must_use]
    pub fn client_info(&self) -> ClientInfo {
        let parts = self.server.parts();
        let info = self.importer().unwrap_or_else(|| match self.client.as_ref().filter(|client| !client.is_route()) {
            Some(client) => client.client_info(self.account.name(), true),
            None => ClientInfo { acc: self.account.name().to_string(), ..ClientInfo::default() },
        });
        let (server, cluster) = (parts.server_name.clone(), parts.cluster.clone().unwrap_or_default());
        ClientInfo { server, cluster, jwt: String::new(), alts: Vec::new(), ..info }
    }

    /// Who asks from another account, as far as that lets it be known. No client can answer on behalf of another account, so that the
    /// header is the server's own.
    fn importer(&self) -> Option<ClientInfo> {
        if !self.account.view().exchange().replies().owns(self.reply()) {
            return None;
        }
        let asking = ClientInfo::parse(header::get(self.headers(), headers::REQUEST_INFO)?)?;
        Some(ClientInfo { svc: self.account.name().to_string(), ..asking })
    }
}
