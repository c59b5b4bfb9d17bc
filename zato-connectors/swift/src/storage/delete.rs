use std::collections::BTreeMap;

use zato_core::Result;

use super::{connector::ObjectStorageClient, place::Place};

/// How many are deleted by one request.
const BATCH: usize = 500;

impl ObjectStorageClient {
    /// Deletes objects, those of a container together.
    pub(super) async fn delete_many<P: AsRef<str>>(&self, paths: &[P]) -> Result<()> {
        let mut containers = BTreeMap::<&str, Vec<&str>>::new();
        // All of them are looked at before the first is deleted.
        for path in paths {
            let place = self.place(path.as_ref())?;
            containers.entry(place.container).or_default().push(place.name);
        }
        for (container, names) in containers {
            for batch in names.chunks(BATCH) {
                let names = batch.iter().map(|name| (*name).to_owned()).collect();
                let place = Place { container, name: "" };
                self.limits.keep("delete_many", place, self.store.delete_many(container, names)).await?;
            }
        }
        Ok(())
    }
}
