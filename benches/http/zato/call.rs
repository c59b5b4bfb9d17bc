//! A service that has its work done by a partner.

use zato::{Context, Result, rest::Rest, service};

use super::client::{GetClientRequest, GetClientResponse};

/// Asks the partner, and hands on what it answers.
#[service(name = "client.call")]
pub(crate) async fn call_partner(
    ctx: &Context,
    input: GetClientRequest,
    #[out("Partner")] partner: &Rest,
) -> Result<GetClientResponse> {
    partner.post(ctx).model(&input).await?.error_for_status()?.model()
}

/// Nothing but where the partner is.
pub(crate) fn connection(address: &str) -> String {
    format!("outgoing_rest:\n  - {{name: Partner, host: \"http://{address}\", url_path: /api/v1/client}}\n")
}
