//! What services are given, and what becomes of it.

use zato::swift::Metadata;

use super::{Invoice, Kit, channel};

#[tokio::test(start_paused = true)]
async fn what_is_stored_is_read_into_models_whenever_that_was_and_once() {
    let kit = Kit::new().await;
    let put = |name: &'static str, id: u64| {
        let invoice = Invoice { id, customer: "shop".to_owned() };
        let swift = kit.swift.clone();
        async move { swift.object("CRM", name).put_model(&invoice).await.expect("it is stored") }
    };
    put("b", 8).await;
    put("a", 7).await;
    let app = kit.started(&channel("service: invoice.take")).await;
    assert_eq!(kit.settled(2).await, ["7 of shop 1", "8 of shop 1"], "in the order of names");
    put("c", 9).await;
    assert_eq!(kit.settled(3).await[2..], ["9 of shop 1"]);
    put("a", 17).await;
    assert_eq!(kit.settled(4).await[3..], ["17 of shop 1"], "a changed one is another one");
    assert_eq!(app.stop().await, Vec::<String>::new());
    put("d", 10).await;
    put("b", 18).await;
    let _app = kit.started(&channel("service: invoice.take")).await;
    assert_eq!(kit.settled(6).await[4..], ["18 of shop 1", "10 of shop 1"], "over a restart");
    assert_eq!((kit.names("CRM"), kit.names("CRM_dead").len()), (["a", "b", "c", "d"].map(String::from).to_vec(), 0));
}

#[tokio::test(start_paused = true)]
async fn bytes_come_as_they_are_with_all_that_is_known_of_them() {
    let kit = Kit::new().await;
    let metadata = Metadata::new().with("tenant", "bank").with("zato-cid", "c1");
    let object = kit.swift.object("CRM", "2026/ż 1");
    object.put(vec![0, 255, 10]).content_type("application/x-scan").metadata(metadata).await.expect("it is stored");
    let app = kit.started(&channel("service: anything, data_format: raw")).await;
    let known = "c1 CRM 2026/ż 1 3 Some(\"application/x-scan\") bank 2026/%C5%BC%201";
    assert_eq!(kit.settled(1).await, [format!("[0, 255, 10] {known}")]);
    // Who asks for no data is told all the same.
    app.apply_yaml(channel("service: anything, data_format: raw, get_data: false")).await.expect("it is sound");
    let metadata = Metadata::new().with("tenant", "bank").with("zato-cid", "c1");
    object.put(vec![0, 255, 10]).content_type("application/x-scan").metadata(metadata).await.expect("it is stored");
    assert_eq!(kit.settled(2).await[1..], [format!("[] {known}")]);
}

#[tokio::test(start_paused = true)]
async fn what_has_another_name_is_left_alone_until_it_is_asked_for() {
    let kit = Kit::new().await;
    for name in ["2025/1.json", "2026/1.json", "2026/1.json.tmp", "2026/sub/2.json"] {
        kit.put(name, "1").await;
    }
    let keys = "service: fast, data_format: raw";
    let app = kit.started(&channel(&format!("{keys}, prefix: 2026/, name_pattern: '*.json'"))).await;
    assert_eq!(kit.settled(2).await, ["2026/1.json 1 1", "2026/sub/2.json 1 1"]);
    app.apply_yaml(channel(&format!("{keys}, name_pattern: '????/?.json*'"))).await.expect("it is sound");
    assert_eq!(kit.settled(4).await[2..], ["2025/1.json 1 1", "2026/1.json.tmp 1 1"]);
}

#[tokio::test(start_paused = true)]
async fn objects_of_several_containers_are_moved_side_by_side_or_deleted() {
    let kit = Kit::new().await;
    kit.swift.container("Billing").create().await.expect("it is made");
    for container in ["CRM", "Billing"] {
        kit.swift.object(container, "Invoice").put(r#"{"id": 7, "customer": "shop"}"#).await.expect("it is stored");
    }
    let keys = "service: invoice.take, containers: [CRM, Billing]";
    let app = kit.started(&channel(&format!("{keys}, after_success: move, move_to: done, move_prefix: 2026/"))).await;
    assert_eq!(kit.settled(2).await, ["7 of shop 1", "7 of shop 1"]);
    assert_eq!((kit.names("CRM").len(), kit.names("Billing").len()), (0, 0));
    assert_eq!(kit.names("done"), ["2026/Billing/Invoice", "2026/CRM/Invoice"]);
    app.apply_yaml(channel(&format!("{keys}, after_success: delete"))).await.expect("it is sound");
    kit.put("Invoice", r#"{"id": 8, "customer": "shop"}"#).await;
    assert_eq!(kit.settled(3).await[2..], ["8 of shop 1"]);
    assert_eq!((kit.names("CRM").len(), kit.names("done").len()), (0, 2));
    let marks = kit.names("zato_invoices").into_iter().filter(|name| name.contains("/served/")).count();
    assert_eq!(marks, 0, "what is gone is forgotten");
}
