use zato_core::Result;

use super::{
    connector::ObjectStorageClient,
    get::Part,
    place::Place,
    put::{Content, Wanted},
};

impl ObjectStorageClient {
    /// Copies an object with all that is known of it; through this program, where the store can't by itself.
    pub(super) async fn copy(&self, from: Place<'_>, to: Place<'_>) -> Result<()> {
        if self.limits.keep("copy", from, self.store.copy(from, to)).await? {
            return Ok(());
        }
        let Part { details, stream } = self.read(from, None).await?;
        let wanted = Wanted {
            content_type: details.content_type.as_deref(),
            needs_content_type: false,
            metadata: details.metadata,
            is_only_if_absent: false,
        };
        self.put(to, Content::Stream(stream), &wanted).await.map(drop)
    }
}
