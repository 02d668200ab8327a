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
#[path = "../../../../tests/fuzz.rs"]
mod fuzz;

#[cfg(test)]
mod tests {
    use jobyard_kernel::{Ending, Execution, FromNode, JobId, TaskId, ToNode};
    use proptest::prelude::*;

    use super::super::wire::{HostSays, NodeSays};
    use super::*;

    fn execution() -> impl Strategy<Value = Execution> {
        any::<[u32; 4]>().prop_map(|[job, task, instance, attempt]| Execution {
            job: JobId(job),
            task: TaskId(task),
            instance,
            attempt,
        })
    }

    fn ending() -> impl Strategy<Value = Ending> {
        prop_oneof![
            any::<i32>().prop_map(|code| Ending::Exited { code }),
            any::<Option<i32>>().prop_map(|code| Ending::Stopped { code }),
            (any::<u32>(), ".*").prop_map(|(code, text)| Ending::Failed { code, text }),
            Just(Ending::Lost),
        ]
    }

    /// Messages of both directions, as they lie on the stream.
    fn message() -> impl Strategy<Value = Vec<u8>> {
        let of_host = prop_oneof![
            (execution(), any::<u64>()).prop_map(|(execution, grace_ms)| ToNode::Stop {
                execution,
                grace_ms
            }),
            execution().prop_map(ToNode::Forget),
        ];
        let of_node = (execution(), ending(), ".*").prop_map(|(execution, ending, output_tail)| {
            FromNode::Ended {
                execution,
                ending,
                output_tail,
            }
        });
        let framed = |message: &dyn Fn(&mut Vec<u8>) -> Result<(), FrameError>| {
            let mut bytes = Vec::new();
            message(&mut bytes).expect("it fits into a frame");
            bytes
        };
        prop_oneof![
            of_host.prop_map(move |tell| framed(&|to| append(to, &HostSays::Tell(tell.clone())))),
            of_node.prop_map(move |said| framed(&|to| append(to, &NodeSays::Report(said.clone())))),
        ]
    }

    /// Reads until the end or the first error: how many came, and whether the end was clean.
    fn read_all<T: DeserializeOwned>(mut bytes: &[u8]) -> (usize, bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(async {
            for count in 0.. {
                match read::<T>(&mut bytes).await {
                    Ok(Some(_)) => {}
                    Ok(None) => return (count, true),
                    Err(error) => {
                        assert!(!error.to_string().is_empty());
                        return (count, false);
                    }
                }
            }
            unreachable!("a stream in memory ends")
        })
    }

    proptest! {
        #![proptest_config(fuzz::cases(300))]

        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            read_all::<HostSays>(&bytes);
            read_all::<NodeSays>(&bytes);
        }

        #[test]
        fn messages_with_changes(
            messages in proptest::collection::vec(message(), 1..5),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            end in any::<prop::sample::Index>(),
        ) {
            let mut bytes = messages.concat();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(end.index(bytes.len() + 1));
            read_all::<HostSays>(&bytes);
            read_all::<NodeSays>(&bytes);
        }

        /// What was whole before the cut is there; the cut itself is an error.
        #[test]
        fn cut_streams(
            reports in proptest::collection::vec((execution(), ending()), 1..5),
            end in any::<prop::sample::Index>(),
        ) {
            let (mut bytes, mut ends) = (Vec::new(), vec![0]);
            for (execution, ending) in reports {
                let output_tail = String::new();
                let report = FromNode::Ended { execution, ending, output_tail };
                append(&mut bytes, &NodeSays::Report(report)).expect("it fits");
                ends.push(bytes.len());
            }
            let end = end.index(bytes.len() + 1);
            let whole = ends.iter().filter(|&&at| at <= end).count() - 1;
            prop_assert_eq!(read_all::<NodeSays>(&bytes[..end]), (whole, ends.contains(&end)));
        }
    }

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
