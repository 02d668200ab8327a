//! Old bytes under new types.

use std::collections::BTreeMap;

use jobyard_kernel::{Event, State};
use serde::{Deserialize, Serialize};

use super::*;

mod v1 {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub(super) enum Fact {
        Added {
            id: u32,
            spec: Spec,
            gone: Vec<Colour>,
        },
        Ended(u32),
        Pair(u8, i64),
        Tick,
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub(super) struct Spec {
        pub(super) name: String,
        pub(super) old: Option<BTreeMap<(u32, bool), f64>>,
        pub(super) size: u32,
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub(super) enum Colour {
        Red,
        Mixed { r: u8, g: u8 },
    }
}

mod v2 {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub(super) enum Fact {
        Paused { id: u32 },
        Tick,
        Ended(u64),
        Pair(u8, i64),
        Added { spec: Spec, id: u32 },
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub(super) struct Spec {
        pub(super) size: u64,
        #[serde(default)]
        pub(super) note: Option<String>,
        pub(super) name: Option<String>,
    }
}

fn facts() -> Vec<v1::Fact> {
    let spec = v1::Spec {
        name: "Zoë".into(),
        old: Some(BTreeMap::from([((7, true), 0.5), ((300, false), -1.0)])),
        size: u32::MAX,
    };
    let gone = vec![v1::Colour::Red, v1::Colour::Mixed { r: 255, g: 0 }];
    vec![
        v1::Fact::Added {
            id: 129,
            spec,
            gone,
        },
        v1::Fact::Tick,
        v1::Fact::Pair(200, -5_000_000_000),
        v1::Fact::Ended(3),
    ]
}

/// Takes a few bytes at a time, then no more.
struct Narrow {
    taken: Vec<u8>,
    room: usize,
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let some = bytes.len().min(100).min(self.room);
        self.taken.extend_from_slice(&bytes[..some]);
        self.room -= some;
        Ok(some)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn bytes_are_handed_on_in_order_and_to_the_last() {
    for length in [0, 1, 1_021, 1_022, 1_023, 1_024, 1_025, 3_000, 10_000] {
        let value = ("x".repeat(length), 7_u8, vec![1_u32; length / 3]);
        let expected = postcard::to_allocvec(&value).unwrap();
        assert_eq!(encode(&value, Vec::new()).unwrap(), expected, "{length}");
        let (taken, room) = (Vec::new(), expected.len());
        let narrow = encode(&value, Narrow { taken, room }).unwrap();
        assert_eq!(narrow.taken, expected, "{length}");
        let (taken, room) = (Vec::new(), expected.len() - 1);
        assert!(encode(&value, Narrow { taken, room }).is_err(), "{length}");
    }
}

#[test]
fn fields_and_variants_are_found_by_name() {
    let shapes = trace::<Vec<v1::Fact>>().unwrap();
    let bytes = encode(&facts(), Vec::new()).unwrap();
    assert_eq!(decode::<Vec<v1::Fact>>(&shapes, &bytes).unwrap(), facts());
    assert_eq!(decode_same::<Vec<v1::Fact>>(&bytes).unwrap(), facts());
    let json = serde_json::to_string(&shapes).unwrap();
    let shapes: Shapes = serde_json::from_str(&json).unwrap();
    let spec = v2::Spec {
        size: u64::from(u32::MAX),
        note: None,
        name: Some("Zoë".into()),
    };
    let expected = [
        v2::Fact::Added { spec, id: 129 },
        v2::Fact::Tick,
        v2::Fact::Pair(200, -5_000_000_000),
        v2::Fact::Ended(3),
    ];
    assert_eq!(decode::<Vec<v2::Fact>>(&shapes, &bytes).unwrap(), expected);
}

#[test]
fn what_is_not_understood_is_said() {
    let shapes = trace::<v2::Fact>().unwrap();
    let bytes = encode(&v2::Fact::Paused { id: 4 }, Vec::new()).unwrap();
    let error = decode::<v1::Fact>(&shapes, &bytes).unwrap_err().to_string();
    assert!(
        error.contains("Paused") && error.contains("does not understand"),
        "{error}"
    );
    let shapes = trace::<v2::Spec>().unwrap();
    let spec = v2::Spec {
        size: 1,
        note: None,
        name: None,
    };
    let bytes = encode(&spec, Vec::new()).unwrap();
    let error = decode::<v1::Spec>(&shapes, &bytes).unwrap_err().to_string();
    assert!(error.contains("Option"), "{error}");
}

/// Cut anywhere, or with any byte changed: an error or some value, never a panic or a request for endless memory.
#[test]
fn damaged_bytes_are_no_danger() {
    let shapes = trace::<Vec<v1::Fact>>().unwrap();
    let bytes = encode(&facts(), Vec::new()).unwrap();
    for end in 0..bytes.len() {
        assert!(
            decode::<Vec<v1::Fact>>(&shapes, &bytes[..end]).is_err(),
            "{end}"
        );
        assert!(
            decode_same::<Vec<v1::Fact>>(&bytes[..end]).is_err(),
            "{end}"
        );
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            let _ = decode::<Vec<v2::Fact>>(&shapes, &bytes);
            let _ = decode_same::<Vec<v1::Fact>>(&bytes);
        }
    }
}

#[test]
fn all_that_the_kernel_keeps_can_be_described() {
    for (shapes, variants) in [(trace::<Event>(), "Fact"), (trace::<State>(), "Phase")] {
        let shapes = shapes.unwrap();
        for name in ["JobSpec", "TaskSpec", "JobKind", variants] {
            assert!(shapes.types.contains_key(name), "{name}");
        }
    }
}
