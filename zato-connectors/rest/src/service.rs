use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body as HttpBody;
use tokio_util::task::TaskTracker;
use zato_core::BoxError;

use crate::{
    body::Body,
    edge::{Edge, Via},
};

/// The REST channels of an app as a tower service, for a server that somebody else drives.
///
/// It is always ready, never fails, and a clone is cheap. Nested in an axum `Router`, the path that it sees is the one
/// that axum leaves.
///
/// ```
/// use zato_core::{app::App, http::Request, tower::ServiceExt};
/// use zato_rest::{Body, RestChannels, http_service};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> zato_core::Result<()> {
/// let app = App::new("bank").channel(RestChannels::nested()).start().await?;
/// let Ok(response) = http_service(&app).oneshot(Request::get("/zato/ping").body(Body::default())?).await;
/// assert_eq!(response.status(), 200);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HttpService {
    edge: Arc<Edge>,
    requests: TaskTracker,
}

impl HttpService {
    pub(crate) fn new(edge: Arc<Edge>, requests: TaskTracker) -> Self {
        Self { edge, requests }
    }
}

impl<B> tower::Service<Request<B>> for HttpService
where
    B: HttpBody<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let edge = Arc::clone(&self.edge);
        // Counted to the end of the reply, so that the app waits for it when it stops.
        let token = self.requests.token();
        Box::pin(async move {
            let mut response = edge.serve(request, Via::Service).await;
            response.body_mut().hold(|| token);
            Ok(response)
        })
    }
}

impl fmt::Debug for HttpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpService")
    }
}
