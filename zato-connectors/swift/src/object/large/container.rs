//! The container of the segments.

use http::{Method, StatusCode};
use zato_core::Result;

use crate::{
    error::{self, SwiftErrorKind},
    object::Object,
    wire::Call,
};

/// Returns where the segments of an object are unless somebody says otherwise.
pub(crate) fn of(object: &Object) -> String {
    format!("{}_segments", object.container())
}

/// Returns what the names of its segments begin with: in a container that others have theirs in, too, also with its own container.
pub(super) fn prefix(object: &Object, segments_in: &str) -> String {
    if segments_in == of(object) {
        format!("{}/slo/", object.name())
    } else {
        format!("{}/{}/slo/", object.container(), object.name())
    }
}

/// Makes the container of the segments if there is none, kept by the same policy as that of the object.
pub(super) async fn have(object: &Object, segments_in: &str) -> Result<()> {
    let swift = object.swift();
    let call = Call::container(Method::HEAD, segments_in)?.accepting(StatusCode::NOT_FOUND).patient();
    match swift.call(call).await {
        Ok(answer) => {
            let is_there = answer.status() != StatusCode::NOT_FOUND;
            answer.done().await;
            if is_there {
                return Ok(());
            }
        }
        // Who may write objects need not be allowed to look at their container.
        Err(error) if error::kind_of(&error) == Some(SwiftErrorKind::NotAllowed) => return Ok(()),
        Err(error) => return Err(error),
    }
    let of_object = swift.container(object.container()).head().await?;
    let create = swift.container(segments_in).create();
    let made = match of_object.storage_policy.as_deref() {
        Some(policy) => create.storage_policy(policy).await,
        None => create.await,
    };
    match made {
        // Somebody else has made it meanwhile.
        Err(error) if error::kind_of(&error) == Some(SwiftErrorKind::Conflict) => Ok(()),
        made => made.map(drop),
    }
}
