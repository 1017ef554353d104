-- ISPConfig 3 (MySQL): what its Postfix maps take. Mailboxes that receive,
-- aliases, forwards and catch-alls that are active; an alias domain has what
-- its target has. Addresses of Mailman lists are not in the database: add
-- list-from-postmap on the primary for them.
SELECT u.email
  FROM mail_user u
  JOIN mail_domain d ON d.domain = SUBSTRING_INDEX(u.email, '@', -1)
 WHERE d.domain = :domain AND d.active = 'y' AND u.postfix = 'y'
UNION
SELECT f.source
  FROM mail_forwarding f
  JOIN mail_domain d ON d.domain = SUBSTRING_INDEX(f.source, '@', -1)
 WHERE d.domain = :domain AND d.active = 'y' AND f.active = 'y'
   AND f.type <> 'aliasdomain'
UNION
SELECT CONCAT(SUBSTRING_INDEX(u.email, '@', 1), t.source)
  FROM mail_forwarding t
  JOIN mail_domain d ON t.source = CONCAT('@', d.domain)
  JOIN mail_user u
    ON t.destination = CONCAT('@', SUBSTRING_INDEX(u.email, '@', -1))
 WHERE d.domain = :domain AND d.active = 'y' AND t.type = 'aliasdomain'
   AND t.active = 'y' AND u.postfix = 'y'
UNION
SELECT CONCAT(SUBSTRING_INDEX(f.source, '@', 1), t.source)
  FROM mail_forwarding t
  JOIN mail_domain d ON t.source = CONCAT('@', d.domain)
  JOIN mail_forwarding f
    ON t.destination = CONCAT('@', SUBSTRING_INDEX(f.source, '@', -1))
 WHERE d.domain = :domain AND d.active = 'y' AND t.type = 'aliasdomain'
   AND t.active = 'y' AND f.active = 'y' AND f.type <> 'aliasdomain'
