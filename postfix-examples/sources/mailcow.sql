-- mailcow: dockerized (MySQL): what its Postfix maps take. 2 is a mailbox that
-- takes mail and lets nobody log in. Alias domains have the mailboxes of their
-- target. Temporary addresses end with their validity. A relay domain that
-- takes all recipients is a catch-all: give such a domain another source.
SELECT a.address
  FROM alias a
 WHERE a.domain = :domain AND a.active IN (1, 2)
   AND (EXISTS (SELECT 1 FROM domain d
                 WHERE d.domain = :domain AND d.active = 1)
     OR EXISTS (SELECT 1 FROM alias_domain t
                 WHERE t.alias_domain = :domain AND t.active = 1))
UNION
SELECT m.username
  FROM mailbox m
  JOIN domain d ON d.domain = m.domain
 WHERE d.domain = :domain AND d.active = 1 AND m.active IN (1, 2)
UNION
SELECT CONCAT(LEFT(m.username,
                   CHAR_LENGTH(m.username) - CHAR_LENGTH(t.target_domain)),
              t.alias_domain)
  FROM alias_domain t
  JOIN mailbox m ON m.domain = t.target_domain
 WHERE t.alias_domain = :domain AND t.active = 1 AND m.active IN (1, 2)
UNION
SELECT s.address
  FROM spamalias s
  JOIN domain d ON d.domain = SUBSTRING_INDEX(s.address, '@', -1)
 WHERE d.domain = :domain AND d.active = 1
   AND s.validity >= UNIX_TIMESTAMP()
UNION
SELECT CONCAT('@', d.domain)
  FROM domain d
 WHERE d.domain = :domain AND d.active = 1 AND d.backupmx = 1
   AND d.relay_all_recipients = 1
