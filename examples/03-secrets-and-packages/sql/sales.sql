CREATE TABLE sales (region TEXT, amount INTEGER);
INSERT INTO sales VALUES ('north', 120), ('south', 75), ('north', 30), ('west', 200), ('south', 25);
