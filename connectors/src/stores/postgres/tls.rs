//! TLS to the server: who may sign its certificate, and what is shown to it.

use std::path::Path;
use std::sync::Arc;

use floodmark_core::{Error, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WantsClientCert, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject};
use rustls::{ClientConfig, ConfigBuilder, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Config, Tls};

/// Makes the TLS side of connections. It reads certificates only when they are used.
pub(super) fn connector(config: &Config) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match (config.tls(), &config.ca) {
        (Tls::Verify, Some(ca)) => trusting_file(ca, &provider)?,
        (Tls::Verify, None) => {
            let platform = rustls_platform_verifier::Verifier::new(provider.clone());
            let doing = "reading the certificate authorities of this machine: install the package ca-certificates or set ca";
            Arc::new(platform.map_err(|e| Error::broken(doing).because(e))?)
        }
        _ => Arc::new(Anyone(provider.signature_verification_algorithms)),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::broken("setting up TLS").because(e))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    Ok(MakeRustlsConnect::new(client_certificate(builder, config)?))
}

fn client_certificate(builder: ConfigBuilder<ClientConfig, WantsClientCert>, config: &Config) -> Result<ClientConfig> {
    let (Some(certificate), Some(key)) = (&config.certificate, &config.key) else { return Ok(builder.with_no_client_auth()) };
    let doing = |path: &Path| format!("reading {} for TLS; it must be in PEM form", path.display());
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>);
    let chain = chain.map_err(|e| Error::broken(doing(certificate)).because(e))?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|e| Error::broken(doing(key)).because(e))?;
    builder.with_client_auth_cert(chain, secret).map_err(|e| Error::broken("using the client certificate for TLS").because(e))
}

fn trusting_file(ca: &Path, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>> {
    let doing = || format!("reading certificates from {}; it must be in PEM form", ca.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).map_err(|e| Error::broken(doing()).because(e))? {
        let certificate = certificate.map_err(|e| Error::broken(doing()).because(e))?;
        roots.add(certificate).map_err(|e| Error::broken(doing()).because(e))?;
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    Ok(verifier.build().map_err(|e| Error::broken(doing()).because(e))?)
}

/// Takes any certificate: for `prefer` and `require`, which protect against listeners and not against impostors.
#[derive(Debug)]
struct Anyone(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
