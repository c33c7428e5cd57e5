//! TLS in front of the emulator's storage, with a certificate of an authority of its own.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer},
};

/// It listens for as long as the runtime lasts.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    folder: tempfile::TempDir,
    handshakes: Arc<AtomicUsize>,
}

impl TlsFront {
    /// Passes on what arrives to this endpoint.
    pub async fn start(endpoint: &str) -> Self {
        let upstream = endpoint.trim_start_matches("http://").trim_end_matches('/');
        let upstream = upstream.to_owned();
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        authority
            .distinguished_name
            .push(DnType::CommonName, "an authority of its own");
        let root = authority.self_signed(&authority_key).unwrap();
        let key = KeyPair::generate().unwrap();
        // Its name has to be another, or it would be taken for one that signed itself.
        let mut storage = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        storage
            .distinguished_name
            .push(DnType::CommonName, "storage");
        let certificate = storage
            .signed_by(&key, &Issuer::new(authority, authority_key))
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let text = BASE64_STANDARD.encode(root.der());
        let text = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
        let text = text.collect::<Vec<_>>().join("\n");
        let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        std::fs::write(folder.path().join("authority.pem"), pem).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let handshakes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&handshakes);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, upstream) = (acceptor.clone(), upstream.clone());
                let counted = Arc::clone(&counted);
                tokio::spawn(async move {
                    // Who does not believe the certificate goes away.
                    let mut stream = acceptor.accept(stream).await?;
                    counted.fetch_add(1, Relaxed);
                    let mut storage = TcpStream::connect(upstream).await?;
                    tokio::io::copy_bidirectional(&mut stream, &mut storage).await
                });
            }
        });
        Self {
            address,
            folder,
            handshakes,
        }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The file with the authority's certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// How many connections were made by somebody who believes the certificate.
    pub fn handshakes(&self) -> usize {
        self.handshakes.load(Relaxed)
    }
}
