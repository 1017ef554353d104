-- The columns of mailcow's tables that its maps look at, after
-- https://github.com/mailcow/mailcow-dockerized (init_db.inc.php).
CREATE TABLE domain (domain VARCHAR(255) PRIMARY KEY,
	backupmx TINYINT(1) NOT NULL, relay_all_recipients TINYINT(1) NOT NULL,
	active TINYINT(1) NOT NULL);
CREATE TABLE alias (id INT AUTO_INCREMENT PRIMARY KEY, address VARCHAR(255),
	goto TEXT NOT NULL, domain VARCHAR(255) NOT NULL,
	active TINYINT(1) NOT NULL);
CREATE TABLE mailbox (username VARCHAR(255) PRIMARY KEY,
	local_part VARCHAR(255) NOT NULL, domain VARCHAR(255) NOT NULL,
	kind VARCHAR(100) NOT NULL, active TINYINT(1) NOT NULL);
CREATE TABLE alias_domain (alias_domain VARCHAR(255) PRIMARY KEY,
	target_domain VARCHAR(255) NOT NULL, active TINYINT(1) NOT NULL);
CREATE TABLE spamalias (address VARCHAR(255) PRIMARY KEY, goto TEXT NOT NULL,
	validity INT);
INSERT INTO domain VALUES ('one.test', 0, 0, 1), ('off.test', 0, 0, 0),
	('relay.test', 1, 1, 1), ('relay-some.test', 1, 0, 1);
INSERT INTO mailbox VALUES
	('joe@one.test', 'joe', 'one.test', '', 1),
	('noauth@one.test', 'noauth', 'one.test', '', 2),
	('gone@one.test', 'gone', 'one.test', '', 0),
	('room@one.test', 'room', 'one.test', 'location', 1),
	('sam@off.test', 'sam', 'off.test', '', 1);
INSERT INTO alias (address, goto, domain, active) VALUES
	('joe@one.test', 'joe@one.test', 'one.test', 1),
	('sales@one.test', 'joe@one.test', 'one.test', 1),
	('internal@one.test', 'joe@one.test', 'one.test', 2),
	('old@one.test', 'joe@one.test', 'one.test', 0),
	('own@alias.test', 'joe@one.test', 'alias.test', 1),
	('own@alias-off.test', 'joe@one.test', 'alias-off.test', 1),
	('some@relay-some.test', 'some@relay-some.test', 'relay-some.test', 1),
	('x@off.test', 'joe@one.test', 'off.test', 1);
INSERT INTO alias_domain VALUES ('alias.test', 'one.test', 1),
	('alias-off.test', 'one.test', 0);
INSERT INTO spamalias VALUES
	('temp@one.test', 'joe@one.test', UNIX_TIMESTAMP() + 3600),
	('temp-old@one.test', 'joe@one.test', UNIX_TIMESTAMP() - 3600),
	('temp-never@one.test', 'joe@one.test', NULL);
