//! Bytes that are not what was written: an error that says so, never a panic, and no more memory than the bytes are worth. Checksums keep such
//! bytes out of a journal; this is about what is behind them.

use std::sync::LazyLock;

use jobyard_journal::format::{Shapes, decode, decode_same, encode, to_json, trace};
use jobyard_kernel::{Event, Job, State};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::fuzz::cases;
use crate::memory::most_at_once;
use crate::yard::Yard;

/// The bytes of real events, of the state that they come to and of its jobs.
fn written(seed: u64) -> [Vec<u8>; 3] {
    let (mut yard, mut events) = Yard::new(seed);
    for _ in 0..20 {
        events.extend(yard.batch());
    }
    let jobs: Vec<&Job> = yard.state.jobs().collect();
    let fits = "what the kernel has can be written";
    [
        encode(&events, Vec::new()).expect(fits),
        encode(&yard.state, Vec::new()).expect(fits),
        encode(&jobs, Vec::new()).expect(fits),
    ]
}

static SHAPES: LazyLock<[Shapes; 3]> = LazyLock::new(|| {
    let fits = "the kernel's types can be described";
    [
        trace::<Vec<Event>>().expect(fits),
        trace::<State>().expect(fits),
        trace::<Vec<Job>>().expect(fits),
    ]
});

/// What was written under eight seeds.
static WRITTEN: LazyLock<Vec<[Vec<u8>; 3]>> = LazyLock::new(|| (0..8).map(written).collect());

/// What damage may be.
#[derive(Debug, Clone)]
enum Damage {
    Cut(Index),
    Set(Index, u8),
    /// A length that cannot be, or a number that takes ten bytes.
    Huge(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    /// What stands there is repeated.
    Repeat(Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        1 => any::<Index>().prop_map(Damage::Cut),
        6 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        4 => (any::<Index>(), 1..10u8).prop_map(|(at, bytes)| Damage::Huge(at, bytes)),
        2 => (any::<Index>(), proptest::collection::vec(any::<u8>(), 1..9))
            .prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        2 => (any::<Index>(), 1..20usize).prop_map(|(at, count)| Damage::Remove(at, count)),
        1 => (any::<Index>(), 1..200usize).prop_map(|(at, count)| Damage::Repeat(at, count)),
    ]
}

fn damaged(mut bytes: Vec<u8>, all: &[Damage]) -> Vec<u8> {
    for damage in all {
        let place = |at: &Index| at.index(bytes.len().max(1)).min(bytes.len());
        match damage {
            Damage::Cut(at) => {
                let at = place(at);
                bytes.truncate(at);
            }
            Damage::Set(at, byte) => {
                let at = place(at);
                if let Some(there) = bytes.get_mut(at) {
                    *there = *byte;
                }
            }
            Damage::Huge(at, count) => {
                let at = place(at);
                let mut number = vec![0xff; usize::from(*count)];
                number.push(0x01);
                bytes.splice(at..at, number);
            }
            Damage::Insert(at, more) => {
                let at = place(at);
                bytes.splice(at..at, more.iter().copied());
            }
            Damage::Remove(at, count) => {
                let at = place(at);
                let end = (at + count).min(bytes.len());
                bytes.drain(at..end);
            }
            Damage::Repeat(at, count) => {
                let at = place(at);
                let end = (at + count).min(bytes.len());
                bytes.extend_from_within(at..end);
            }
        }
    }
    bytes
}

/// In every way in which a journal reads bytes.
fn read(bytes: &[u8]) {
    let [events, state, jobs] = &*SHAPES;
    let read = || {
        let _ = decode_same::<Vec<Event>>(bytes);
        let _ = decode_same::<State>(bytes);
        let _ = decode_same::<Vec<Job>>(bytes);
        let _ = decode::<Vec<Event>>(events, bytes);
        let _ = decode::<State>(state, bytes);
        let _ = decode::<Vec<Job>>(jobs, bytes);
        for shapes in &*SHAPES {
            let _ = to_json(shapes, bytes);
        }
    };
    let most = most_at_once(read);
    // A byte can stand for a list in a list; JSON has an object for it with the names of its fields.
    let worth = MEMORY_BASE + MEMORY_PER_BYTE * bytes.len();
    assert!(most <= worth, "{} bytes took {most} of memory", bytes.len());
}

/// Bytes of memory that reading may take, whatever is read: `serde` keeps room for a list of up to 1 MiB before its first element is there.
const MEMORY_BASE: usize = 8 << 20;
/// And for each byte that is read.
const MEMORY_PER_BYTE: usize = 4_096;

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read(&bytes);
    }

    #[test]
    fn good_bytes_with_damage(
        seed in 0..8usize,
        which in 0..3usize,
        damage in proptest::collection::vec(damage(), 1..5),
    ) {
        let good = WRITTEN[seed][which].clone();
        read(&damaged(good, &damage));
    }

    /// A description of another version may say anything; bytes are read by it, or it is refused.
    #[test]
    fn any_description(
        which in 0..3usize,
        changes in proptest::collection::vec((any::<Index>(), 0..12usize, piece()), 1..4),
        seed in 0..8usize,
    ) {
        let mut text = serde_json::to_string(&SHAPES[which]).expect("it is written");
        for (at, removed, inserted) in changes {
            let at = text.floor_char_boundary(at.index(text.len()));
            let end = text.floor_char_boundary((at + removed).min(text.len()));
            text.replace_range(at..end.max(at), &inserted);
        }
        if let Ok(shapes) = serde_json::from_str::<Shapes>(&text) {
            let bytes = &WRITTEN[seed][which];
            let _ = decode::<Vec<Event>>(&shapes, bytes);
            let _ = decode::<State>(&shapes, bytes);
            let _ = to_json(&shapes, bytes);
        }
    }
}

