CREATE TABLE purchase (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    customer_id VARCHAR(36) NOT NULL,
    article VARCHAR(200) NOT NULL,
    amount BIGINT NOT NULL,
    CONSTRAINT purchase_customer FOREIGN KEY (customer_id) REFERENCES customer (id)
);

CREATE INDEX purchase_of ON purchase (customer_id);
