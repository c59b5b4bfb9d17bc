INSERT INTO customer (id, name, email, credit) VALUES
    ('0b8e0a52-6d0e-4f7e-9d7a-0c1f5d2a7b01', 'Ann Smith', 'ann@example.com', 10000),
    ('0b8e0a52-6d0e-4f7e-9d7a-0c1f5d2a7b02', 'Bert O''Neill', 'bert@example.com', 500),
    ('0b8e0a52-6d0e-4f7e-9d7a-0c1f5d2a7b03', 'Carla Smithers', 'carla@example.com', 0);
