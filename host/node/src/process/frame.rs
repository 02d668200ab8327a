//! Frames: how messages lie on a stream of bytes. Four bytes of length, little endian, then that many of JSON.
//!
//! Knows no message and no socket. Used by both ends of the socket between host and node process.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest frame, in bytes: 16 MiB, several times the largest piece of work that the kernel lets through.
pub const FRAME_BYTES_MAX: usize = 16 << 20;

/// Why a frame could not be read or made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("a frame of {bytes} bytes is over the limit of {FRAME_BYTES_MAX}")]
    TooLong { bytes: usize },
    #[error("a frame is not understood: {0}")]
    Content(#[from] serde_json::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Adds a message to the end of `bytes`, which on an error are as before.
pub(crate) fn append(bytes: &mut Vec<u8>, message: &impl Serialize) -> Result<(), FrameError> {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    let written = serde_json::to_writer(&mut *bytes, message);
    let length = bytes.len() - start - 4;
    let problem = match (written, u32::try_from(length)) {
        (Err(error), _) => FrameError::Content(error),
        (Ok(()), Ok(prefix)) if length <= FRAME_BYTES_MAX => {
            bytes[start..start + 4].copy_from_slice(&prefix.to_le_bytes());
            return Ok(());
        }
        (Ok(()), _) => FrameError::TooLong { bytes: length },
    };
    bytes.truncate(start);
    Err(problem)
}

/// The next message; none when the stream ended between two frames. Not cancel-safe: half a frame would be lost.
pub(crate) async fn read<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<T>, FrameError> {
    let mut prefix = [0; 4];
    let mut got = 0;
    while got < prefix.len() {
        match stream.read(&mut prefix[got..]).await? {
            0 if got == 0 => return Ok(None),
            0 => return Err(FrameError::Io(std::io::ErrorKind::UnexpectedEof.into())),
            count => got += count,
        }
    }
    let bytes = u32::from_le_bytes(prefix) as usize;
    if bytes > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong { bytes });
    }
    // Grows with what really comes: a length alone takes no memory.
    let mut content = Vec::new();
    stream.take(bytes as u64).read_to_end(&mut content).await?;
    if content.len() < bytes {
        return Err(FrameError::Io(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(Some(serde_json::from_slice(&content)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_come_out_as_they_went_in() {
        let mut bytes = Vec::new();
        append(&mut bytes, &"one").unwrap();
        append(&mut bytes, &vec![1, 2]).unwrap();
        let mut stream = &bytes[..];
        let one: Option<String> = read(&mut stream).await.unwrap();
        let two: Option<Vec<u32>> = read(&mut stream).await.unwrap();
        let end: Option<String> = read(&mut stream).await.unwrap();
        assert_eq!(
            (one.as_deref(), two, end),
            (Some("one"), Some(vec![1, 2]), None)
        );
    }

    #[tokio::test]
    async fn a_cut_stream_is_an_error_at_every_place() {
        let mut whole = Vec::new();
        append(&mut whole, &"message").unwrap();
        for length in 1..whole.len() {
            let error = read::<String>(&mut &whole[..length]).await.unwrap_err();
            assert!(matches!(error, FrameError::Io(_)), "{length}: {error}");
        }
    }

    #[tokio::test]
    async fn what_is_too_long_or_nonsense_is_refused() {
        let mut bytes = Vec::new();
        let error = append(&mut bytes, &"x".repeat(FRAME_BYTES_MAX)).unwrap_err();
        assert!(matches!(error, FrameError::TooLong { .. }), "{error}");
        assert!(bytes.is_empty());
        let error = read::<String>(&mut &[0xff; 100][..]).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "a frame of 4294967295 bytes is over the limit of 16777216"
        );
        let error = read::<String>(&mut &b"\x02\0\0\0no"[..]).await.unwrap_err();
        assert!(
            error.to_string().starts_with("a frame is not understood"),
            "{error}"
        );
    }
}
