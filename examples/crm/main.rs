//! A CRM: customers in a database, searched and read page by page, and a purchase in one transaction.
//!
//! ```text
//! cargo run --example crm --features sqlite
//! curl 'localhost:17010/customers?search=smith&page_size=1'
//! curl localhost:17010/customers -d '{"name":"Dora Jones","email":"dora@example.com","credit":2000}'
//! curl localhost:17010/customers/0b8e0a52-6d0e-4f7e-9d7a-0c1f5d2a7b01/purchases -d '{"article":"a chair","amount":4900}'
//! ```
//!
//! The database is SQLite's, in the file `crm.db` of the folder that it is started in, or wherever `CRM_DATABASE` says; its
//! tables are made by the files in `migrations` when the program starts. To use PostgreSQL or MariaDB change `zato.yaml` and
//! nothing else, and run it with the feature `postgres` or `mysql`.

use zato::{
    Context, Error, Result, model, service, services,
    sql::{Sql, params},
    uuid::{Builder, Uuid},
};

/// A customer.
#[model]
#[derive(Clone, Debug, PartialEq)]
pub struct Customer {
    /// Given by the service that makes the customer.
    pub id: Uuid,
    /// First and last name.
    pub name: String,
    /// E-mail address; no two customers have the same.
    pub email: String,
    /// What the customer may still buy on credit, in cents.
    pub credit: i64,
}

/// A customer who is to be made.
#[model]
#[derive(Debug)]
pub struct CreateCustomer {
    /// First and last name.
    #[model(length(min = 1, max = 200))]
    pub name: String,
    /// E-mail address.
    #[model(length(min = 3, max = 200))]
    pub email: String,
    /// What the customer may buy on credit, in cents.
    #[serde(default)]
    #[model(range(min = 0))]
    pub credit: i64,
}

/// Which customer to look up.
#[model]
#[derive(Debug)]
pub struct GetCustomer {
    /// The customer's id.
    pub id: Uuid,
}

/// Which customers to list.
#[model]
#[derive(Debug)]
pub struct ListCustomers {
    /// What is to be in their names, in upper or lower case; all if it is empty.
    #[serde(default)]
    pub search: String,
    /// Which page, from 1.
    #[serde(default = "first")]
    #[model(range(min = 1))]
    pub page: i64,
    /// How many customers are on a page.
    #[serde(default = "ten")]
    #[model(range(min = 1, max = 100))]
    pub page_size: i64,
}

/// A page of customers, by their names.
#[model]
#[derive(Debug, PartialEq)]
pub struct Customers {
    /// Those of this page.
    pub customers: Vec<Customer>,
    /// How many there are on all pages.
    pub total: i64,
    /// Whether there is a page behind this one.
    pub has_next: bool,
}

/// What a customer buys.
#[model]
#[derive(Debug)]
pub struct Buy {
    /// Who buys.
    pub customer_id: Uuid,
    /// What.
    pub article: String,
    /// For how much, in cents.
    #[model(range(min = 1))]
    pub amount: i64,
}

/// A purchase.
#[model]
#[derive(Debug, PartialEq)]
pub struct Purchase {
    /// The purchase's id.
    pub id: Uuid,
    /// What the customer may still buy on credit, in cents.
    pub credit_left: i64,
}

fn first() -> i64 {
    1
}

fn ten() -> i64 {
    10
}

fn new_id(ctx: &Context) -> Uuid {
    Builder::from_random_bytes(ctx.random().to_be_bytes()).into_uuid()
}

/// Has a text stand for itself in a pattern.
fn literally(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

/// Makes a customer. An e-mail address that another one has is a conflict, which the database finds.
#[service(name = "customer.create")]
pub async fn create(ctx: &Context, input: CreateCustomer, #[out("CRM")] crm: Sql) -> Result<Customer> {
    let customer = Customer { id: new_id(ctx), name: input.name, email: input.email, credit: input.credit };
    let insert = "INSERT INTO customer (id, name, email, credit) VALUES (:id, :name, :email, :credit)";
    crm.execute(insert, &customer).await?;
    Ok(customer)
}

/// Returns a customer.
#[service(name = "customer.get")]
pub async fn get(input: GetCustomer, #[out("CRM")] crm: Sql) -> Result<Customer> {
    crm.one("SELECT id, name, email, credit FROM customer WHERE id = :id", &input).await
}

/// Returns a page of customers whose names have something in them.
#[service(name = "customer.list")]
pub async fn list(input: ListCustomers, #[out("CRM")] crm: Sql) -> Result<Customers> {
    let pattern = format!("%{}%", literally(&input.search.to_lowercase()));
    let count = "SELECT count(*) FROM customer WHERE LOWER(name) LIKE :pattern ESCAPE '!'";
    let total: i64 = crm.scalar(count, params! { pattern: &pattern }).await?;
    let (limit, offset) = (input.page_size, (input.page - 1).saturating_mul(input.page_size));
    let page = "SELECT id, name, email, credit FROM customer WHERE LOWER(name) LIKE :pattern ESCAPE '!' \
                ORDER BY name, id LIMIT :limit OFFSET :offset";
    let customers: Vec<Customer> = crm.all(page, params! { pattern: &pattern, limit, offset }).await?;
    Ok(Customers { customers, total, has_next: offset.saturating_add(limit) < total })
}

/// Sells something on credit: the purchase and what is left of the credit are kept together, or neither is.
#[service(name = "customer.buy")]
pub async fn buy(ctx: &Context, input: Buy, #[out("CRM")] crm: Sql) -> Result<Purchase> {
    let id = new_id(ctx);
    crm.transaction(async move |tx| {
        // Whoever buys at the same time waits here, and then finds what is left.
        let take = "UPDATE customer SET credit = credit - :amount WHERE id = :customer_id AND credit >= :amount";
        if tx.execute(take, &input).await?.rows_affected() == 0 {
            let find = "SELECT credit FROM customer WHERE id = :customer_id";
            let credit: Option<i64> = tx.optional(find, &input).await?;
            return Err(credit.map_or_else(
                || Error::not_found("no such customer"),
                |credit| Error::conflict(format!("the customer has {credit} left, not {}", input.amount)),
            ));
        }
        let insert =
            "INSERT INTO purchase (id, customer_id, article, amount) VALUES (:id, :customer_id, :article, :amount)";
        let (customer_id, article) = (input.customer_id, &input.article);
        tx.execute(insert, params! { id, customer_id, article, amount: input.amount }).await?;
        let credit_left = tx.scalar("SELECT credit FROM customer WHERE id = :customer_id", &input).await?;
        Ok(Purchase { id, credit_left })
    })
    .await
}

#[tokio::main]
async fn main() -> Result<()> {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/crm/zato.yaml");
    zato::app("crm").services(services![create, get, list, buy]).config_file(config).run().await
}

#[cfg(test)]
mod tests;
