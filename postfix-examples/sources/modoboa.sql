-- Modoboa (PostgreSQL or MySQL): what its Postfix maps take. Each mailbox has
-- an alias of its own name there; aliases may be disabled or expire. A domain
-- alias has what its target has.
SELECT a.address
  FROM admin_alias a
  JOIN admin_domain d
    ON RIGHT(a.address, CHAR_LENGTH(d.name) + 1) = CONCAT('@', d.name)
 WHERE d.name = :domain AND d.enabled AND a.enabled
   AND (a.expire_at IS NULL OR a.expire_at > NOW())
   AND EXISTS (SELECT 1 FROM modoboa_admin_aliasrecipient r
                WHERE r.alias_id = a.id)
UNION
SELECT CONCAT(LEFT(a.address, CHAR_LENGTH(a.address) - CHAR_LENGTH(d.name)),
              t.name)
  FROM admin_domainalias t
  JOIN admin_domain d ON d.id = t.target_id
  JOIN admin_alias a
    ON RIGHT(a.address, CHAR_LENGTH(d.name) + 1) = CONCAT('@', d.name)
 WHERE t.name = :domain AND t.enabled AND d.enabled AND a.enabled
   AND (a.expire_at IS NULL OR a.expire_at > NOW())
   AND EXISTS (SELECT 1 FROM modoboa_admin_aliasrecipient r
                WHERE r.alias_id = a.id)
