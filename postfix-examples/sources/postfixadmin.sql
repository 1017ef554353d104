-- Postfix Admin 3 and 4, MySQL or PostgreSQL: what its Postfix maps
-- (POSTFIX_CONF.txt) take. Aliases and mailboxes that are active, catch-alls,
-- and alias domains, which have what their target has.
SELECT a.address
  FROM alias a
  JOIN domain d ON d.domain = a.domain
 WHERE d.domain = :domain AND d.active = '1' AND a.active = '1'
UNION
SELECT m.username
  FROM mailbox m
  JOIN domain d ON d.domain = m.domain
 WHERE d.domain = :domain AND d.active = '1' AND m.active = '1'
UNION
SELECT CONCAT(LEFT(a.address,
                   CHAR_LENGTH(a.address) - CHAR_LENGTH(t.target_domain)),
              t.alias_domain)
  FROM alias_domain t
  JOIN domain d ON d.domain = t.alias_domain
  JOIN alias a ON a.domain = t.target_domain
 WHERE t.alias_domain = :domain AND t.active = '1' AND d.active = '1'
   AND a.active = '1'
UNION
SELECT CONCAT(LEFT(m.username,
                   CHAR_LENGTH(m.username) - CHAR_LENGTH(t.target_domain)),
              t.alias_domain)
  FROM alias_domain t
  JOIN domain d ON d.domain = t.alias_domain
  JOIN mailbox m ON m.domain = t.target_domain
 WHERE t.alias_domain = :domain AND t.active = '1' AND d.active = '1'
   AND m.active = '1'
