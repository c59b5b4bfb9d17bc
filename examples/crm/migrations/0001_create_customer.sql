-- What stands here is understood by SQLite, PostgreSQL and MariaDB alike.
CREATE TABLE customer (
    id VARCHAR(36) NOT NULL PRIMARY KEY,
    name VARCHAR(200) NOT NULL,
    email VARCHAR(200) NOT NULL,
    -- What the customer may still buy on credit, in cents.
    credit BIGINT NOT NULL,
    CONSTRAINT customer_email UNIQUE (email),
    CONSTRAINT customer_credit CHECK (credit >= 0)
);

CREATE INDEX customer_name ON customer (name);
