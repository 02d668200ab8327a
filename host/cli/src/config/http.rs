//! `[http]`: where a daemon listens on the network, and with which certificate.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use jobyard_server::{REQUESTS_PER_SECOND, Service, TlsError, tls_of_its_own, tls_of_site};
use serde::Deserialize;
use tracing::{info, warn};

use crate::failure::Failure;

/// Where a daemon listens where nobody says: for this machine only.
const LISTEN: &str = "127.0.0.1:8443";
/// For a daemon that is to be reached by its socket only.
const OFF: &str = "off";

/// How it is reached over the network.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Http {
    /// `HOST:PORT`, or `off`.
    pub(crate) listen: Option<String>,
    /// A PEM file; without it the daemon makes a certificate for itself.
    pub(crate) certificate: Option<PathBuf>,
    /// The key of the certificate.
    pub(crate) key: Option<PathBuf>,
    /// Of one user.
    pub(crate) requests_per_second: Option<NonZeroU32>,
}

impl Http {
    pub(crate) fn requests_per_second(&self) -> NonZeroU32 {
        self.requests_per_second.unwrap_or(REQUESTS_PER_SECOND)
    }
}

/// What can be said of it without a daemon.
pub(crate) fn check(http: &Http) -> Result<(), String> {
    if let Some(listen) = &http.listen {
        check_address(listen)?;
    }
    match (&http.certificate, &http.key) {
        (Some(certificate), Some(key)) => tls_of_site(certificate, key)
            .map(drop)
            .map_err(|e| e.to_string()),
        (None, None) => Ok(()),
        (Some(_), None) => Err("http.certificate needs http.key".into()),
        (None, Some(_)) => Err("http.key needs http.certificate".into()),
    }
}

/// `HOST:PORT` or `off`.
pub(crate) fn address(text: &str) -> Result<String, String> {
    check_address(text).map(|()| text.to_string())
}

fn check_address(text: &str) -> Result<(), String> {
    let (host, port) = text.rsplit_once(':').unwrap_or_default();
    match text == OFF || (!host.is_empty() && port.parse::<u16>().is_ok()) {
        true => Ok(()),
        false => Err(format!(
            "{text:?} is no place to listen at: it is HOST:PORT, as {LISTEN}, or {OFF}"
        )),
    }
}

/// Listens as it was said. Without a word, a port that is taken is no reason not to start: there is the socket.
pub(crate) async fn listen(
    service: &mut Service,
    said: Option<&str>,
    http: &Http,
    data: &Path,
) -> Result<(), Failure> {
    let address = said.unwrap_or(LISTEN);
    if address == OFF {
        return Ok(());
    }
    let tls = match (&http.certificate, &http.key) {
        (Some(certificate), Some(key)) => tls_of_site(certificate, key),
        _ => tls_of_its_own(data),
    };
    let tls = tls.map_err(|error: TlsError| Failure::input(error))?;
    match service.https(address, tls).await {
        Ok(at) => info!(%at, "answers on https://{at}"),
        Err(error) if said.is_none() => warn!("HTTPS is not served: {error}"),
        Err(error) => return Err(Failure::input(error)),
    }
    Ok(())
}
