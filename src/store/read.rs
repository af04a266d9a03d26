//! The ways to get at the records of a view: one by its key, a range, a whole family.

use prost::Message;
use rocksdb::{DBRawIterator, IteratorMode, PrefixRange, ReadOptions};

use super::StoreError;
use super::codec::{self, Malformed, Row};
use super::schema::Family;
use super::view::View;
use crate::model::incident::Incident;

/// Bytes read ahead by a pass over a whole family.
const READAHEAD_BYTES: usize = 2 << 20;

/// A key and its value.
pub(super) type Pair = (Box<[u8]>, Box<[u8]>);

/// Options for a pass over a whole family, which must not push out what is cached.
pub(super) fn bulk() -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_readahead_size(READAHEAD_BYTES);
    options.fill_cache(false);
    options
}

impl View<'_> {
    /// One value.
    pub(super) fn value<M: Message + Default>(
        &self,
        family: Family,
        key: &[u8],
    ) -> Result<Option<M>, StoreError> {
        let value = self.snapshot.get_pinned_cf(self.store.family(family), key);
        let Some(value) = value.map_err(StoreError::Read)? else { return Ok(None) };
        let message = codec::decode(&value);
        message.map(Some).map_err(|reason| StoreError::record(family, key, reason))
    }

    /// One record.
    pub(super) fn get<R: Row>(&self, key: &[u8]) -> Result<Option<R>, StoreError> {
        let message = self.value(R::FAMILY, key)?;
        let row = message.map(|message| R::restore(key, message)).transpose();
        row.map_err(|reason| StoreError::record(R::FAMILY, key, reason))
    }

    /// One record of the family `meta`.
    pub(super) fn meta<M: Message + Default>(&self, key: &[u8]) -> Result<Option<M>, StoreError> {
        self.value(Family::Meta, key)
    }

    /// An iterator that stands nowhere yet.
    pub(super) fn scan(&self, family: Family, options: ReadOptions) -> DBRawIterator<'_> {
        self.snapshot.raw_iterator_cf_opt(self.store.family(family), options)
    }

    /// The keys and values of a range.
    pub(super) fn entries(
        &self,
        family: Family,
        options: ReadOptions,
        mode: IteratorMode<'_>,
    ) -> impl Iterator<Item = Result<Pair, StoreError>> {
        let iterator = self.snapshot.iterator_cf_opt(self.store.family(family), options, mode);
        iterator.map(|entry| entry.map_err(StoreError::Read))
    }

    /// The records whose keys begin so.
    pub(super) fn rows<R: Row>(
        &self,
        prefix: &[u8],
        mode: IteratorMode<'_>,
    ) -> impl Iterator<Item = Result<R, StoreError>> {
        let mut options = ReadOptions::default();
        options.set_iterate_range(PrefixRange(prefix));
        self.entries(R::FAMILY, options, mode)
            .map(|entry| entry.and_then(|(key, value)| row(&key, &value)))
    }

    /// All records of a family.
    pub(super) fn all<R: Row>(&self) -> Result<Vec<R>, StoreError> {
        self.every().collect()
    }

    /// All records of a family, one by one.
    pub(super) fn every<R: Row>(&self) -> impl Iterator<Item = Result<R, StoreError>> {
        let entries = self.entries(R::FAMILY, bulk(), IteratorMode::Start);
        entries.map(|entry| entry.and_then(|(key, value)| row(&key, &value)))
    }

    /// The incident that an index names.
    pub(super) fn indexed(&self, index: Family, key: &[u8]) -> Result<Incident, StoreError> {
        self.get(key)?.ok_or_else(|| {
            StoreError::record(index, key, Malformed::Damaged("its incident is missing".into()))
        })
    }
}

/// Reads a record.
pub(super) fn row<R: Row>(key: &[u8], value: &[u8]) -> Result<R, StoreError> {
    R::read(key, value).map_err(|reason| StoreError::record(R::FAMILY, key, reason))
}
