//! The certificate for HTTPS: the site's, or one that a daemon makes for itself in `tls/` of its data folder.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// The certificate that a daemon made for itself, below the data folder: what clients are told to trust.
pub const OWN_CERTIFICATE: &str = "tls/cert.pem";
const OWN_KEY: &str = "tls/key.pem";
/// How long such a certificate is good.
const OWN_DAYS: u32 = 825;
/// It is made anew when it is older than this.
const OWN_AGE_MAX: Duration = Duration::from_secs(700 * 24 * 3_600);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no certificate, or no key, in PEM.
    #[error("{}: {why}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Certificate and key are not for each other, or of a kind that is not known.
    #[error("the certificate {} and its key are no pair: {why}", path.display())]
    Pair {
        /// The certificate.
        path: PathBuf,
        /// What is wrong with them.
        why: String,
    },
    /// A certificate could not be made.
    #[error("a certificate can not be made: {0}")]
    Make(String),
}

/// The certificate of the site, and its key, in PEM files.
///
/// # Errors
/// They cannot be read, or are not for each other.
pub fn tls_of_site(certificate: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let pem = |path: &Path, error: rustls::pki_types::pem::Error| TlsError::Pem {
        path: path.into(),
        why: error.to_string(),
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| pem(certificate, error))?;
    if chain.is_empty() {
        return Err(TlsError::Pem {
            path: certificate.into(),
            why: "there is no certificate in it".into(),
        });
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| pem(key, error))?;
    let pair = |error: rustls::Error| TlsError::Pair {
        path: certificate.into(),
        why: error.to_string(),
    };
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(chain, secret);
    let mut config = config.map_err(pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The daemon's own certificate, for this machine's name and the loopback; made where there is none, or an old one.
///
/// # Errors
/// The files cannot be read or written.
pub fn tls_of_its_own(data: &Path) -> Result<TlsAcceptor, TlsError> {
    let (certificate, key) = (data.join(OWN_CERTIFICATE), data.join(OWN_KEY));
    if !is_fresh(&certificate) || !key.exists() {
        make(&certificate, &key)?;
    }
    tls_of_site(&certificate, &key)
}

fn is_fresh(certificate: &Path) -> bool {
    let modified = certificate.metadata().and_then(|file| file.modified());
    let age = modified.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
    age.is_ok_and(|age| age < OWN_AGE_MAX)
}

/// Makes a pair; the certificate comes last, so that one that is there has its key.
fn make(certificate: &Path, key: &Path) -> Result<(), TlsError> {
    let failed = |error: rcgen::Error| TlsError::Make(error.to_string());
    let mut names = vec!["localhost".to_string(), "127.0.0.1".into(), "::1".into()];
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .to_string();
    // A name that no certificate can have is not worth failing for.
    if rcgen::CertificateParams::new([host.clone()]).is_ok() && !names.contains(&host) {
        names.push(host.clone());
    }
    let mut params = rcgen::CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, format!("jobyard on {host}"));
    let now = time::OffsetDateTime::now_utc();
    // Clocks differ.
    params.not_before = now - time::Duration::days(1);
    params.not_after = now + time::Duration::days(OWN_DAYS.into());
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let secret = rcgen::KeyPair::generate().map_err(failed)?;
    let signed = params.self_signed(&secret).map_err(failed)?;
    write(key, &secret.serialize_pem(), 0o600)?;
    write(certificate, &signed.pem(), 0o644)
}

/// A new file in the place of one that is there.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    let new = path.with_extension("new");
    let write = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let _ = std::fs::remove_file(&new);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    };
    write().map_err(|source| TlsError::File {
        path: path.into(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_made_once_and_kept() {
        let data = tempfile::tempdir().unwrap();
        tls_of_its_own(data.path()).unwrap();
        let read = || std::fs::read_to_string(data.path().join(OWN_CERTIFICATE)).unwrap();
        let first = read();
        tls_of_its_own(data.path()).unwrap();
        assert_eq!(first, read());
        // One whose key is lost is of no use.
        std::fs::remove_file(data.path().join(OWN_KEY)).unwrap();
        tls_of_its_own(data.path()).unwrap();
        assert_ne!(first, read());
    }

    #[test]
    fn what_is_no_pair_is_refused_by_name() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        tls_of_its_own(one.path()).unwrap();
        tls_of_its_own(two.path()).unwrap();
        let refused = |certificate: &Path, key: &Path| {
            tls_of_site(certificate, key).err().unwrap().to_string()
        };
        let certificate = one.path().join(OWN_CERTIFICATE);
        let said = refused(&certificate, &two.path().join(OWN_KEY));
        assert!(said.contains("no pair"), "{said}");
        let said = refused(&certificate, &certificate);
        assert!(said.contains("cert.pem"), "{said}");
        let said = refused(&two.path().join(OWN_KEY), &two.path().join(OWN_KEY));
        assert!(said.contains("no certificate"), "{said}");
        let said = refused(Path::new("/nowhere"), &certificate);
        assert!(said.contains("/nowhere"), "{said}");
    }
}
