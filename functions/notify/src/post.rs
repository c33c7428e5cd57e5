//! One POST, to an address that was approved.
//!
//! A general client looks names up by itself, follows redirects, goes through proxies and keeps
//! connections for later. Here each step is in sight: the host's addresses are looked up, filtered, and
//! one of those very addresses is connected to, so that a name can't turn into another address in
//! between. What is answered is a status; its body is not read.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, StatusCode, Uri, header,
    uri::{PathAndQuery, Scheme},
};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    task::JoinSet,
    time,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName},
};

use crate::address::is_public;

/// A receiver that takes longer should answer first and work then.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends requests, each over a connection of its own.
#[derive(Clone)]
pub(crate) struct Client {
    tls: TlsConnector,
    /// Whether connections to private addresses are permitted.
    permits_private: bool,
}

/// There was no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostError {
    /// The host has no address of the public internet.
    #[error("the address is not a public one")]
    Private,
    /// The URL lacks something, or has something in it that can't be sent.
    #[error("the URL can't be used: {0}")]
    Url(&'static str),
    /// The host was not found, or let nobody connect.
    #[error("could not connect: {0}")]
    Connect(#[source] io::Error),
    /// The connection did not last until the answer.
    #[error("no answer: {0}")]
    Http(#[from] hyper::Error),
    /// The answer took too long.
    #[error("no answer for {} s", PATIENCE.as_secs())]
    Late,
}

impl Client {
    /// A client that believes the certificates which this machine does.
    pub(crate) fn new(permits_private: bool) -> Result<Self, tokio_rustls::rustls::Error> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for why in &found.errors {
            tracing::warn!(error = %why, "some of this machine's certificates can't be read");
        }
        roots.add_parsable_certificates(found.certs);
        Self::with_roots(roots, permits_private)
    }

    fn with_roots(
        roots: RootCertStore,
        permits_private: bool,
    ) -> Result<Self, tokio_rustls::rustls::Error> {
        // Named, since other crates may have another provider built in.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
            permits_private,
        })
    }

    /// Sends a body, and returns the status of the answer.
    pub(crate) async fn post(
        &self,
        url: &Uri,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<StatusCode, PostError> {
        let exchange = self.exchange(url, headers, body);
        time::timeout(PATIENCE, exchange)
            .await
            .unwrap_or(Err(PostError::Late))
    }

    async fn exchange(
        &self,
        url: &Uri,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> Result<StatusCode, PostError> {
        let is_tls = url.scheme() == Some(&Scheme::HTTPS);
        let host = url.host().ok_or(PostError::Url("it has no host"))?;
        // An IPv6 address stands in brackets.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let request = request(url, headers, body)?;
        let stream = self.connect(host, port).await?;
        if is_tls {
            let name = ServerName::try_from(host.to_owned())
                .map_err(|_| PostError::Url("its host is no name or address"))?;
            let stream = self.tls.connect(name, stream).await;
            send(stream.map_err(PostError::Connect)?, request).await
        } else {
            send(stream, request).await
        }
    }

    /// Connects to one of a host's addresses that are permitted.
    async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, PostError> {
        let found = lookup_host((host, port)).await;
        let permitted: Vec<SocketAddr> = found
            .map_err(PostError::Connect)?
            .filter(|address| self.permits_private || is_public(address.ip()))
            .collect();
        if permitted.is_empty() {
            return Err(PostError::Private);
        }
        let stream = TcpStream::connect(&permitted[..]).await;
        stream.map_err(PostError::Connect)
    }
}

fn request(
    url: &Uri,
    headers: HeaderMap,
    body: Vec<u8>,
) -> Result<Request<Full<Bytes>>, PostError> {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let (credentials, host) = match authority.rsplit_once('@') {
        Some((credentials, host)) => (Some(credentials), host),
        None => (None, authority),
    };
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| PostError::Url("its host can't be sent"))
    };
    let path = url.path_and_query().map_or("/", PathAndQuery::as_str);
    let mut request = Request::post(path)
        .body(Full::from(body))
        .map_err(|_| PostError::Url("its path can't be sent"))?;
    *request.headers_mut() = headers;
    let headers = request.headers_mut();
    headers.insert(header::HOST, value(host)?);
    headers.insert(header::USER_AGENT, HeaderValue::from_static("Reelrun"));
    if let Some(credentials) = credentials {
        let colon = if credentials.contains(':') { "" } else { ":" };
        let basic = STANDARD.encode(format!("{credentials}{colon}"));
        headers.insert(header::AUTHORIZATION, value(&format!("Basic {basic}"))?);
    }
    Ok(request)
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<StatusCode, PostError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with this function, whatever the other side is still about to send.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    Ok(sender.send_request(request).await?.status())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::{
        io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
        net::TcpListener,
    };
    use tokio_rustls::{
        TlsAcceptor,
        rustls::{ServerConfig, pki_types::PrivateKeyDer},
    };

    use super::*;

    /// A server that gives one answer to each connection.
    struct Server {
        port: u16,
        /// The head of each request, and its body.
        seen: Arc<Mutex<Vec<(String, String)>>>,
        _accepting: JoinSet<()>,
    }

    async fn serve(
        stream: impl AsyncRead + AsyncWrite + Unpin,
        answer: &str,
    ) -> io::Result<(String, String)> {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            stream.read_line(&mut head).await?;
        }
        let mut body = vec![0; 2];
        stream.read_exact(&mut body).await?;
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
        Ok((head, String::from_utf8(body).unwrap()))
    }

    impl Server {
        async fn start(answer: &'static str) -> Self {
            Self::with_tls(answer, None).await
        }

        async fn with_tls(answer: &'static str, tls: Option<TlsAcceptor>) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let seen: Arc<Mutex<Vec<_>>> = Arc::default();
            let kept = Arc::clone(&seen);
            let mut accepting = JoinSet::new();
            accepting.spawn(async move {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let served = match &tls {
                        None => serve(stream, answer).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, answer).await,
                            Err(why) => Err(why),
                        },
                    };
                    // A client that does not believe the certificate sends nothing.
                    kept.lock().unwrap().extend(served);
                }
            });
            Self {
                port,
                seen,
                _accepting: accepting,
            }
        }

        fn seen(&self) -> Vec<(String, String)> {
            self.seen.lock().unwrap().clone()
        }
    }

    async fn post(permits_private: bool, url: &str) -> Result<StatusCode, PostError> {
        let client = Client::with_roots(RootCertStore::empty(), permits_private).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", HeaderValue::from_static("one"));
        client
            .post(&url.parse().unwrap(), headers, b"{}".to_vec())
            .await
    }

    const OK: &str = "HTTP/1.1 204 No Content\r\n\r\n";

    #[tokio::test]
    async fn a_request_has_what_it_needs() {
        let server = Server::start(OK).await;
        let url = format!("http://martin@localhost:{}/hook?a=b#c", server.port);
        assert_eq!(post(true, &url).await.unwrap(), 204);
        let [(head, body)] = &server.seen()[..] else {
            panic!("one request");
        };
        assert_eq!(body, "{}");
        let lines: std::collections::BTreeSet<_> = head.trim_end().split("\r\n").collect();
        let host = format!("host: localhost:{}", server.port);
        let expected = [
            "POST /hook?a=b HTTP/1.1",
            "authorization: Basic bWFydGluOg==",
            "content-length: 2",
            &host,
            "user-agent: Reelrun",
            "webhook-id: one",
        ];
        assert_eq!(lines, expected.into());
    }

    #[tokio::test]
    async fn a_redirect_is_not_followed() {
        let target = Server::start(OK).await;
        let answer = format!(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{}/\r\n\r\n",
            target.port
        );
        let server = Server::start(answer.leak()).await;
        let status = post(true, &format!("http://127.0.0.1:{}", server.port)).await;
        assert_eq!(status.unwrap(), 307);
        assert_eq!((server.seen().len(), target.seen().len()), (1, 0));
    }

    #[tokio::test]
    async fn nothing_connects_to_a_private_address_however_it_is_spelled() {
        let server = Server::start(OK).await;
        for host in [
            "127.0.0.1",
            "localhost",
            "[::ffff:127.0.0.1]",
            "2130706433",
            "0x7f.1",
        ] {
            let url = format!("http://{host}:{}/", server.port);
            let refused = post(false, &url).await;
            assert!(
                matches!(refused, Err(PostError::Private)),
                "{host}: {refused:?}"
            );
            assert_eq!(post(true, &url).await.unwrap(), 204, "{host}");
        }
        assert_eq!(server.seen().len(), 5);
    }

    #[tokio::test]
    async fn only_the_host_s_own_certificate_is_believed() {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let server = Server::with_tls(OK, Some(TlsAcceptor::from(Arc::new(config)))).await;
        let post = async |roots: &RootCertStore, host: &str| {
            let client = Client::with_roots(roots.clone(), true).unwrap();
            let url = format!("https://{host}:{}/", server.port).parse().unwrap();
            client.post(&url, HeaderMap::new(), b"{}".to_vec()).await
        };
        let mut ours = RootCertStore::empty();
        ours.add(cert.der().clone()).unwrap();
        assert_eq!(post(&ours, "localhost").await.unwrap(), 204);
        for (roots, host) in [(&ours, "127.0.0.1"), (&RootCertStore::empty(), "localhost")] {
            let refused = post(roots, host).await;
            assert!(matches!(refused, Err(PostError::Connect(_))), "{refused:?}");
        }
        assert_eq!(server.seen().len(), 1);
    }

    #[tokio::test]
    async fn what_is_no_http_is_no_answer() {
        let server = Server::start("SSH-2.0-OpenSSH\r\n\r\n").await;
        let url = format!("127.0.0.1:{}/", server.port);
        let plain = post(true, &format!("http://{url}")).await;
        assert!(matches!(plain, Err(PostError::Http(_))), "{plain:?}");
    }
}
