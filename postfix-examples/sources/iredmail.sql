-- iRedMail with MySQL or PostgreSQL: what its Postfix maps take. Mailboxes that
-- are active and delivered to, aliases, mailing lists; the catch-all is an
-- address that is the domain's name. An alias domain has what its target has.
SELECT m.username
  FROM mailbox m
  JOIN domain d ON d.domain = m.domain
 WHERE d.domain = :domain AND d.active = 1 AND d.backupmx = 0
   AND m.active = 1 AND m.enabledeliver = 1
UNION
SELECT CASE WHEN f.address = d.domain THEN CONCAT('@', d.domain)
            ELSE f.address END
  FROM forwardings f
  JOIN domain d ON d.domain = f.domain
 WHERE d.domain = :domain AND d.active = 1 AND d.backupmx = 0 AND f.active = 1
UNION
SELECT l.address
  FROM maillists l
  JOIN domain d ON d.domain = l.domain
 WHERE d.domain = :domain AND d.active = 1 AND d.backupmx = 0 AND l.active = 1
UNION
SELECT CASE WHEN f.address = d.domain THEN CONCAT('@', t.alias_domain)
            ELSE CONCAT(LEFT(f.address, CHAR_LENGTH(f.address) -
                                        CHAR_LENGTH(d.domain)),
                        t.alias_domain) END
  FROM alias_domain t
  JOIN domain d ON d.domain = t.target_domain
  JOIN forwardings f ON f.domain = d.domain
 WHERE t.alias_domain = :domain AND t.active = 1
   AND d.active = 1 AND d.backupmx = 0 AND f.active = 1
