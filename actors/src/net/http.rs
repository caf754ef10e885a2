//! Fetches small documents over HTTP and HTTPS.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use troupe_engine::options::TlsOptions;
use url::Url;

use super::os_text;
use super::tls::TlsConfigError;
use super::tls::client::TlsClient;

/// Times a server may send us elsewhere.
const MAX_REDIRECTS: usize = 10;
/// Largest document.
const MAX_DOCUMENT: usize = 1 << 20;

/// Why a document did not come. The texts are like Go's.
#[derive(Debug, Error)]
pub enum HttpError {
    /// The URL is none.
    #[error("{0}")]
    Url(#[from] url::ParseError),
    /// It is neither HTTP nor HTTPS.
    #[error("unsupported protocol scheme {0:?}")]
    Scheme(String),
    /// Nobody is there.
    #[error("dial tcp {0}: connect: {1}")]
    Dial(String, String),
    /// TLS or the connection failed.
    #[error("{0}")]
    Connection(String),
    /// The server does not speak HTTP, or too long.
    #[error("{0}")]
    Protocol(Box<dyn std::error::Error + Send + Sync>),
    /// It took too long.
    #[error("context deadline exceeded (Client.Timeout exceeded while awaiting headers)")]
    Timeout,
    /// It sends us elsewhere for ever.
    #[error("stopped after 10 redirects")]
    Redirects,
    /// It has no such document.
    #[error("{0}")]
    Status(StatusCode),
}

/// Fetches documents.
#[derive(Debug)]
pub struct HttpFetcher {
    /// Nothing where the system trusts nobody.
    tls: Option<Arc<TlsClient>>,
    timeout: Duration,
}

/// What is sent with a question.
#[derive(Clone, Debug)]
struct Form {
    content: Bytes,
    content_type: &'static str,
    accept: &'static str,
}

impl HttpFetcher {
    /// A fetcher that waits no longer than `timeout` for a document. Blocks on the file system.
    ///
    /// # Errors
    /// Certificates cannot be read.
    pub fn new(tls: Option<&TlsOptions>, timeout: Duration) -> Result<Self, TlsConfigError> {
        let tls = TlsClient::load(tls.unwrap_or(&TlsOptions::default()))?;
        Ok(Self { tls: Some(Arc::new(tls)), timeout })
    }

    /// A fetcher for servers anywhere, which waits no longer than `timeout`. Where the system has no authorities it knows HTTP
    /// only. Blocks on the file system.
    #[must_use]
    pub fn for_strangers(timeout: Duration) -> Self {
        Self { tls: TlsClient::load(&TlsOptions::default()).ok().map(Arc::new), timeout }
    }

    /// The document at `url`, in UTF-8.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub async fn get(&self, url: &str) -> Result<String, HttpError> {
        Ok(String::from_utf8_lossy(&self.get_bytes(url).await?).into_owned())
    }

    /// The document at `url`.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub async fn get_bytes(&self, url: &str) -> Result<Bytes, HttpError> {
        self.fetch(url, None).await
    }

    /// What the server at `url` answers to `content`.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub async fn post(
        &self,
        url: &str,
        content: Bytes,
        content_type: &'static str,
        accept: &'static str,
    ) -> Result<Bytes, HttpError> {
        self.fetch(url, Some(Form { content, content_type, accept })).await
    }

    async fn fetch(&self, url: &str, form: Option<Form>) -> Result<Bytes, HttpError> {
        let url = Url::parse(url)?;
        tokio::time::timeout(self.timeout, self.follow(url, form)).await.unwrap_or(Err(HttpError::Timeout))
    }

    async fn follow(&self, mut url: Url, mut form: Option<Form>) -> Result<Bytes, HttpError> {
        for _ in 0..MAX_REDIRECTS {
            match self.ask(&url, form.as_ref()).await? {
                Answer::Document(document) => return Ok(document),
                Answer::Elsewhere { place, keeps_form } => {
                    url = url.join(&place)?;
                    form = form.filter(|_| keeps_form);
                }
            }
        }
        Err(HttpError::Redirects)
    }

    async fn ask(&self, url: &Url, form: Option<&Form>) -> Result<Answer, HttpError> {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let is_secure = match url.scheme() {
            "http" => false,
            "https" => true,
            other => return Err(HttpError::Scheme(other.to_owned())),
        };
        let port = url.port_or_known_default().unwrap_or_default();
        let failed = |cause: io::Error| HttpError::Dial(format!("{host}:{port}"), os_text(&cause));
        let stream = TcpStream::connect((host, port)).await.map_err(failed)?;
        if is_secure {
            let nobody = || HttpError::Connection("tls: this system has no certificate authorities".to_owned());
            let stream = self.tls.as_ref().ok_or_else(nobody)?.secure(stream, host).await;
            exchange(stream.map_err(|cause| HttpError::Connection(os_text(&cause)))?, url, form).await
        } else {
            exchange(stream, url, form).await
        }
    }
}

/// What a server answers.
enum Answer {
    Document(Bytes),
    Elsewhere { place: String, keeps_form: bool },
}

/// Asks once over a connection that is open.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    url: &Url,
    form: Option<&Form>,
) -> Result<Answer, HttpError> {
    let failed = |cause: hyper::Error| HttpError::Protocol(Box::new(cause));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let mut connection = pin!(connection);
    let mut asking = pin!(async { read(sender.send_request(request(url, form)?).await.map_err(failed)?).await });
    tokio::select! {
        biased;
        answer = &mut asking => answer,
        // What came until then may be all there is.
        _ = &mut connection => asking.await,
    }
}

fn request(url: &Url, form: Option<&Form>) -> Result<Request<Full<Bytes>>, HttpError> {
    let failed = |cause: hyper::http::Error| HttpError::Protocol(Box::new(cause));
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let request = match form {
        None => Request::get(path),
        Some(form) => Request::post(path).header(CONTENT_TYPE, form.content_type).header(ACCEPT, form.accept),
    };
    let mut request = request.header(HOST, host).header(USER_AGENT, "troupe");
    if !url.username().is_empty() {
        let text = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
        let login = format!("{}:{}", text(url.username()), text(url.password().unwrap_or_default()));
        let login = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(login)));
        request = request.header(AUTHORIZATION, login.map_err(|cause| HttpError::Protocol(Box::new(cause)))?);
    }
    request.body(Full::new(form.map(|form| form.content.clone()).unwrap_or_default())).map_err(failed)
}

async fn read(response: Response<Incoming>) -> Result<Answer, HttpError> {
    let status = response.status();
    let place = response.headers().get(LOCATION).and_then(|place| place.to_str().ok()).map(str::to_owned);
    match (status, place) {
        (StatusCode::OK, _) => {
            let body = Limited::new(response.into_body(), MAX_DOCUMENT).collect().await.map_err(HttpError::Protocol)?;
            Ok(Answer::Document(body.to_bytes()))
        }
        (
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT,
            Some(place),
        ) => {
            let keeps_form = matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
            Ok(Answer::Elsewhere { place, keeps_form })
        }
        _ => Err(HttpError::Status(status)),
    }
}

#[cfg(test)]
#[path = "http_test.rs"]
mod tests;
