//! The floor: opendal with its own transport on reqwest, and a token that was got before. It is given no layer, so that it does
//! nothing twice, and nobody looks at the clock.

use futures_util::TryStreamExt as _;
use opendal::{HttpTransporter, OperationContext, Operator, services::Swift};
use opendal_http_transport_reqwest::ReqwestTransport;
use reqwest::Client;

use crate::{
    Result,
    account::{Account, Session},
    obey,
    objects::{Job, check, check_length, large, large_name, lengths, read_name, small, written_name},
    talk::Orders,
    tasks::share,
};

/// Does a job as often as it is told.
pub(crate) async fn serve(job: Job, account: &Account<'_>, mut orders: Orders) -> Result<()> {
    let client = Client::builder().no_proxy().build()?;
    let session = account.log_in(&client).await?;
    let operator = operator(&session, account.container, client)?;
    let work =
        async |count| share(job.tasks(), count, |first, pieces| one_by_one(operator.clone(), job, first, pieces)).await;
    obey(&mut orders, work).await
}

/// What opendal does everything with.
pub(crate) fn operator(session: &Session, container: &str, client: Client) -> Result<Operator> {
    let service = Swift::default().endpoint(&session.storage_url).container(container).token(&session.token);
    let transport = HttpTransporter::new(ReqwestTransport::new(client));
    Ok(Operator::new(service)?.with_context(OperationContext::new().with_http_transport(transport)))
}

async fn one_by_one(operator: Operator, job: Job, first: u32, pieces: u32) -> Result<()> {
    match job {
        Job::PutSmall => {
            for piece in 0..pieces {
                operator.write(&written_name(first, piece), small()).await?;
            }
        }
        Job::GetSmall => {
            for piece in first..first + pieces {
                check(&operator.read(&read_name(piece)).await?.to_bytes())?;
            }
        }
        Job::PutLarge => {
            for megabytes in lengths(pieces) {
                operator.write(&large_name(megabytes), large(megabytes)).await?;
            }
        }
        Job::GetLarge => {
            for megabytes in lengths(pieces) {
                let mut stream = operator.reader(&large_name(megabytes)).await?.into_bytes_stream(..).await?;
                let mut length = 0;
                while let Some(piece) = stream.try_next().await? {
                    length += piece.len();
                }
                check_length(length, megabytes)?;
            }
        }
    }
    Ok(())
}
