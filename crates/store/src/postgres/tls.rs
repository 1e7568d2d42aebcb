//! TLS, with the meanings that `sslmode` has for every PostgreSQL client: `prefer` and `require` encrypt; `verify-ca`
//! and `verify-full` also check the server's certificate, against `sslrootcert` or else the system's certificates.

use crate::error::{Error, Result};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

/// What a connection string says about encryption beyond what the client library reads itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Whether the server's certificate is checked.
    pub verify: bool,
    pub root_certificate: Option<PathBuf>,
}

/// Takes `sslrootcert` and the verifying modes out of a connection URL; the rest is the client library's.
pub fn split(url: &str) -> (String, Trust) {
    let mut trust = Trust::default();
    let Some((address, query)) = url.split_once('?') else {
        return (url.to_owned(), trust);
    };
    let mut kept = vec![];
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslrootcert", path)) => trust.root_certificate = Some(path.into()),
            Some(("sslmode", "verify-ca" | "verify-full")) => {
                trust.verify = true;
                kept.push("sslmode=require");
            }
            _ => kept.push(pair),
        }
    }
    let query = kept.join("&");
    let separator = if query.is_empty() { "" } else { "?" };
    (format!("{address}{separator}{query}"), trust)
}

/// A connector; used only where the mode asks for it.
///
/// # Errors
/// The named certificate cannot be read.
pub fn connector(trust: &Trust) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let cannot = |detail: String| Error::open("TLS to the database cannot be set up", detail);
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|e| cannot(e.to_string()).because(e))?;
    let config = if trust.verify {
        let roots = match &trust.root_certificate {
            Some(path) => from_file(path).map_err(cannot)?,
            None => of_the_system(),
        };
        builder.with_root_certificates(roots).with_no_client_auth()
    } else {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
            .with_no_client_auth()
    };
    Ok(MakeRustlsConnect::new(config))
}

fn from_file(path: &Path) -> std::result::Result<RootCertStore, String> {
    let cannot = |e: &dyn std::error::Error| format!("sslrootcert {}: {e}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|e| cannot(&e))? {
        roots
            .add(certificate.map_err(|e| cannot(&e))?)
            .map_err(|e| cannot(&e))?;
    }
    Ok(roots)
}

fn of_the_system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // No error: a system certificate that cannot be read is skipped; the others are still trusted.
        let _ = roots.add(certificate);
    }
    roots
}

/// Accepts any server certificate, as `sslmode=require` does. The handshake's signatures are still checked.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_we_understand_is_taken_out_of_the_url() {
        let (url, trust) =
            split("postgres://u:p@h/db?sslmode=verify-full&sslrootcert=/ca.pem&application_name=x");
        assert_eq!(
            url,
            "postgres://u:p@h/db?sslmode=require&application_name=x"
        );
        assert_eq!(
            trust,
            Trust {
                verify: true,
                root_certificate: Some("/ca.pem".into())
            }
        );
        for plain in ["postgres://h/db", "postgres://h/db?sslmode=require"] {
            assert_eq!(split(plain), (plain.to_owned(), Trust::default()));
        }
    }

    #[test]
    fn a_certificate_that_is_not_there_is_named() {
        let trust = Trust {
            verify: true,
            root_certificate: Some("/nowhere/ca.pem".into()),
        };
        let refused = connector(&trust).err().expect("refused").to_string();
        assert!(refused.contains("/nowhere/ca.pem"), "{refused}");
    }
}
