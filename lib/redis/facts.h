/*
 * facts.h - what a server says of itself: ROLE, INFO, CONFIG GET. Pure.
 */
#ifndef BACKUPMX_LIB_REDIS_FACTS_H
#define BACKUPMX_LIB_REDIS_FACTS_H

#include "conn.h"

/** Takes the reply to ROLE; any other leaves the role unknown. */
void bmx_redis_facts_take_role(struct bmx_redis_facts *facts,
                               const struct bmx_redis_reply *reply);

/** Takes INFO replication: the silence of the master. */
void bmx_redis_facts_take_replication(struct bmx_redis_facts *facts,
                                      const struct bmx_redis_reply *reply);

/** Takes CONFIG GET maxmemory-policy, or INFO memory.
 * @return true when it told the policy */
bool bmx_redis_facts_take_policy(struct bmx_redis_facts *facts,
                                 const struct bmx_redis_reply *reply);

#endif
