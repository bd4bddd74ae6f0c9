//! `recover` on damaged files.

use super::*;

const TURNS: &[&[&str]] = &[
    &[r#"{"seen":"group"}"#],
    &[r#"{"begun":1}"#, r#"{"anchor":42}"#, r#"{"é":"ü"}"#],
    &[r#"{"done":1}"#, r#"{"hold":"a b"}"#],
];

fn flat(turns: &[&[&str]]) -> Vec<String> {
    turns.iter().copied().flatten().map(|p| (*p).to_owned()).collect()
}

#[test]
fn the_format_is_readable_and_stays_as_it_is() {
    let (bytes, _) = journal(&TURNS[..2]);
    let text = String::from_utf8(bytes).unwrap();
    let expected = [
        r#"cutover-journal 1 1 shop-prod 89386fe5"#,
        r#"1 1-1 89386fe5 5a4817fb {"seen":"group"}"#,
        r#"2 2-4 5a4817fb fb7cfcea {"begun":1}"#,
        r#"3 2-4 fb7cfcea b4669c91 {"anchor":42}"#,
        r#"4 2-4 b4669c91 b663b044 {"é":"ü"}"#,
        "",
    ];
    assert_eq!(
        text,
        expected.join(
            "
"
        )
    );
}

#[test]
fn cut_at_every_byte() {
    let (bytes, ends) = journal(TURNS);
    for cut in 0..=bytes.len() {
        let found = recover(&bytes[..cut], &identity()).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count();
        let turns = whole.saturating_sub(1);
        assert_eq!(payloads(&found.records), flat(&TURNS[..turns]), "cut at {cut}");
        let valid = if whole == 0 { 0 } else { ends[whole - 1] };
        assert_eq!(found.position.len, valid as u64, "cut at {cut}");
        let last = if turns == 0 { 0 } else { ends[turns - 1] };
        assert_eq!(found.last_turn_at, last as u64, "cut at {cut}");
        let torn = found.torn.map_or(0, |torn| torn.bytes);
        assert_eq!(torn as usize, cut - valid, "cut at {cut}");
    }
}

#[test]
fn zeros_or_garbage_for_the_last_turn_from_every_byte() {
    let (bytes, ends) = journal(TURNS);
    let last = ends[ends.len() - 2];
    for filler in [0, b'\n', b' ', b'7', 0xff] {
        for from in last..bytes.len() {
            for to in [from + 1, bytes.len()] {
                let mut bytes = bytes.clone();
                bytes[from..to].fill(filler);
                let found = recover(&bytes, &identity()).unwrap();
                let same = bytes == journal(TURNS).0;
                let turns = if same { 3 } else { 2 };
                assert_eq!(payloads(&found.records), flat(&TURNS[..turns]));
            }
        }
    }
}

#[test]
fn every_value_of_every_byte() {
    let (good, ends) = journal(TURNS);
    let last = ends[ends.len() - 2];
    for at in 0..good.len() {
        for flip in 1..=255_u8 {
            let mut bytes = good.clone();
            bytes[at] ^= flip;
            match recover(&bytes, &identity()) {
                Ok(found) => {
                    assert!(at >= last, "byte {at} ^ {flip} forgot confirmed facts");
                    assert_eq!(payloads(&found.records), flat(&TURNS[..2]));
                    assert_eq!(found.torn.unwrap().at, last as u64);
                }
                Err(Damage::Corrupt { at: seen, .. }) => {
                    assert!(at < last, "byte {at} ^ {flip} in the last turn");
                    assert!(seen as usize <= at);
                }
                Err(other) => panic!("byte {at} ^ {flip}: {other}"),
            }
        }
    }
}

#[test]
fn every_byte_removed_or_doubled() {
    let (good, ends) = journal(TURNS);
    let last = ends[ends.len() - 2];
    for at in 0..good.len() {
        let mut shorter = good.clone();
        shorter.remove(at);
        let mut longer = good.clone();
        longer.insert(at, good[at]);
        // A doubled newline is a byte too many at the start of the next line.
        let next = at + usize::from(good[at] == b'\n');
        for (at, bytes) in [(at, shorter), (next, longer)] {
            match recover(&bytes, &identity()) {
                Ok(found) if at == good.len() => {
                    assert_eq!(payloads(&found.records), flat(TURNS));
                }
                Ok(found) => {
                    assert!(at >= last, "byte {at}");
                    assert_eq!(payloads(&found.records), flat(&TURNS[..2]));
                }
                Err(Damage::Corrupt { .. }) => {}
                Err(other) => panic!("byte {at}: {other}"),
            }
        }
    }
}

#[test]
fn lines_lost_moved_or_repeated() {
    let (good, _) = journal(TURNS);
    let lines: Vec<&[u8]> = good.split_inclusive(|b| *b == b'\n').collect();
    let corrupt = |lines: &[&[u8]], what: &str| {
        let found = recover(&lines.concat(), &identity());
        assert!(matches!(found, Err(Damage::Corrupt { .. })), "{what}: {found:?}");
    };
    for at in 1..lines.len() {
        let mut repeated = lines.clone();
        repeated.insert(at, lines[at]);
        corrupt(&repeated, &format!("line {at} repeated"));
    }
    for at in 0..lines.len() - 1 {
        let mut lost = lines.clone();
        lost.remove(at);
        corrupt(&lost, &format!("line {at} lost"));
        let mut moved = lines.clone();
        moved.swap(at, at + 1);
        corrupt(&moved, &format!("line {at} moved"));
    }
}

#[test]
fn a_turn_of_another_history_does_not_fit() {
    let (mut bytes, _) = journal(&[&["1"]]);
    let (_, other) = {
        let (_, at) = encode_header(&identity());
        encode_turn(&at, &["2"]).unwrap()
    };
    let (turn, _) = encode_turn(&other, &["3"]).unwrap();
    bytes.extend_from_slice(&turn);
    let found = recover(&bytes, &identity());
    assert!(matches!(found, Err(Damage::Corrupt { line: 3, .. })), "{found:?}");
}

#[test]
fn a_line_that_verifies_must_still_be_the_next_one() {
    let (header, at) = encode_header(&identity());
    let read = |head: &str, payload: &str| {
        let head = format!("{head} {:08x} ", at.chain);
        let crc = crc32c::crc32c(format!("{head}{payload}").as_bytes());
        let line = format!("{head}{crc:08x} {payload}\n");
        recover(&[&header, line.as_bytes()].concat(), &identity())
    };
    assert_eq!(read("1 1-1", "x").unwrap().records.len(), 1);
    for head in ["2 1-2", "2 2-2", "1 2-1", "1 2-2"] {
        let found = read(head, "x");
        assert!(matches!(found, Err(Damage::Corrupt { .. })), "{head}: {found:?}");
    }
    for (head, payload) in [("01 1-1", "x"), ("1 1-1", ""), ("1 0-1", "x")] {
        assert!(read(head, payload).unwrap_or_else(|e| panic!("{e}")).torn.is_some(), "{head}");
    }
}

#[test]
fn a_header_of_something_else() {
    let (bytes, _) = journal(TURNS);
    let other = Identity::new("shop-prod", 2).unwrap();
    let error = recover(&bytes, &other).unwrap_err();
    assert_eq!(error, Damage::OtherIdentity { found: identity(), expected: other });
    let text = error.to_string();
    assert!(text.contains(r#"migration "shop-prod" attempt 1"#), "{text}");
    assert!(text.contains(r#"migration "shop-prod" attempt 2"#), "{text}");

    let text = format!("{MAGIC} 2 whatever comes");
    let newer = format!("{text} {:08x}\n", crc32c::crc32c(text.as_bytes()));
    let found = recover(newer.as_bytes(), &identity());
    assert_eq!(found, Err(Damage::OtherVersion { found: 2 }));

    let stranger = b"{\"some other\": \"program's file, longer than a header\"}\n";
    let found = recover(stranger, &identity());
    let len = stranger.len() as u64;
    assert_eq!(found, Err(Damage::NotAJournal { len }));
}

#[test]
fn what_cannot_be_written_is_refused() {
    let (_, at) = encode_header(&identity());
    let longest = "x".repeat(MAX_PAYLOAD);
    let (turn, _) = encode_turn(&at, &[&longest]).unwrap();
    let (mut bytes, _) = journal(&[]);
    bytes.extend_from_slice(&turn);
    let found = recover(&bytes, &identity()).unwrap();
    assert_eq!(found.records[0].payload, longest);

    let refused = |payload: &str| encode_turn(&at, &["ok", payload]).unwrap_err();
    let len = MAX_PAYLOAD + 1;
    assert_eq!(refused(&(longest + "x")), Refusal::TooLong { index: 1, len });
    assert_eq!(refused("a\nb"), Refusal::Newline { index: 1 });
    assert_eq!(refused(""), Refusal::Empty { index: 1 });
    for name in ["", "a\nb", "a\u{7f}", &"x".repeat(MAX_MIGRATION + 1)] {
        assert_eq!(Identity::new(name, 1), Err(Refusal::Migration), "{name:?}");
    }
    for name in ["shop prod é 1", &"x".repeat(MAX_MIGRATION)] {
        let named = Identity::new(name, u32::MAX).unwrap();
        let (bytes, start) = encode_header(&named);
        assert_eq!(recover(&bytes, &named).unwrap().position, start);
    }
}
