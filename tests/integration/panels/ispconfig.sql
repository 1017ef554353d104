-- The columns of ISPConfig's tables that its maps look at, after
-- https://git.ispconfig.org/ispconfig/ispconfig3 (install/tpl/mysql-virtual_*).
CREATE TABLE mail_domain (domain VARCHAR(255) NOT NULL,
	active ENUM('n', 'y') NOT NULL);
CREATE TABLE mail_user (email VARCHAR(255) NOT NULL,
	postfix ENUM('n', 'y') NOT NULL);
CREATE TABLE mail_forwarding (source VARCHAR(255) NOT NULL, destination TEXT,
	type ENUM('alias', 'aliasdomain', 'forward', 'catchall') NOT NULL,
	active ENUM('n', 'y') NOT NULL);
INSERT INTO mail_domain VALUES ('one.test', 'y'), ('off.test', 'n'),
	('catch.test', 'y'), ('alias.test', 'y'), ('alias-off.test', 'y'),
	('catch-alias.test', 'y');
INSERT INTO mail_user VALUES ('joe@one.test', 'y'), ('gone@one.test', 'n'),
	('sam@off.test', 'y');
INSERT INTO mail_forwarding VALUES
	('sales@one.test', 'joe@one.test', 'alias', 'y'),
	('away@one.test', 'x@elsewhere.test', 'forward', 'y'),
	('old@one.test', 'joe@one.test', 'alias', 'n'),
	('x@off.test', 'joe@one.test', 'alias', 'y'),
	('@catch.test', 'joe@one.test', 'catchall', 'y'),
	('@alias.test', '@one.test', 'aliasdomain', 'y'),
	('@alias-off.test', '@one.test', 'aliasdomain', 'n'),
	('@catch-alias.test', '@catch.test', 'aliasdomain', 'y'),
	('own@alias.test', 'joe@one.test', 'alias', 'y');
