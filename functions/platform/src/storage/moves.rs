//! Moving a video's objects from one place to another: copied in one step, removed in another. Either may
//! be interrupted anywhere, and goes on when it is asked for again.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reelrun_core::keys::{Bucket, Folder};

use super::{
    Storage, StorageError,
    copies::{ObjectCopy, PART_BYTES},
    place,
};

/// Objects that are copied at a time.
const AT_ONCE: usize = 32;

/// What S3 removes in one request.
pub(super) const REMOVED_AT_ONCE: usize = 1000;

/// Of an object, what tells it from another: its size and its entity tag.
type Identity = (u64, String);

/// Whether one is a copy of the other. The entity tag of what was stored in parts is that of its parts.
fn is_copy(one: &Identity, other: &Identity) -> bool {
    one.0 == other.0 && (one.1 == other.1 || one.0 > PART_BYTES || one.1.contains('-'))
}

impl Storage {
    /// Copies all objects of a folder of which the other one has no copy, what others are found by last.
    /// How many.
    pub async fn copy_folder(&self, from: Folder, to: Folder) -> Result<u64, StorageError> {
        self.copy_lacking(from, to, is_copy).await
    }

    async fn copy_lacking(
        &self,
        from: Folder,
        to: Folder,
        is_there: fn(&Identity, &Identity) -> bool,
    ) -> Result<u64, StorageError> {
        let mut copied = 0;
        for ((bucket, old), (_, new)) in from.prefixes().into_iter().zip(to.prefixes()) {
            let there = self.list(bucket, &old).await?;
            let here = self.list(bucket, &new).await?;
            let is_lacking = |(name, identity): &(&String, &Identity)| {
                !here.get(*name).is_some_and(|copy| is_there(identity, copy))
            };
            let lacking: Vec<_> = there.iter().filter(is_lacking).collect();
            for rank in Folder::RANKS {
                let of_rank = lacking
                    .iter()
                    .filter(|(name, _)| Folder::rank(name) == rank);
                let copies = of_rank.map(|(name, (bytes, _))| {
                    let (from, to) = (format!("{old}{name}"), format!("{new}{name}"));
                    async move {
                        self.copy(ObjectCopy {
                            bucket,
                            from: &from,
                            to: &to,
                            bytes: *bytes,
                            action: "move",
                        })
                        .await
                    }
                });
                copied += stream::iter(copies)
                    .buffer_unordered(AT_ONCE)
                    .try_fold(0, async |count, ()| Ok(count + 1))
                    .await?;
            }
        }
        Ok(copied)
    }

    /// Removes all objects of a folder, what others are found by first. Nothing goes that the other folder
    /// lacks; nothing there is replaced, since whoever still may upload stores in the old one. How many.
    pub async fn empty_folder(&self, old: Folder, kept: Folder) -> Result<u64, StorageError> {
        self.copy_lacking(old, kept, |_, _| true).await?;
        let mut removed = 0;
        for ((bucket, old), (_, kept)) in old.prefixes().into_iter().zip(kept.prefixes()) {
            let copies = self.list(bucket, &kept).await?;
            let mut names: Vec<_> = self.list(bucket, &old).await?.into_keys().collect();
            names.retain(|name| copies.contains_key(name));
            names.sort_by_key(|name| std::cmp::Reverse(Folder::rank(name)));
            removed += names.len() as u64;
            for names in names.chunks(REMOVED_AT_ONCE) {
                let keys = names.iter().map(|name| format!("{old}{name}"));
                self.remove_keys(bucket, &old, keys).await?;
            }
        }
        Ok(removed)
    }

    /// The names of all objects of a folder, by which they are identified within it.
    pub(super) async fn list(
        &self,
        bucket: Bucket,
        folder: &str,
    ) -> Result<BTreeMap<String, Identity>, StorageError> {
        let bucket = self.name(bucket);
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(bucket)
            .prefix(folder)
            .into_paginator()
            .send();
        let mut objects = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|why| StorageError::sdk("list", place(bucket, folder), why))?;
            objects.extend(page.contents().iter().filter_map(|object| {
                let name = object.key()?.strip_prefix(folder)?;
                let bytes = object.size()?.try_into().ok()?;
                let tag = object.e_tag().unwrap_or_default();
                Some((name.to_owned(), (bytes, tag.to_owned())))
            }));
        }
        Ok(objects)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_copied_again() {
        let of = |bytes, tag: &str| (bytes, tag.to_owned());
        assert!(is_copy(&of(7, "a"), &of(7, "a")));
        assert!(!is_copy(&of(7, "a"), &of(8, "a")));
        assert!(!is_copy(&of(7, "a"), &of(7, "b")));
        assert!(is_copy(&of(7, "a-2"), &of(7, "b")));
        assert!(is_copy(
            &of(PART_BYTES + 1, "a"),
            &of(PART_BYTES + 1, "b-2")
        ));
    }
}
