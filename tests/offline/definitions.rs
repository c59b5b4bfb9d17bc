//! What is known of services before they run.

use std::sync::Arc;

use zato::{
    Context, Invoke, NeedKind, Raw, Response, Result, UserConfig, loopback::Loopback, model, service, services, testing,
};

/// Which user to look up.
///
/// More of it.
#[model]
struct GetUser {
    /// Login name, as the CRM knows it.
    user_name: String,
}

/// Returns nothing of a user.
///
/// And says *why*.
#[service(name = "api.user.get-details")]
async fn get_details(
    _ctx: &Context,
    input: GetUser,
    #[out("CRM")] crm: Loopback,
    #[out("Payments")] payments: &Loopback,
    #[config("tutorial")] tutorial: UserConfig,
    #[state] state: Arc<u8>,
    #[invoke] other: Invoke<without_a_name>,
) -> Result<Vec<GetUser>> {
    let _ = (crm, payments, tutorial, state, other);
    Ok(vec![input])
}

mod inner {
    pub(super) mod deep_down {
        use zato::{Raw, Response, Result, service};

        #[service]
        pub(in super::super) async fn without_a_name(input: Raw) -> Result<Response<Raw>> {
            Ok(Response::new(input))
        }
    }
}

use inner::deep_down::without_a_name;

#[service]
async fn nothing() -> Result<Response<()>> {
    let _ = Raw::default();
    Ok(Response::new(()))
}

#[tokio::test]
async fn a_definition_has_names_docs_shapes_and_needs() {
    let fake = Loopback::fake(Ok);
    let app = testing::app("definitions").services(services![get_details, nothing].and(services![without_a_name]));
    let app = app.state(Arc::new(1_u8)).fake("CRM", &fake).fake("Payments", &fake).start().await.unwrap();
    let definitions: Vec<_> = app.definitions().collect();
    let names: Vec<_> = definitions.iter().map(|definition| definition.name()).collect();
    assert_eq!(names, ["api.user.get-details", "definitions.nothing", "definitions.inner.deep-down.without-a-name"]);
    let details = definitions[0];
    assert_eq!(details.documentation(), "Returns nothing of a user.\n\nAnd says *why*.");
    assert_eq!(definitions[1].documentation(), "");
    let (file, line) = details.written_at().unwrap();
    assert!(file == "tests/offline/definitions.rs" && line > 0, "{file}:{line}");
    let shapes = |index: usize| format!("{:?} -> {:?}", definitions[index].input(), definitions[index].output());
    assert_eq!(
        [shapes(0), shapes(1), shapes(2)],
        ["GetUser -> GetUser", "nothing -> nothing", "raw -> raw"].map(str::to_owned)
    );
    let needs: Vec<_> = details.needs().iter().map(|need| (need.kind(), need.name())).collect();
    let out = NeedKind::Out { section: "outgoing_loopback" };
    assert_eq!(needs[..3], [(out, "CRM"), (out, "Payments"), (NeedKind::Config, "tutorial")]);
    assert_eq!((needs[3].0, needs[4].0, needs.len()), (NeedKind::State, NeedKind::Invoke, 5));
}
