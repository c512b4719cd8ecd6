//! Lists the objects below a prefix, page by page.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::EncodingType;

use super::{S3Store, failed, url};
use crate::error::{Operation, RequestError};
use crate::object_store::{ListedObject, StorageResult};

impl S3Store {
    pub(super) async fn list_all(
        &self,
        folder: &str,
        after: Option<&str>,
        found: &mut (dyn FnMut(ListedObject<'_>) + Send),
    ) -> StorageResult<()> {
        let mut token = None;
        loop {
            token = self.list_part(folder, after, token, found).await?;
            if token.is_none() {
                return Ok(());
            }
        }
    }

    /// Lists a page, the first one without a token. Returns the token of the next one.
    pub(super) async fn list_part(
        &self,
        folder: &str,
        after: Option<&str>,
        token: Option<String>,
        found: &mut (dyn FnMut(ListedObject<'_>) + Send),
    ) -> StorageResult<Option<String>> {
        let below = self.key(folder);
        let after = after.map(|after| format!("{below}{after}"));
        let page = || self.page(&below, after.clone(), token.clone());
        let page = self.retry(Operation::List, folder, page).await?;
        let encoded = page.encoding_type() == Some(&EncodingType::Url);
        for object in page.contents() {
            let key = object.key().unwrap_or_default();
            let key = if encoded {
                url::decode(key)
            } else {
                key.into()
            };
            let modified_at = object.last_modified().map(|time| time.to_millis());
            let is_wanted = after.as_ref().is_none_or(|after| key > *after);
            if let Some(key) = key.strip_prefix(&below).filter(|_| is_wanted) {
                found(ListedObject {
                    key,
                    modified_at: modified_at.and_then(Result::ok).unwrap_or(0),
                    tag: object.e_tag().unwrap_or_default().to_owned(),
                });
            }
        }
        Ok(page.next_continuation_token().map(str::to_owned))
    }

    async fn page(
        &self,
        below: &str,
        after: Option<String>,
        token: Option<String>,
    ) -> Result<ListObjectsV2Output, RequestError> {
        let page = self.client.list_objects_v2().bucket(&self.bucket);
        let page = page.prefix(below).encoding_type(EncodingType::Url);
        // The token stands for the key after which the list goes on.
        let page = page.set_start_after(after.filter(|_| token.is_none()));
        let page = page.set_continuation_token(token).send().await;
        page.map_err(|error| failed(Operation::List, &error))
    }
}
