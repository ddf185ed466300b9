//! Large files are read block by block, on several threads; what they say does not depend on where a block ends.

use proptest::prelude::*;

use super::{super::read::read_from, *};

/// Stretches of a ledger, whole or damaged.
fn stretch() -> impl Strategy<Value = Vec<u8>> {
    let line = |row: Row| sample().line(&row);
    let rows = [
        pending(0),
        sending(pending(0), 20),
        created(pending(0), "Y2lz0", 21),
        created(pending(3), "Y2lz3", 22),
        failed(pending(2), 23),
        pending(6),
        created(pending(7), "Y2lz7", 24),
        in_doubt(pending(8), 3, 9),
    ];
    let whole = prop::sample::select(rows.map(line).to_vec());
    prop_oneof![
        20 => whole.clone(),
        1 => (whole.clone(), any::<prop::sample::Index>()).prop_map(|(line, at)| line[..at.index(line.len())].to_vec()),
        1 => (whole, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut line, at, byte)| {
            let at = at.index(line.len());
            line[at] = byte;
            line
        }),
        1 => (1usize..40).prop_map(|n| vec![0; n]),
        1 => prop::sample::select(vec![",,,,,,,,,,,,,\n", "\"", "\n", "\r\n", "\"\"\n"]).prop_map(|text| text.into()),
    ]
}

proptest! {
    #[test]
    fn a_block_may_end_anywhere(stretches in prop::collection::vec(stretch(), 0..12), size in 1usize..2000, separator in prop::sample::select(vec![b',', b';'])) {
        let mut bytes = sample().to_csv();
        bytes.extend(stretches.concat());
        if separator != b',' {
            // Nothing but commas in quotes stays whole then, and that is read or refused alike.
            bytes.iter_mut().filter(|byte| **byte == b',').for_each(|byte| *byte = separator);
        }
        let path = Path::new("l.csv");
        let whole = read(&bytes, path).map_err(|e| e.to_string());
        let in_blocks = read_from(&bytes[..], bytes.len(), path, size).map_err(|e| e.to_string());
        prop_assert_eq!(in_blocks, whole);
    }
}
