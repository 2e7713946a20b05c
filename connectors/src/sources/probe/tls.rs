//! TLS handshakes that report when the certificate ends, also when it is not accepted.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use floodmark_core::{Error, Result};
use floodmark_schemas::{Reason, Timestamp};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use x509_cert::der::Decode;

use super::trace::{Failure, Stage, Trace};

type Verifier = Arc<dyn ServerCertVerifier>;

/// The certificate authorities of this machine, read when the first handshake needs them and then kept.
#[derive(Clone, Debug, Default)]
pub struct PlatformRoots(Arc<OnceLock<Verifier>>);

impl PlatformRoots {
    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Verifier, Failure> {
        if let Some(verifier) = self.0.get() {
            return Ok(verifier.clone());
        }
        let verifier = rustls_platform_verifier::Verifier::new(provider.clone()).map_err(|e| {
            let hint = "install the package ca-certificates or set ca_file";
            Failure::new(Reason::Local, format!("reading the certificate authorities of this machine: {e}; {hint}"))
        })?;
        Ok(self.0.get_or_init(|| Arc::new(verifier)).clone())
    }
}

/// Whose signature makes a certificate good.
#[derive(Debug)]
enum Trust {
    Platform(PlatformRoots),
    File(Verifier),
    Anyone,
}

/// Makes handshakes.
#[derive(Debug)]
pub struct Tls {
    trust: Trust,
    provider: Arc<CryptoProvider>,
}

impl Tls {
    /// Handshakes that trust the authorities in `ca_file` (PEM) and no others.
    ///
    /// # Errors
    /// `Broken` when the file cannot be read or holds no certificate.
    pub fn trusting_file(ca_file: &Path) -> Result<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let doing = || format!("reading certificates from {}", ca_file.display());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca_file).map_err(|e| Error::broken(doing()).because(e))? {
            let certificate = certificate.map_err(|e| Error::broken(doing()).because(e))?;
            roots.add(certificate).map_err(|e| Error::broken(doing()).because(e))?;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|e| Error::broken(format!("{}: the file must hold certificates in PEM form", doing())).because(e))?;
        Ok(Self { trust: Trust::File(verifier), provider })
    }

    /// Handshakes that trust the authorities of this machine.
    pub fn trusting_platform(roots: PlatformRoots) -> Self {
        Self { trust: Trust::Platform(roots), provider: Arc::new(aws_lc_rs::default_provider()) }
    }

    /// Handshakes that accept every certificate.
    pub fn trusting_anyone() -> Self {
        Self { trust: Trust::Anyone, provider: Arc::new(aws_lc_rs::default_provider()) }
    }

    /// Shakes hands with the server called `host`. No session is ever resumed.
    ///
    /// # Errors
    /// `TlsExpired`, `TlsHostname`, `TlsUntrusted`, `TlsOther`, or `Local` when this machine has no authorities.
    pub async fn handshake(
        &self,
        stream: TcpStream,
        host: &str,
        alpn: &[&[u8]],
        trace: &mut Trace,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let inner = match &self.trust {
            Trust::Platform(roots) => Some(roots.verifier(&self.provider)?),
            Trust::File(verifier) => Some(verifier.clone()),
            Trust::Anyone => None,
        };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Failure::new(Reason::TlsHostname, format!("{host:?} is not a name a certificate can have")))?;
        let algorithms = self.provider.signature_verification_algorithms;
        let recorder = Recorder { inner, algorithms, expires: trace.certificate_slot() };
        let mut config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|e| Failure::new(Reason::Local, format!("setting up TLS: {e}")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(recorder))
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        config.resumption = Resumption::disabled();
        trace.enter(Stage::Tls);
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|e| refused(host, &e))?;
        trace.done();
        Ok(stream)
    }
}

/// Notes when the certificate that is presented ends, then lets another decide.
#[derive(Debug)]
struct Recorder {
    /// Absent: every certificate is accepted.
    inner: Option<Verifier>,
    algorithms: WebPkiSupportedAlgorithms,
    expires: Arc<OnceLock<Timestamp>>,
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(expires) = not_after(end_entity) {
            // A slot belongs to one handshake, and a handshake has one certificate.
            let _ = self.expires.set(expires);
        }
        match &self.inner {
            Some(verifier) => verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now),
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// When a certificate ends; nothing when it cannot be read.
fn not_after(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    let end = certificate.tbs_certificate.validity.not_after.to_unix_duration();
    i64::try_from(end.as_micros()).ok().map(Timestamp::from_micros)
}

/// What it means that a handshake failed.
fn refused(host: &str, e: &std::io::Error) -> Failure {
    let Some(cause) = e.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) else {
        return Failure::new(Reason::TlsOther, format!("the connection ended during the TLS handshake with {host}: {e}"));
    };
    match cause {
        rustls::Error::InvalidCertificate(certificate) => {
            let reason = match certificate {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => Reason::TlsExpired,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Reason::TlsHostname,
                // A bad signature is that of an unknown issuer with the name of a trusted one.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => Reason::TlsUntrusted,
                // A certificate that signed itself as an authority: nobody trusted has signed it.
                CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => Reason::TlsUntrusted,
                _ => Reason::TlsOther,
            };
            Failure::new(reason, format!("the certificate of {host} was not accepted: {certificate}"))
        }
        rustls::Error::InvalidMessage(_) => {
            Failure::new(Reason::TlsOther, format!("{host} answered something else than TLS ({cause}); does this port speak TLS?"))
        }
        _ => Failure::new(Reason::TlsOther, format!("the TLS handshake with {host} failed: {cause}")),
    }
}
