//! The services with a database of their own, in memory.

use zato::{Kind, Result, services, sql::Sql, testing, uuid::Uuid};

use super::{Buy, CreateCustomer, GetCustomer, ListCustomers, buy, create, get, list};

const ANN: Uuid = Uuid::from_u128(0x0b8e_0a52_6d0e_4f7e_9d7a_0c1f_5d2a_7b01);

async fn crm() -> Result<Sql> {
    let crm = Sql::sqlite_in_memory();
    crm.migrate(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/crm/migrations")).await?;
    Ok(crm)
}

async fn names(crm: &Sql, search: &str, page: i64) -> Result<(Vec<String>, i64, bool)> {
    let found = list(ListCustomers { search: search.to_owned(), page, page_size: 2 }, crm.clone()).await?;
    Ok((found.customers.into_iter().map(|customer| customer.name).collect(), found.total, found.has_next))
}

#[tokio::test]
async fn customers_are_found_page_by_page() -> Result<()> {
    let crm = crm().await?;
    assert_eq!(names(&crm, "", 1).await?, (vec!["Ann Smith".to_owned(), "Bert O'Neill".to_owned()], 3, true));
    assert_eq!(names(&crm, "", 2).await?, (vec!["Carla Smithers".to_owned()], 3, false));
    assert_eq!(names(&crm, "SMITH", 1).await?.1, 2);
    assert_eq!(names(&crm, "o'n", 1).await?.1, 1);
    for nobody in ["%", "_", "!", "' OR 1 = 1 --"] {
        assert_eq!(names(&crm, nobody, 1).await?.1, 0, "{nobody}");
    }
    Ok(())
}

#[tokio::test]
async fn no_two_customers_have_the_same_address() -> Result<()> {
    let crm = crm().await?;
    let dora = || CreateCustomer { name: "Dora".to_owned(), email: "dora@example.com".to_owned(), credit: 0 };
    let made = create(&testing::context(), dora(), crm.clone()).await?;
    assert_eq!(get(GetCustomer { id: made.id }, crm.clone()).await?, made);
    let refused = create(&testing::context(), dora(), crm.clone()).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
    assert_eq!(get(GetCustomer { id: Uuid::nil() }, crm).await.unwrap_err().kind(), Kind::NotFound);
    Ok(())
}

#[tokio::test]
async fn nobody_buys_for_more_than_there_is() -> Result<()> {
    let crm = crm().await?;
    let purchase = |amount, customer_id| Buy { customer_id, article: "a chair".to_owned(), amount };
    let bought = buy(&testing::context(), purchase(6_000, ANN), crm.clone()).await?;
    assert_eq!(bought.credit_left, 4_000);
    let refused = buy(&testing::context(), purchase(4_001, ANN), crm.clone()).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
    let unknown = buy(&testing::context(), purchase(1, Uuid::nil()), crm.clone()).await.unwrap_err();
    assert_eq!(unknown.kind(), Kind::NotFound);
    assert_eq!(crm.scalar::<i64>("SELECT count(*) FROM purchase", ()).await?, 1);
    Ok(())
}

#[tokio::test]
async fn all_of_it_over_http() -> Result<()> {
    let yaml = include_str!("zato.yaml");
    let app = testing::app("crm").services(services![create, get, list, buy]).config_yaml(yaml);
    let app = app.fake("CRM", &crm().await?).start().await?;
    let client = testing::client(&app);
    let found = client.get("/customers?search=smith&page_size=1").await;
    let found = found.json();
    assert_eq!((&found["total"], &found["customers"][0]["name"]), (&2.into(), &"Ann Smith".into()));
    Ok(())
}
