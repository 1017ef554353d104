-- The columns of Postfix Admin's tables that its maps look at, after
-- https://github.com/postfixadmin/postfixadmin (setup, upgrade.php).
CREATE TABLE domain (domain VARCHAR(255) PRIMARY KEY, backupmx BOOLEAN NOT NULL,
	active BOOLEAN NOT NULL);
CREATE TABLE alias (address VARCHAR(255) PRIMARY KEY, goto TEXT NOT NULL,
	domain VARCHAR(255) NOT NULL, active BOOLEAN NOT NULL);
CREATE TABLE mailbox (username VARCHAR(255) PRIMARY KEY,
	local_part VARCHAR(255) NOT NULL, domain VARCHAR(255) NOT NULL,
	active BOOLEAN NOT NULL);
CREATE TABLE alias_domain (alias_domain VARCHAR(255) PRIMARY KEY,
	target_domain VARCHAR(255) NOT NULL, active BOOLEAN NOT NULL);
INSERT INTO domain VALUES
	('ALL', false, true), ('one.test', false, true),
	('catch.test', false, true), ('off.test', false, false),
	('alias.test', false, true), ('alias-off.test', false, true),
	('catch-alias.test', false, true);
INSERT INTO mailbox VALUES
	('joe@one.test', 'joe', 'one.test', true),
	('gone@one.test', 'gone', 'one.test', false),
	('nomap@one.test', 'nomap', 'one.test', true),
	('sam@off.test', 'sam', 'off.test', true);
INSERT INTO alias VALUES
	('joe@one.test', 'joe@one.test,joe#one.test@autoreply.test', 'one.test', true),
	('gone@one.test', 'gone@one.test', 'one.test', false),
	('nomap@one.test', 'nomap@one.test', 'one.test', false),
	('sales@one.test', 'joe@one.test,x@elsewhere.test', 'one.test', true),
	('old@one.test', 'joe@one.test', 'one.test', false),
	('one.test@one.test', 'joe@one.test', 'one.test', true),
	('@catch.test', 'joe@one.test', 'catch.test', true),
	('sam@off.test', 'sam@off.test', 'off.test', true),
	('own@alias.test', 'joe@one.test', 'alias.test', true);
INSERT INTO alias_domain VALUES
	('alias.test', 'one.test', true), ('alias-off.test', 'one.test', false),
	('catch-alias.test', 'catch.test', true);
