//! What inputs begin as: the project's own fixtures, rules and settings, and the records of a store.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use incidentd::engine::State;
use incidentd::engine::changes::{Changes, Saved};
use incidentd::lab::image::Image;
use incidentd::store::{Options, Store};

use crate::plan::{START, context, plan};

/// Reads the files of a folder of the project whose names have one of the words in them.
pub fn files(folder: &str, words: &[&str]) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|path| path.is_file()).collect();
    paths.sort();
    let named = |path: &Path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        words.is_empty() || words.iter().any(|word| name.contains(word))
    };
    let found: Vec<_> = paths.iter().filter(|path| named(path)).collect();
    assert!(!found.is_empty(), "{} has nothing named {words:?}", folder.display());
    found.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Texts as seeds.
pub fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// What the rule files ask for: their texts in single quotes.
pub fn conditions() -> Vec<Vec<u8>> {
    let mut found = BTreeSet::new();
    for folder in ["rules/base", "rules/examples", "tests/data/rules"] {
        for file in files(folder, &[".yaml"]) {
            let text = String::from_utf8(file).unwrap();
            let quoted = text.lines().flat_map(|line| line.split('\'').skip(1).step_by(2));
            found.extend(quoted.filter(|it| it.contains('=')).map(|it| it.as_bytes().to_vec()));
        }
    }
    found.into_iter().collect()
}

/// Records as they lie in a store after some stories of the simulator, and the names of their families.
pub struct Records {
    pub families: Vec<String>,
    pub all: Vec<Vec<u8>>,
}

pub static RECORDS: LazyLock<Records> = LazyLock::new(records);

/// Of each family.
const RECORDS_MAX: usize = 60;

/// Families that no story writes, with a record of each: the frozen ones of the codec's tests.
const WRITTEN: [(&str, &[u8], &[u8]); 4] = [
    (
        "cis",
        b"srv",
        b"\x01\n\x06server\x12\x0b\n\x05owner\x12\x02dc\x12\x0b\n\x04rack\x12\x03R12\x1a\t\x04node\x03srv",
    ),
    ("relations", b"pdu\x00powers\x00srv", b"\x01\x0a\x06netbox\x10\x01\x18\xac\x02\x20\x00"),
    ("relation_types", b"feeds", b"\x01\n\x06fed_by\x10\x02"),
    (
        "overrides",
        b"\0\0\0\0\0\0\0\x07",
        b"\x01\x0a\x04shop\x10\x01\x18\x02\x22\x04anna\x2a\x03mia\x30\x03\x3a\x03ill",
    ),
];

fn records() -> Records {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("store");
    let store = Store::open(&place, &Options::default()).unwrap();
    for seed in 0..4 {
        store.commit(&story(seed), &[]).unwrap();
    }
    drop(store);
    let options = rocksdb::Options::default();
    let mut families = rocksdb::DB::list_cf(&options, &place).unwrap();
    families.retain(|family| family != "default");
    families.sort();
    let db = rocksdb::DB::open_cf_for_read_only(&options, &place, &families, false).unwrap();
    let mut all = Vec::new();
    for (number, family) in families.iter().enumerate() {
        let entries = db.iterator_cf(db.cf_handle(family).unwrap(), rocksdb::IteratorMode::Start);
        let stored =
            entries.map(|entry| entry.unwrap()).map(|(key, value)| record(number, &key, &value));
        let written = WRITTEN.iter().filter(|(name, _, _)| name == family);
        let written = written.map(|(_, key, value)| record(number, key, value));
        all.extend(stored.take(RECORDS_MAX).chain(written));
    }
    Records { families, all }
}

/// A record in one piece, as `fields` takes it apart.
fn record(family: usize, key: &[u8], value: &[u8]) -> Vec<u8> {
    [&[u8::try_from(family).unwrap(), u8::try_from(key.len()).unwrap()], key, value].concat()
}

/// Everything that is stored at the end of a story of the simulator, as one commit.
fn story(seed: u64) -> Changes {
    let ctx = context();
    let mut state = State::restore(Saved::default(), &ctx, START);
    let (mut image, mut last) = (Image::default(), Changes::default());
    for step in plan(seed) {
        state.apply(&ctx, &step.event, step.at);
        last = state.drain(&ctx);
        image.apply(&last);
    }
    Changes {
        alerts: image.alerts.values().cloned().collect(),
        held: image.alerts.iter().map(|(key, row)| (*key, row.state.slot)).collect(),
        touches: image.alerts.iter().map(|(key, row)| (*key, row.state.clone())).collect(),
        incidents: image.incidents.values().cloned().collect(),
        members: image.members.values().cloned().collect(),
        timeline: image.timeline.iter().map(|((id, n), it)| (*id, *n, it.clone())).collect(),
        notices: image.notices.values().cloned().collect(),
        policies: image.policies.into_iter().collect(),
        recurrences: image.recurrences.into_iter().collect(),
        silences: image.silences.into_values().collect(),
        planned: image.planned.into_values().collect(),
        audit: image.audit.into_values().collect(),
        journal: image.journal.into_values().collect(),
        deliveries: image.deliveries.into_iter().collect(),
        positions: image.positions.into_values().collect(),
        quarantined: image.quarantine.into_values().collect(),
        learned: image.learned.into_iter().collect(),
        bulletins: image.bulletins.into_values().collect(),
        credits: image.credits.into_values().collect(),
        counters: last.counters,
        ..Changes::default()
    }
}