/// Pieces of a description.
fn piece() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        "",
        "\"unit\"",
        "\"bool\"",
        "\"string\"",
        "{\"unsigned\":64}",
        "{\"unsigned\":255}",
        "{\"signed\":0}",
        "{\"float\":7}",
        "{\"seq\":\"unit\"}",
        "{\"map\":[\"unit\",\"unit\"]}",
        "{\"named\":\"Job\"}",
        "{\"named\":\"State\"}",
        "{\"named\":\"none\"}",
        "{\"tuple\":[]}",
        "{\"option\":\"u8\"}",
        "bytes",
        "Job",
        "0",
        "]",
        "}",
        ",",
    ])
    .prop_map(String::from)
}

/// A type that contains itself in a description would be an endless loop, or take all of the stack: it is not even read.
#[test]
fn a_description_that_contains_itself() {
    let itself = [
        r#"{"root":{"named":"A"},"types":{"A":{"struct":[["a",{"named":"A"}]]}}}"#,
        r#"{"root":{"named":"A"},"types":{"A":{"enum":[["X",{"newtype":{"named":"A"}}]]}}}"#,
        r#"{"root":{"seq":{"named":"A"}},"types":{"A":{"struct":[["a",{"option":{"named":"B"}}]]},"B":{"struct":[["b",{"named":"A"}]]}}}"#,
    ];
    for text in itself {
        let error = serde_json::from_str::<Shapes>(text).unwrap_err();
        assert!(error.to_string().contains("A contains itself"), "{error}");
    }
    let missing = r#"{"root":{"named":"A"},"types":{}}"#;
    let error = serde_json::from_str::<Shapes>(missing).unwrap_err();
    assert!(error.to_string().contains("A is not described"), "{error}");
    let chain: Vec<String> = (0..50_000)
        .map(|n| format!(r#""T{n}":{{"struct":[["a",{{"named":"T{}"}}]]}}"#, n + 1))
        .collect();
    let chain = format!(
        r#"{{"root":{{"named":"T0"}},"types":{{{},"T50000":{{"struct":[]}}}}}}"#,
        chain.join(",")
    );
    let error = serde_json::from_str::<Shapes>(&chain).unwrap_err();
    assert!(error.to_string().contains("more than 200 types"), "{error}");
}

/// Lists of what takes no bytes end with the bytes that are there.
#[test]
fn lists_of_nothing() {
    let nothing = [
        r#"{"root":{"seq":"unit"},"types":{}}"#,
        r#"{"root":{"seq":{"tuple":[]}},"types":{}}"#,
        r#"{"root":{"map":[{"seq":"unit"},{"tuple":[]}]},"types":{}}"#,
    ];
    for text in nothing {
        let shapes: Shapes = serde_json::from_str(text).expect("it can be read");
        for byte in [0u8, 1, 0x7f, 0xff] {
            let bytes = vec![byte; 1 << 16];
            let _ = decode::<Vec<Event>>(&shapes, &bytes);
            let _ = decode::<serde::de::IgnoredAny>(&shapes, &bytes);
            let _ = to_json(&shapes, &bytes);
        }
    }
}
