-- The columns of iRedMail's tables that its maps look at, after
-- https://github.com/iredmail/iRedMail (samples/iredmail/iredmail.mysql).
CREATE TABLE domain (domain VARCHAR(255) PRIMARY KEY, backupmx SMALLINT NOT NULL,
	active SMALLINT NOT NULL);
CREATE TABLE alias_domain (alias_domain VARCHAR(255) PRIMARY KEY,
	target_domain VARCHAR(255) NOT NULL, active SMALLINT NOT NULL);
CREATE TABLE mailbox (username VARCHAR(255) PRIMARY KEY,
	domain VARCHAR(255) NOT NULL, enabledeliver SMALLINT NOT NULL,
	active SMALLINT NOT NULL);
CREATE TABLE forwardings (address VARCHAR(255) NOT NULL,
	forwarding VARCHAR(255) NOT NULL, domain VARCHAR(255) NOT NULL,
	is_list SMALLINT NOT NULL, is_alias SMALLINT NOT NULL,
	active SMALLINT NOT NULL);
CREATE TABLE maillists (address VARCHAR(255) NOT NULL,
	domain VARCHAR(255) NOT NULL, active SMALLINT NOT NULL);
INSERT INTO domain VALUES ('one.test', 0, 1), ('off.test', 0, 0),
	('catch.test', 0, 1), ('backup.test', 1, 1);
INSERT INTO alias_domain VALUES ('alias.test', 'one.test', 1),
	('alias-off.test', 'one.test', 0), ('catch-alias.test', 'catch.test', 1);
INSERT INTO mailbox VALUES ('joe@one.test', 'one.test', 1, 1),
	('gone@one.test', 'one.test', 1, 0), ('held@one.test', 'one.test', 0, 1),
	('sam@off.test', 'off.test', 1, 1), ('sam@backup.test', 'backup.test', 1, 1);
INSERT INTO forwardings VALUES
	('joe@one.test', 'joe@one.test', 'one.test', 0, 0, 1),
	('gone@one.test', 'gone@one.test', 'one.test', 0, 0, 0),
	('sales@one.test', 'joe@one.test', 'one.test', 1, 0, 1),
	('sales@one.test', 'x@elsewhere.test', 'one.test', 1, 0, 1),
	('j@one.test', 'joe@one.test', 'one.test', 0, 1, 1),
	('old@one.test', 'joe@one.test', 'one.test', 1, 0, 0),
	('catch.test', 'joe@one.test', 'catch.test', 0, 0, 1),
	('x@off.test', 'joe@one.test', 'off.test', 1, 0, 1);
INSERT INTO maillists VALUES ('news@one.test', 'one.test', 1),
	('old-news@one.test', 'one.test', 0);
