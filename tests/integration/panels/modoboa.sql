-- The columns of Modoboa's tables that its maps look at, after
-- https://github.com/modoboa/modoboa (modoboa/admin/models, postfix_maps.py).
CREATE TABLE admin_domain (id INT PRIMARY KEY, name VARCHAR(100) NOT NULL,
	type VARCHAR(20) NOT NULL, enabled BOOLEAN NOT NULL);
CREATE TABLE admin_domainalias (id INT PRIMARY KEY, name VARCHAR(100) NOT NULL,
	target_id INT NOT NULL, enabled BOOLEAN NOT NULL);
CREATE TABLE admin_alias (id INT PRIMARY KEY, address VARCHAR(254) NOT NULL,
	domain_id INT, enabled BOOLEAN NOT NULL, internal BOOLEAN NOT NULL,
	expire_at TIMESTAMP NULL);
CREATE TABLE modoboa_admin_aliasrecipient (id INT PRIMARY KEY,
	address VARCHAR(254) NOT NULL, alias_id INT NOT NULL);
INSERT INTO admin_domain VALUES (1, 'one.test', 'domain', true),
	(2, 'off.test', 'domain', false), (3, 'catch.test', 'domain', true),
	(4, 'sub.one.test', 'domain', true);
INSERT INTO admin_domainalias VALUES (1, 'alias.test', 1, true),
	(2, 'alias-off.test', 1, false), (3, 'catch-alias.test', 3, true);
INSERT INTO admin_alias VALUES
	(1, 'joe@one.test', 1, true, true, NULL),
	(2, 'gone@one.test', 1, false, true, NULL),
	(3, 'sales@one.test', 1, true, false, NULL),
	(4, 'past@one.test', 1, true, false, '2020-01-01 00:00:00'),
	(5, 'soon@one.test', 1, true, false, '2037-01-01 00:00:00'),
	(6, 'nowhere@one.test', 1, true, false, NULL),
	(7, 'sam@off.test', 2, true, true, NULL),
	(8, '@catch.test', 3, true, false, NULL),
	(9, '@alias.test', 1, true, true, NULL),
	(10, 'joe@sub.one.test', 4, true, true, NULL);
INSERT INTO modoboa_admin_aliasrecipient VALUES
	(1, 'joe@one.test', 1), (2, 'gone@one.test', 2), (3, 'joe@one.test', 3),
	(4, 'x@elsewhere.test', 3), (5, 'joe@one.test', 4), (6, 'joe@one.test', 5),
	(7, 'sam@off.test', 7), (8, 'joe@one.test', 8), (9, '@one.test', 9),
	(10, 'joe@sub.one.test', 10);
