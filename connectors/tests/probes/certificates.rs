//! Certificates made when the test runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use floodmark_connectors::clock::SystemClock;
use floodmark_core::ports::Clock;
use floodmark_schemas::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// An authority and a place for its certificate.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate in PEM form.
    pub ca_file: PathBuf,
    _dir: tempfile::TempDir,
}

/// A certificate's server side, and when it ends.
pub struct Issued {
    /// For a server.
    pub config: rustls::ServerConfig,
    /// The end.
    pub expires: Timestamp,
}

impl Authority {
    /// A new one with this name.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let ca_file = dir.path().join("ca.pem");
        std::fs::write(&ca_file, params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), ca_file, _dir: dir }
    }

    /// A certificate for `name` that ends in `hours`, which may be in the past.
    pub fn issue(&self, name: &str, hours: i64, versions: &[&'static rustls::SupportedProtocolVersion]) -> Issued {
        let (params, expires) = params(name, hours);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued { config: config(certificate, &key, versions), expires }
    }
}

/// A certificate for `name` that signed itself as an authority, as `openssl req -x509` makes it.
pub fn self_signed(name: &str) -> Issued {
    let (mut params, expires) = params(name, 24);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    Issued { config: config(params.self_signed(&key).unwrap(), &key, rustls::ALL_VERSIONS), expires }
}

fn params(name: &str, hours: i64) -> (CertificateParams, Timestamp) {
    let now = SystemClock.now().micros() / 1_000_000;
    let at = |secs: i64| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(secs as u64);
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = at(now - 60 * 24 * 3600);
    params.not_after = at(now + hours * 3600);
    (params, Timestamp::from_secs(now + hours * 3600))
}

fn config(certificate: rcgen::Certificate, key: &KeyPair, versions: &[&'static rustls::SupportedProtocolVersion]) -> rustls::ServerConfig {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap()
}
